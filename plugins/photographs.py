"""The dataset ``photographs``: real pictures inside the scikit-image and scikit-learn wheels.

They are read from disk; neither package is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench import Component, DataError, Dataset, UsageError, hookimpl, nearest

if TYPE_CHECKING:
    import pandas as pd

_SKIMAGE, _SKLEARN = ("skimage", "data"), ("sklearn", "datasets/images")
SETS: dict[str, dict[str, tuple[tuple[str, str], str]]] = {
    "natural": {
        "astronaut": (_SKIMAGE, "astronaut.png"),
        "chelsea": (_SKIMAGE, "chelsea.png"),
        "coffee": (_SKIMAGE, "coffee.png"),
        "rocket": (_SKIMAGE, "rocket.jpg"),
        "motorcycle": (_SKIMAGE, "motorcycle_left.png"),
        "china": (_SKLEARN, "china.jpg"),
        "flower": (_SKLEARN, "flower.jpg"),
    },
    "other": {
        "brick": (_SKIMAGE, "brick.png"),
        "camera": (_SKIMAGE, "camera.png"),
        "coins": (_SKIMAGE, "coins.png"),
        "grass": (_SKIMAGE, "grass.png"),
        "gravel": (_SKIMAGE, "gravel.png"),
        "hubble": (_SKIMAGE, "hubble_deep_field.jpg"),
        "ihc": (_SKIMAGE, "ihc.png"),
        "moon": (_SKIMAGE, "moon.png"),
        "retina": (_SKIMAGE, "retina.jpg"),
    },
}
SETS["all"] = {**SETS["natural"], **SETS["other"]}


class Photographs(Dataset):
    """``photographs[set=natural|other|all]``: seven colour photographs; nine further pictures of
    textures, specimens and the sky, most of them grey; or both."""

    name = "photographs"
    version = "1"
    summary = "the pictures inside the scikit-image and scikit-learn wheels"

    def __init__(self, set: str = "natural") -> None:
        if set not in SETS:
            hint = nearest(set, SETS) or f"one of {', '.join(SETS)}"
            raise UsageError(f"photographs[set={set}]: unknown set; {hint}")
        self._files = SETS[set]
        self.n_official = len(self._files)

    def table(self) -> pd.DataFrame:
        import pandas as pd

        names = list(self._files)
        return pd.DataFrame({"image": names, "group": names})

    def path(self, image: str) -> Path | None:
        if image not in self._files:
            hint = nearest(image, self._files) or f"one of {', '.join(self._files)}"
            raise DataError(f"photographs: no image {image!r}; {hint}")
        (package, folder), name = self._files[image]
        spec = find_spec(package)
        roots = spec.submodule_search_locations if spec else None
        if not roots:
            raise DataError(
                f"photographs: image {image!r} lies in the package {package!r}, which is not "
                "installed; install scikit-image and scikit-learn"
            )
        return Path(roots[0]) / folder / name


@hookimpl
def benchbench_datasets() -> Sequence[Component]:
    return (
        Component(
            Photographs.name, "benchbench_plugins.photographs:Photographs", Photographs.summary
        ),
    )
