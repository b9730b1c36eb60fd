"""ImageNet-C's spatter: drops of water (levels 1 to 3) or mud (4 and 5) on the lens."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_WATER = np.array([175, 238, 238]) / 255
_MUD = np.array([63, 42, 20]) / 255
_RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def spatter(
    image: np.ndarray, amount: tuple[float, float, float, float, float, int],
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Drops where smoothed noise is high: mean and σ of the noise, its smoothing, threshold,
    strength of the water or softness of the mud, and 1 for mud."""
    mean, scale, smoothing, threshold, strength, mud = amount
    clean = image / 255
    noise = rng.normal(mean, scale, image.shape[:2])
    liquid = ndimage.gaussian_filter(noise, smoothing, mode="nearest")
    liquid[liquid < threshold] = 0
    if mud:
        drops = (liquid > threshold).astype(float)
        cover = ndimage.gaussian_filter(drops, strength, mode="nearest")
        cover = np.where(cover < 0.8, 0, cover)[..., None]
        return np.clip(clean * (1 - cover) + _MUD * cover, 0, 1) * 255
    depth = (liquid * 255).astype(np.uint8)
    drops = depth * _relief(depth)
    drops *= strength / max(float(drops.max()), 1e-12)
    return np.clip(clean + drops[..., None] * _WATER, 0, 1) * 255


def _relief(depth: np.ndarray) -> np.ndarray:
    """Light and shade on the drops, from each pixel's distance to a rim, 0 to 255."""
    edges = _rims(depth)
    far = np.full(depth.shape, 20.0)
    if edges.any():
        far = np.minimum(_distance(edges), 20)
    # A running mean leaves 5.999… where 6 is meant.
    even = _equalised((_mean(far) + 1e-6).astype(np.uint8))
    shaded = ndimage.correlate(even.astype(float), _RELIEF, mode="mirror")
    return np.rint(_mean(np.clip(shaded, 0, 255)))


def _distance(edges: np.ndarray) -> np.ndarray:
    """To the nearest edge, in steps along axes (1), diagonals (1.4) and knight's moves (2.1969), as
    OpenCV measures with its 5×5 mask: what follows makes much of the third digit."""
    _, nearest = ndimage.distance_transform_edt(~edges, return_indices=True)
    apart = np.abs(nearest - np.indices(edges.shape))
    long, short = apart.max(axis=0), apart.min(axis=0)
    flat = short * 2.1969 + (long - 2 * short)
    steep = (long - short) * 2.1969 + (2 * short - long) * 1.4
    return np.where(long >= 2 * short, flat, steep)


def _mean(image: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(image, 3, mode="mirror")


def _rims(depth: np.ndarray) -> np.ndarray:
    """Canny's edges, thinned: a drop's rim is a step from 0 to its threshold, so that every rim is
    far over both of Canny's thresholds and nothing inside a drop comes near the lower one."""
    values = depth.astype(float)
    down, across = (ndimage.sobel(values, axis, mode="nearest") for axis in (0, 1))
    size = np.abs(down) + np.abs(across)
    padded = np.pad(size, 1)

    def beside(y: int, x: int) -> np.ndarray:
        return padded[1 + y : 1 + y + size.shape[0], 1 + x : 1 + x + size.shape[1]]

    tangent = np.tan(np.pi / 8)
    level = np.abs(down) <= tangent * np.abs(across)
    upright = ~level & (np.abs(across) <= tangent * np.abs(down))
    slanted = ~level & ~upright
    rising = slanted & (down * across < 0)
    falling = slanted & ~rising
    # On a slant a tie counts for neither, along the axes for the first: so OpenCV has it.
    thin: np.ndarray = (size > 150) & (
        (level & (size > beside(0, -1)) & (size >= beside(0, 1)))
        | (upright & (size > beside(-1, 0)) & (size >= beside(1, 0)))
        | (rising & (size > beside(-1, 1)) & (size > beside(1, -1)))
        | (falling & (size > beside(-1, -1)) & (size > beside(1, 1)))
    )
    return thin


def _equalised(image: np.ndarray) -> np.ndarray:
    """Histogram equalisation: the darkest value becomes 0, the brightest 255."""
    counts = np.bincount(image.ravel(), minlength=256)
    total, first = image.size, int(counts[counts.nonzero()[0][0]])
    if total == first:
        return image
    table = np.rint((np.cumsum(counts) - first) * (255 / (total - first)))
    return np.clip(table, 0, 255).astype(np.uint8)[image]
