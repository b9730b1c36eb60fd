"""Local distortions: pixels moved, patches, blocks."""

from __future__ import annotations

import numpy as np


def jitter(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Every pixel displaced by Gaussian noise of that σ, down and across; five passes, bilinear."""
    height, width = image.shape[:2]
    flat = image.reshape(-1, 3)
    for _ in range(5):
        moved = rng.standard_normal((2, height, width), dtype=np.float32) * np.float32(amount)
        y = np.clip(np.arange(height, dtype=np.float32)[:, None] - moved[0], 0, height - 1)
        x = np.clip(np.arange(width, dtype=np.float32) - moved[1], 0, width - 1)
        top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
        down, right = (y - top)[..., None], (x - left)[..., None]
        here = (top * width + left).ravel()
        across = (left < width - 1).ravel()
        below = np.where(top < height - 1, width, 0).ravel()
        corners = [
            flat.take(at, axis=0).reshape(image.shape)
            for at in (here, here + across, here + below, here + below + across)
        ]
        upper = corners[0] + right * (corners[1] - corners[0])
        lower = corners[2] + right * (corners[3] - corners[2])
        flat = (upper + down * (lower - upper)).reshape(-1, 3)
    return flat.reshape(image.shape)


def patches(image: np.ndarray, count: float, rng: np.random.Generator) -> np.ndarray:
    """That many patches of 16×16 pixels copied to a place up to 8 pixels away, down and across."""
    side, reach = 16, 8
    height, width = image.shape[:2]
    result = image.copy()
    if min(height, width) <= side:
        return result
    for _ in range(int(count)):
        y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        down, right = rng.integers(-reach, reach + 1, size=2)
        to_y = min(max(y + down, 0), height - side)
        to_x = min(max(x + right, 0), width - side)
        result[to_y : to_y + side, to_x : to_x + side] = image[y : y + side, x : x + side]
    return result


def pixelate(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Scaled down by .95 − strength^.6 and up again, both to the nearest pixel."""
    factor = 0.95 - strength**0.6
    rows, columns = (_nearest(side, max(1, int(side * factor))) for side in image.shape[:2])
    return image[np.ix_(rows, columns)]


def colour_block(image: np.ndarray, count: float, rng: np.random.Generator) -> np.ndarray:
    """That many blocks of 32×32 pixels, each of one random colour."""
    side = 32
    height, width = image.shape[:2]
    result = image.copy()
    for _ in range(int(count)):
        y = rng.integers(0, max(height - side, 0) + 1)
        x = rng.integers(0, max(width - side, 0) + 1)
        result[y : y + side, x : x + side] = rng.random(3, dtype=np.float32)
    return result


def _nearest(side: int, small: int) -> np.ndarray:
    """For each of ``side`` pixels, the pixel that it shows after going through ``small``."""
    up = np.floor((np.arange(side) + 0.5) * small / side).astype(np.intp)
    return np.floor((up + 0.5) * side / small).astype(np.intp)
