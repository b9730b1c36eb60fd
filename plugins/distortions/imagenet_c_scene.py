"""ImageNet-C's blurs and weather; frost is in a file of its own."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from .resample import smear, zoom


def gaussian_blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur, σ in pixels."""
    return _smooth(image / 255, sigma) * 255


def defocus_blur(
    image: np.ndarray, amount: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Mean over a disk of whole pixels, its edge softened: radius and softness in pixels."""
    radius, softness = amount
    height, width = image.shape[:2]
    reach = max(8, int(radius))
    around = ((reach, reach), (reach, reach), (0, 0))
    padded = np.pad(image, around, mode="reflect" if min(height, width) > reach else "edge")
    # What comes round from the other side stays within the padding, so a cyclic one will do.
    shape = [fft.next_fast_len(padded.shape[axis], real=bool(axis)) for axis in (0, 1)]
    result = np.empty_like(image)
    for channel in range(3):
        waves = fft.rfft2(padded[..., channel].astype(float), shape, overwrite_x=True)
        waves *= _disk_waves(radius, softness, *shape)
        plane = fft.irfft2(waves, shape, overwrite_x=True)
        blurred = plane[reach : reach + height, reach : reach + width]
        result[..., channel] = np.clip(blurred, 0, 255, out=blurred)
    return result


@lru_cache(maxsize=4)
def _disk_waves(radius: float, softness: float, height: int, width: int) -> np.ndarray:
    """The softened disk's spectrum, which is real, since the disk lies evenly around 0."""
    reach = max(8, int(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    # In float32 and not scaled again after softening: the original's mean is a little off, too.
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    disk /= disk.sum()
    taps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    bell = np.exp(-(taps**2) / (2 * softness**2))
    for axis in (0, 1):
        disk = ndimage.correlate1d(disk, bell / bell.sum(), axis, mode="mirror")
    centred = np.zeros((height, width))
    centred[: 2 * reach + 1, : 2 * reach + 1] = disk
    return fft.rfft2(np.roll(centred, (-reach, -reach), (0, 1))).real


def glass_blur(
    image: np.ndarray, amount: tuple[float, int, int], rng: np.random.Generator
) -> np.ndarray:
    """Blur, pixels replaced by neighbours from the bottom up, blur: σ, reach, passes."""
    sigma, reach, passes = amount
    height, width = image.shape[:2]
    blurred = (_smooth(image / 255, sigma) * 255).astype(np.uint8).reshape(-1, 3)
    rows, columns = np.arange(height - reach, reach, -1), np.arange(width - reach, reach, -1)
    order = (rows[:, None] * width + columns).ravel()
    shown = list(range(height * width))
    for _ in range(passes):
        right, down = rng.integers(-reach, reach, (2, order.size))
        # One after the other: a pixel may take what another has already been given.
        sources = order + down * width + right
        for place, other in zip(order.tolist(), sources.tolist(), strict=True):
            shown[place] = shown[other]
    return _smooth(blurred[shown].reshape(image.shape) / 255, sigma) * 255


def motion_blur(
    image: np.ndarray, amount: tuple[int, float], rng: np.random.Generator
) -> np.ndarray:
    """A one-sided smear within 45° of the horizontal: radius and σ in pixels."""
    return smear(image, *amount, angle=rng.uniform(-45, 45))


def zoom_blur(
    image: np.ndarray, amount: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Mean of the image and of enlargements of its middle: largest factor (exclusive), step."""
    factors = np.arange(1, *amount)
    clean = image.astype(np.float32) / 255
    layers = sum(zoom(clean, factor) for factor in factors)
    return (clean + layers) / (len(factors) + 1) * 255


def fog(image: np.ndarray, amount: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """A cloud laid over, then scaled to the image's own maximum: density and roughness."""
    density, decay = amount
    height, width = image.shape[:2]
    clean = image / 255
    side = 2 ** math.ceil(math.log2(max(height, width)))
    cloud = _cloud(side, decay, rng)
    lowest, highest = cloud.min(), cloud.max()
    cloud = (cloud[:height, :width, None] - lowest) / max(float(highest - lowest), 1e-12)
    brightest = clean.max()
    clean += density * cloud
    clean *= brightest
    clean /= brightest + density
    clean *= 255
    return clean


def snow(
    image: np.ndarray, amount: tuple[float, float, float, float, int, float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Flakes from enlarged noise, smeared downwards, over a whitened image: mean and σ of the
    noise, enlargement, threshold, smear's radius and σ, share of the original."""
    mean, scale, factor, threshold, radius, sigma, share = amount
    flakes = zoom(rng.normal(mean, scale, image.shape[:2]), factor)
    flakes = np.clip(np.where(flakes < threshold, 0, flakes), 0, 1)
    flakes = smear(flakes, radius, sigma, rng.uniform(-135, -45))
    flakes = (np.rint(flakes * 255) / 255)[..., None]
    clean = image / 255
    grey = clean @ np.array([0.299, 0.587, 0.114])
    whitened = np.maximum(clean, grey[..., None] * 1.5 + 0.5)
    mixed = share * clean + (1 - share) * whitened
    return (mixed + flakes + np.rot90(flakes, 2)) * 255


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4)


def _cloud(side: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Diamond-square fractal noise on a torus whose side is a power of two.

    Every new point is the mean of four neighbours and a uniform deviation; deviations shrink by
    ``decay`` from one step to the next.
    """
    heights = np.zeros((side, side))
    deviation, step = 100.0, side
    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        pairs = corners + np.roll(corners, -1, 0)
        heights[half::step, half::step] = _between(pairs + np.roll(pairs, -1, 1), deviation, rng)
        middles = heights[half::step, half::step]
        above = middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1)
        heights[::step, half::step] = _between(above, deviation, rng)
        beside = middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0)
        heights[half::step, ::step] = _between(beside, deviation, rng)
        deviation, step = deviation / decay, half
    return heights


def _between(sums: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return sums / 4 + deviation * rng.uniform(-deviation, deviation, sums.shape)
