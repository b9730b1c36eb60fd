"""ImageNet-C's frost: photographs of frost laid over, which are not part of this project."""

from __future__ import annotations

import hashlib
import math
import os
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image

from benchbench import DataError

# The package has a sixth picture and never draws it.
NAMES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")


def textures() -> tuple[Path, ...]:
    """The five photographs: in ``frost/`` below the data root, or among the files of an installed
    package ``imagecorruptions``, which is not imported. DataError where they are not."""
    root = os.environ.get("BENCHBENCH_DATA")
    places = [(Path(root).expanduser() / "frost").absolute()] if root else []
    for place in (*places, *_installed()):
        found = tuple(place / name for name in NAMES)
        if all(path.is_file() for path in found):
            return found
    folder = places[0] if root else "frost/ below --data-root"
    raise DataError(
        f"imagenet-c-frost needs photographs of frost, {NAMES[0]} to {NAMES[-1]}, and they are not "
        f"here: run 'pip install --no-deps imagecorruptions', which has them, or put them into "
        f"{folder}"
    )


@cache
def _installed() -> tuple[Path, ...]:
    try:
        listed = metadata.files("imagecorruptions") or []
    except metadata.PackageNotFoundError:
        return ()
    return tuple(Path(str(file.locate())).parent for file in listed if file.name == NAMES[0])


def digests() -> list[str]:
    """SHA-256 of each photograph: other frost, other pixels."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in textures()]


def frost(
    image: np.ndarray, amount: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """A random piece of a random photograph laid over: shares of the image and of the frost."""
    height, width = image.shape[:2]
    path = textures()[rng.integers(len(NAMES))]
    tall, wide = _read(path).shape[:2]
    # A tenth larger than it is, or than the image where that is larger.
    texture = _enlarged(path, 1.1 * max(1, height / tall, width / wide))
    top = rng.integers(texture.shape[0] - height)
    left = rng.integers(texture.shape[1] - width)
    result = np.multiply(image, amount[0])
    result += amount[1] * texture[top : top + height, left : left + width]
    return result


@lru_cache(maxsize=len(NAMES))
def _read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@lru_cache(maxsize=len(NAMES))
def _enlarged(path: Path, scale: float) -> np.ndarray:
    """The photograph enlarged, uint8. It is kept, since most images need the same."""
    texture = _read(path).astype(np.float32)
    for axis in (1, 0):
        places, weights = _taps(texture.shape[axis], math.ceil(texture.shape[axis] * scale))
        weights = weights[:, :, None] if axis else weights[:, :, None, None]
        texture = sum(
            texture.take(at, axis) * weight for at, weight in zip(places, weights, strict=True)
        )
    return np.rint(texture).clip(0, 255).astype(np.uint8)


def _taps(side: int, enlarged: int) -> tuple[np.ndarray, np.ndarray]:
    """The four pixels that each is made of and their weights, both ``[4, enlarged]``: cubic with
    a = −.75, which is OpenCV's."""
    at = ((np.arange(enlarged) + 0.5) * (side / enlarged) - 0.5).astype(np.float32)
    low = np.floor(at)
    away = np.abs(at - low - np.arange(-1, 3, dtype=np.float32)[:, None])
    near = (1.25 * away - 2.25) * away * away + 1
    far = -0.75 * (((away - 5) * away + 8) * away - 4)
    places = low.astype(np.intp) + np.arange(-1, 3)[:, None]
    return places.clip(0, side - 1), np.where(away <= 1, near, far)
