"""Convolution with replicated borders, and the kernels."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import ndimage, signal


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of the first two axes with a kernel of 2⌈2σ⌉+1 pixels."""
    radius = math.ceil(2 * sigma)
    blurred = image
    for axis in (0, 1):
        blurred = ndimage.gaussian_filter1d(blurred, sigma, axis, mode="nearest", radius=radius)
    return blurred


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Each channel of ``[height, width, channels]`` with one kernel of odd sides."""
    rows, columns = (side // 2 for side in kernel.shape)
    padded = np.pad(image, ((rows, rows), (columns, columns), (0, 0)), mode="edge")
    weights = kernel[:, :, None].astype(image.dtype)
    return signal.fftconvolve(padded, weights, mode="valid", axes=(0, 1))


@lru_cache(maxsize=32)
def disk(radius: float) -> np.ndarray:
    """The share of each pixel that a disk around the centre covers, scaled to sum 1.

    The disk is cut into 512 strips a pixel (fewer beyond 8 pixels), each taken as a rectangle.
    """
    reach = math.ceil(radius - 0.5)
    samples = min(512, math.ceil(4096 / radius))
    centres = np.arange(-reach, reach + 1)
    strips = (np.arange(samples) + 0.5) / samples - 0.5
    x = centres[:, None] + strips
    half = np.sqrt(np.maximum(radius**2 - x**2, 0))[:, :, None]
    covered = np.minimum(half, centres + 0.5) - np.maximum(-half, centres - 0.5)
    share = np.maximum(covered, 0).mean(axis=1)
    share /= share.sum()
    share.setflags(write=False)
    return share


def line(length: float, angle: float) -> np.ndarray:
    """A line of that length through the centre, one pixel wide with soft edges, scaled to sum 1.

    ``angle`` in degrees, counter-clockwise from the horizontal. A pixel weighs 1 less its distance
    from the line; a line of one pixel leaves an image as it is.
    """
    half = (length - 1) / 2
    reach = math.ceil(half)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turn = math.radians(angle)
    along = x * math.cos(turn) - y * math.sin(turn)
    across = x * math.sin(turn) + y * math.cos(turn)
    beyond = np.maximum(np.abs(along) - half, 0)
    weights = np.maximum(1 - np.hypot(across, beyond), 0)
    return weights / weights.sum()
