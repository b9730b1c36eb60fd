"""Blur and sharpening."""

from __future__ import annotations

import numpy as np

from .filters import convolve, disk, gaussian, line
from .spaces import lab_to_rgb, rgb_to_lab


def gaussian_blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur, σ in pixels."""
    return gaussian(image, sigma)


def lens_blur(image: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Mean over a disk, radius in pixels."""
    return convolve(image, disk(radius))


def motion_blur(image: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Mean along a line, length in pixels, in a random direction."""
    return convolve(image, line(length, rng.uniform(0, 180)))


def sharpen(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Unsharp masking of Lab's L: Gaussian of σ 6 in a window of 13 pixels."""
    lab = rgb_to_lab(image)
    light = lab[..., :1]
    smooth = convolve(light, _WINDOW)
    lab[..., :1] = light + amount * (light - smooth)
    return lab_to_rgb(lab)


_BELL = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 6.0**2))
_WINDOW = np.outer(_BELL, _BELL) / _BELL.sum() ** 2
