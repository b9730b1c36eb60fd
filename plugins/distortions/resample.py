"""Enlargement and straight smears."""

from __future__ import annotations

import math

import numpy as np


def zoom(image: np.ndarray, factor: float) -> np.ndarray:
    """The middle of the image, enlarged to the image's size; the first two axes, bilinear."""
    result = image
    for axis in (0, 1):
        result = _zoom(result, factor, axis)
    return result


def _zoom(image: np.ndarray, factor: float, axis: int) -> np.ndarray:
    side = image.shape[axis]
    cut = math.ceil(side / factor)
    start = (side - cut) // 2
    enlarged = round(cut * factor)
    at = np.arange(side) * ((cut - 1) / max(enlarged - 1, 1))
    low = np.minimum(np.floor(at).astype(np.intp), cut - 1)
    high = np.minimum(low + 1, cut - 1)
    shape = [1] * image.ndim
    shape[axis] = side
    part = (at - low).astype(image.dtype).reshape(shape)
    first, second = image.take(start + low, axis), image.take(start + high, axis)
    return first + part * (second - first)


def smear(image: np.ndarray, radius: int, sigma: float, angle: float) -> np.ndarray:
    """One-sided Gaussian smear in a direction, in steps of a pixel, borders replicated: what
    ImageMagick calls motion blur. Steps that leave the image are left out, weight and all."""
    height, width = image.shape[:2]
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    turn = math.radians(angle)
    rest = [(0, 0)] * (image.ndim - 2)
    reach = 2 * radius + 1
    padded = np.pad(image.astype(np.float32), [(reach, reach), (reach, reach), *rest], mode="edge")
    result = np.zeros(image.shape, np.float32)
    for step, weight in enumerate(weights.astype(np.float32)):
        down = -math.ceil(step * math.sin(turn) - 0.5)
        right = -math.ceil(step * math.cos(turn) - 0.5)
        if abs(down) >= height or abs(right) >= width:
            break
        top, left = reach - down, reach - right
        result += weight * padded[top : top + height, left : left + width]
    return result
