"""Brightness, contrast and grey levels."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from .spaces import lab_to_rgb, rgb_to_lab


def brighten(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """The curve through (.5, .5 + amount/2), on RGB and on Lab's L, mixed two to one."""
    lab = rgb_to_lab(image)
    lab[..., 0] = 100 * _bend(lab[..., 0] / 100, 0.5 + amount / 2)
    return (2 * _bend(image, 0.5 + amount / 2) + lab_to_rgb(lab)) / 3


def darken(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """The curve through (.5, .5 − amount/2), on RGB."""
    return _bend(image, 0.5 - amount / 2)


def mean_shift(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """The amount added to every sample."""
    return image + np.float32(amount)


def contrast(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """The cubic spline (ends not-a-knot) through (0, 0), (.3, .25 − amount/4), (.5, .5),
    (.7, .75 + amount/4) and (1, 1).

    An amount of 0 already changes the image.
    """
    knots = (0, 0.25 - amount / 4, 0.5, 0.75 + amount / 4, 1)
    return np.clip(CubicSpline((0, 0.3, 0.5, 0.7, 1), knots)(image), 0, 1)


def quantization(image: np.ndarray, levels: float, rng: np.random.Generator) -> np.ndarray:
    """Each channel cut into equal steps: that many grey levels, from 0 to 1."""
    steps = np.minimum(np.floor(np.clip(image, 0, 1) * levels), levels - 1)
    return steps / (levels - 1)


def _bend(values: np.ndarray, middle: float) -> np.ndarray:
    """The parabola through (0, 0), (.5, middle), (1, 1), clipped to 0 to 1."""
    square, slope = 2 - 4 * middle, 4 * middle - 1
    return np.clip(values * (square * values + slope), 0, 1)
