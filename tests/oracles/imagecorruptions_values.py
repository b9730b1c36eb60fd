"""Writes ``imagecorruptions.json``: what the package ``imagecorruptions`` 1.1.2 makes of one crop.

``tox -e oracles`` runs it in an environment of its own, with old NumPy, SciPy and setuptools.
``python imagecorruptions_values.py FILE.json``
"""

from __future__ import annotations

import json
import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage
import skimage.filters
from skimage import data

FIXED = {
    "contrast": "contrast",
    "brightness": "brightness",
    "saturate": "saturate",
    "pixelate": "pixelate",
    "gaussian-blur": "gaussian_blur",
    "defocus-blur": "defocus_blur",
    "zoom-blur": "zoom_blur",
    "jpeg": "jpeg_compression",
}
RANDOM = {
    "gaussian-noise": "gaussian_noise",
    "shot-noise": "shot_noise",
    "impulse-noise": "impulse_noise",
    "speckle-noise": "speckle_noise",
    "elastic": "elastic_transform",
    "glass-blur": "glass_blur",
    "motion-blur": "motion_blur",
    "fog": "fog",
    "frost": "frost",
    "snow": "snow",
    "spatter": "spatter",
}
DRAWN = sorted(RANDOM.keys() - {"impulse-noise", "glass-blur"})
"""Those that draw the same from the same generator as ours. The other two draw in another order."""
SEEDS = 60


def crop() -> np.ndarray:
    """96×128 pixels of the coffee cup."""
    image: np.ndarray = data.coffee()[100:196, 200:328]
    return image


def grid(image: np.ndarray) -> list[int]:
    """Every twelfth pixel."""
    return [int(value) for value in image[6::12, 6::12].ravel()]


def statistics(image: np.ndarray, clean: np.ndarray) -> list[float]:
    """Mean, standard deviation, and root mean square difference from the clean image."""
    values = image.astype(float)
    return [values.mean(), values.std(), float(np.sqrt(np.mean((values - clean) ** 2)))]


def main(path: Path) -> None:
    corrupt = package()
    clean = crop()
    fixed = {
        name: [grid(corrupt(clean, level, function)) for level in range(1, 6)]
        for name, function in FIXED.items()
    }
    random: dict[str, list[dict[str, Any]]] = {}
    for name, function in RANDOM.items():
        random[name] = []
        for level in range(1, 6):
            rows = []
            for seed in range(SEEDS):
                np.random.seed(seed)
                rows.append(statistics(corrupt(clean, level, function), clean.astype(float)))
            random[name].append(
                {
                    "mean": np.round(np.mean(rows, axis=0), 4).tolist(),
                    "sd": np.round(np.std(rows, axis=0, ddof=1), 4).tolist(),
                }
            )
    drawn: dict[str, list[list[int]]] = {name: [] for name in DRAWN}
    for name in DRAWN:
        for level in range(1, 6):
            rng = np.random.default_rng(level)
            for function in ("normal", "uniform", "poisson"):
                setattr(np.random, function, getattr(rng, function))
            np.random.randint = rng.integers  # type: ignore[assignment]
            drawn[name].append(grid(corrupt(clean, level, RANDOM[name])))
    found = {"seeds": SEEDS, "fixed": fixed, "drawn": drawn, "random": random}
    path.write_text(json.dumps(found) + "\n", encoding="utf-8")


def package() -> Any:
    """The function ``corrupt`` of the package, made to work where NumPy, SciPy, scikit-image and
    setuptools have since removed what it needs, as in the benchmarks."""
    if not hasattr(np, "float_"):
        np.float_ = np.float64  # type: ignore[attr-defined]
    if find_spec("scipy.ndimage.interpolation") is None:
        moved = types.ModuleType("scipy.ndimage.interpolation")
        moved.map_coordinates = scipy.ndimage.map_coordinates  # type: ignore[attr-defined]
        sys.modules["scipy.ndimage.interpolation"] = moved
    if find_spec("pkg_resources") is None:
        found = types.ModuleType("pkg_resources")
        found.resource_filename = resource_filename  # type: ignore[attr-defined]
        sys.modules["pkg_resources"] = found
    gaussian = skimage.filters.gaussian

    def with_multichannel(image: Any, *args: Any, multichannel: bool = False, **how: Any) -> Any:
        return gaussian(image, *args, **how, **({"channel_axis": -1} if multichannel else {}))

    skimage.filters.gaussian = with_multichannel
    try:
        from imagecorruptions import corrupt
    finally:
        skimage.filters.gaussian = gaussian
    return corrupt


def resource_filename(module: str, name: str) -> str:
    return str(Path(sys.modules[module].__file__ or "").parent / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
