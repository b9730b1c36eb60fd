"""The dataset ``cross``: several sets joined, some to fit on, the others to test on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench import Component, DataError, Dataset, ImageFacts, UsageError, dataset, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_SHARED = ("score", "score_std")
_OWN = ("reference", "distortion", "level", "label")
_SHOWN = 3


class Cross(Dataset):
    """``cross[fit=A,test=B+C]``. The column ``source`` names a row's set and ``split`` is
    ``train`` for the rows of ``fit`` and ``test`` for the others; where every set of ``fit`` has a
    split of its own, that stays. ``outlier`` is true for the rows of ``test``, for questions about
    what belongs to ``fit``.

    ``far`` names those sets of ``test`` that are far from ``fit``: the column ``shift`` is then
    ``far`` for their rows, ``near`` for the other outliers, empty for the rest.

    Where a set has no distortions, an outlier's ``distortion`` is its set's name, at level 1, so
    that each set is reported, and that of the others ``none``, at level 0.
    ``cross[fit=parts[source=A],test=B+C]`` keeps a part of A for testing.

    Ids are ``<source>:<id there>``. Scores stay on each set's own scale; those of a set whose
    direction is the other way round change their sign. A column of scores stays where all sets
    have it; other columns are empty where a set has none.

    Groups that hold the same picture, such as two sets' common reference, are one group. A picture
    that is both fitted and tested on is said in the notes; its groups stay two, one a side.
    """

    name = "cross"
    version = "2"
    summary = "several datasets joined: fit on some, test on the others"

    def __init__(self, fit: str, test: str, far: str | None = None) -> None:
        self._fit, self._far = _names(fit), _names(far) if far else []
        for name in self._far:
            if name not in _names(test):
                raise UsageError(f"cross[far={far}]: {name} is not among the sets of "
                                 f"test={test}; name some of those")
        self._sets = {name: dataset(name) for name in (*self._fit, *_names(test))}
        if len(self._sets) != len(self._fit) + len(_names(test)):
            raise UsageError(f"cross[fit={fit},test={test}]: a set is named twice; "
                             "name each set once")
        first = self._sets[self._fit[0]]
        self.score_kind, self.higher_is_better = first.score_kind, first.higher_is_better
        self.size = first.size
        self.share_labels = all(part.share_labels for part in self._sets.values())
        kinds = {part.std_kind for part in self._sets.values()}
        self.std_kind = first.std_kind if len(kinds) == 1 else None
        counts = [part.n_official for part in self._sets.values()]
        self.n_official = None if None in counts else sum(n for n in counts if n is not None)
        self._said = tuple(self._notes())
        self.notes = self._said
        self._digests: dict[str, str] = {}

    def members(self) -> Sequence[str]:
        return tuple(self._sets)

    def table(self) -> pd.DataFrame:
        import pandas as pd

        tables = {name: part.table() for name, part in self._sets.items()}
        scores = [c for c in _SHARED if all(c in table for table in tables.values())]
        others = [c for c in _OWN if any(c in table for table in tables.values())]
        own_split = all("split" in tables[name] for name in self._fit)
        parts = [self._part(name, tables[name], [*scores, *others], own_split) for name in tables]
        joined = pd.concat(parts, ignore_index=True)
        self._compare(joined)
        if self._far:
            shift = joined["source"].isin(self._far).map({True: "far", False: "near"})
            joined["shift"] = shift.where(joined["outlier"], "")
        whole = joined["source"].where(joined["outlier"], "none")
        if "distortion" not in joined:
            joined = joined.assign(distortion=None, level=None)
        bare = joined["distortion"].isna()
        joined["distortion"] = joined["distortion"].where(~bare, whole)
        if "level" in joined:
            level = joined["level"].where(~bare, joined["outlier"].astype(int))
            joined["level"] = level.infer_objects()
        return joined

    def path(self, image: str) -> Path | None:
        source, own = self._parts(image)
        return self._sets[source].path(own)

    def load(self, image: str) -> np.ndarray:
        source, own = self._parts(image)
        return self._sets[source].load(own)

    def inspect(self, images: Sequence[str]) -> list[ImageFacts]:
        wanted: dict[str, list[str]] = {}
        for image in images:
            source, own = self._parts(image)
            wanted.setdefault(source, []).append(own)
        found = {
            f"{source}:{image}": facts
            for source, own in wanted.items()
            for image, facts in zip(own, self._sets[source].inspect(own), strict=True)
        }
        return [found[image] for image in images]

    def sources(self) -> list[Path]:
        return [path for part in self._sets.values() for path in part.sources()]

    def _part(
        self, name: str, table: pd.DataFrame, columns: list[str], own_split: bool
    ) -> pd.DataFrame:
        """One set's rows, ids and groups marked with its name."""
        import pandas as pd

        part, fitted = self._sets[name], name in self._fit
        found = pd.DataFrame({"image": name + ":" + table["image"], "source": name})
        for column in columns:
            found[column] = table.get(column)
        if "reference" in found and "reference" in table:
            found["reference"] = name + ":" + table["reference"]
        elif "reference" in found:
            found["reference"] = found["image"]
        if "score" in found and part.higher_is_better != self.higher_is_better:
            found["score"] = -found["score"]
        group = next(c for c in ("group", "reference", "image") if c in table)
        found["group"] = name + ":" + table[group].astype(str)
        if fitted and own_split:
            found["split"] = table["split"]
        else:
            found["split"] = "train" if fitted else "test"
        found["outlier"] = not fitted
        return found

    def _compare(self, table: pd.DataFrame) -> None:
        """Make groups of one side that hold the same picture one, and note what both sides hold."""
        columns = [column for column in ("image", "reference") if column in table]
        images = list(dict.fromkeys(table[columns].to_numpy().ravel().tolist()))
        digest = self._digest(images)
        tested = table["split"].astype(str).str.lower().isin(("test", "testing"))
        name: dict[str, str] = {}
        first: dict[tuple[str, bool], str] = {}
        held: tuple[dict[str, str], dict[str, str]] = {}, {}
        for column in columns:
            rows = zip(table[column], table["group"], tested, table["outlier"], strict=True)
            for image, group, testing, outlier in rows:
                if image not in digest:
                    continue
                known = first.setdefault((digest[image], testing), group)
                a, b = _root(name, known), _root(name, group)
                if a != b:
                    name[b] = a
                if outlier or not testing:
                    held[outlier].setdefault(digest[image], image)
        table["group"] = [_root(name, group) for group in table["group"]]
        fitted, asked = held
        both = [f"{fitted[key]} as {asked[key]}" for key in asked if key in fitted]
        more = ", …" if len(both) > _SHOWN else ""
        self.notes = self._said if not both else (
            *self._said, f"{len(both)} of the pictures to test on, or of their references, are "
            f"pictures to fit on as well: {', '.join(both[:_SHOWN])}{more}")

    def _digest(self, images: Sequence[str]) -> dict[str, str]:
        """The digests of the images that are there."""
        new = [image for image in images if image not in self._digests
               and ((path := self.path(image)) is None or path.exists())]
        found = zip(new, self.inspect(new), strict=True)
        self._digests.update((image, facts.digest) for image, facts in found)
        return self._digests

    def _parts(self, image: str) -> tuple[str, str]:
        for name in self._sets:
            if image.startswith(f"{name}:"):
                return name, image[len(name) + 1 :]
        raise DataError(f"cross: no image {image!r}; ids are <source>:<id there>, with the sources "
                        f"{', '.join(self._sets)}")

    def _notes(self) -> list[str]:
        notes = [f"{name}: {note}" for name, part in self._sets.items() for note in part.notes]
        turned = [name for name, part in self._sets.items()
                  if part.score_kind and part.higher_is_better != self.higher_is_better]
        if turned:
            notes.append(f"scores of {', '.join(turned)} with the sign changed, since their "
                         "direction is the other way round")
        return notes


def _root(name: dict[str, str], group: str) -> str:
    """The group that a group has become part of."""
    while group in name:
        group = name[group]
    return group


def _names(text: str) -> list[str]:
    """Split at each ``+`` outside brackets."""
    names, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "+" and depth == 0:
            names.append("")
        else:
            names[-1] += char
    return [name.strip() for name in names]


@hookimpl
def benchbench_datasets() -> Sequence[Component]:
    return (Component(Cross.name, "benchbench_plugins.cross:Cross", Cross.summary),)
