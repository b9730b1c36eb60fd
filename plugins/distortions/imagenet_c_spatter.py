"""ImageNet-C's spatter: drops of water (levels 1 to 3) or mud (4 and 5) on the lens."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_WATER = np.array([175, 238, 238]) / 255
_MUD = np.array([63, 42, 20]) / 255
# OpenCV's lengths are 1, 1.4 and 2.1969, and much is made of the third digit. In 1290ths of a pixel
# all three are whole numbers, and twice 20 pixels fit into 16 bits.
_PIXEL, _DIAGONAL, _KNIGHT, _FURTHEST = 1290, 1806, 2834, 20 * 1290
_RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.int16)


def spatter(
    image: np.ndarray, amount: tuple[float, float, float, float, float, int],
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Drops where smoothed noise is high: mean and σ of the noise, its smoothing, threshold,
    strength of the water or softness of the mud, and 1 for mud."""
    mean, scale, smoothing, threshold, strength, mud = amount
    noise = rng.normal(mean, scale, image.shape[:2])
    liquid = ndimage.gaussian_filter(noise, smoothing, mode="nearest")
    liquid[liquid < threshold] = 0
    if mud:
        drops = (liquid > threshold).astype(float)
        cover = ndimage.gaussian_filter(drops, strength, mode="nearest")
        cover[cover < 0.8] = 0
    else:
        depth = (liquid * 255).astype(np.uint8)
        cover = depth * _relief(depth).astype(float)
        cover *= strength / max(float(cover.max()), 1e-12)
    result = image.copy()
    pixels = result.reshape(-1, 3)
    at = np.flatnonzero(cover)
    clean, cover = pixels[at] / 255, cover.ravel()[at, None]
    mixed = clean * (1 - cover) + _MUD * cover if mud else clean + cover * _WATER
    pixels[at] = np.clip(mixed * 255, 0, 255)
    return result


def _relief(depth: np.ndarray) -> np.ndarray:
    """Light and shade on the drops, from each pixel's distance to a rim, 0 to 255."""
    far = _nine(_distance(_rims(depth)).astype(np.int32)) // (9 * _PIXEL)
    light = np.pad(_equalised(far).astype(np.int16), 1, mode="reflect")
    shaded = np.zeros(depth.shape, np.int16)
    for (y, x), weight in np.ndenumerate(_RELIEF):
        if weight:
            shaded += weight * light[y : y + depth.shape[0], x : x + depth.shape[1]]
    return (_nine(shaded.clip(0, 255)) + 4) // 9


def _distance(edges: np.ndarray) -> np.ndarray:
    """To the nearest edge, at most 20 pixels, in 1290ths, as OpenCV measures with its 5×5 mask: a
    shortest path of steps along axes, diagonals and knight's moves.

    A path is some steps of one kind and then some of a neighbouring kind, and any number of
    steps of a kind is a sum of 16, 8, 4, 2 and 1.
    """
    height, width = edges.shape
    far = np.where(edges, 0, _FURTHEST).astype(np.uint16)
    for long, short, cost in ((1, 0, _PIXEL), (2, 1, _KNIGHT), (1, 1, _DIAGONAL)):
        for down, right in {
            (sign * a, other * b)
            for a, b in ((long, short), (short, long)) for sign in (1, -1) for other in (1, -1)
        }:  # fmt: skip
            for steps in (16, 8, 4, 2, 1):
                y, x = down * steps, right * steps
                if steps * cost < _FURTHEST and abs(y) < height and abs(x) < width:
                    there = far[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
                    here = far[max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)]
                    np.minimum(there, here + np.uint16(steps * cost), out=there)
    return far


def _nine(image: np.ndarray) -> np.ndarray:
    """Sums over 3×3 pixels, mirrored at the borders."""
    padded = np.pad(image, 1, mode="reflect")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def _rims(depth: np.ndarray) -> np.ndarray:
    """Canny's edges, thinned: those over the upper threshold, and those over the lower one that
    hang together with them."""
    values = np.pad(depth.astype(np.int16), 1, mode="edge")
    sums = values[:, :-2] + 2 * values[:, 1:-1] + values[:, 2:]
    steps = values[:, 2:] - values[:, :-2]
    down, across = np.zeros((2, *values.shape), np.int16)
    down[1:-1, 1:-1] = sums[2:] - sums[:-2]
    across[1:-1, 1:-1] = steps[:-2] + 2 * steps[1:-1] + steps[2:]
    size = (np.abs(down) + np.abs(across)).ravel()
    at = np.flatnonzero(size > 50)
    down, across, here = down.ravel()[at], across.ravel()[at], size[at]
    tangent = np.tan(np.pi / 8)
    level = np.abs(down) <= tangent * np.abs(across)
    upright = ~level & (np.abs(across) <= tangent * np.abs(down))
    # Towards which neighbour the slope goes, in places of the padded image.
    line = values.shape[1]
    slant = np.where((down < 0) != (across < 0), line - 1, line + 1)
    slope = np.where(level, 1, np.where(upright, line, slant))
    before, after = size[at - slope], size[at + slope]
    # On a slant a tie counts for neither, along the axes for the first: so OpenCV has it.
    thin = (here > before) & ((here > after) | ((level | upright) & (here == after)))
    edges = np.zeros(values.shape, bool)
    edges.ravel()[at[thin & (here > 150)]] = True
    if (weak := at[thin & (here <= 150)]).size:
        both = edges.copy()
        both.ravel()[weak] = True
        edges = ndimage.binary_propagation(edges, np.ones((3, 3)), both)
    return edges[1:-1, 1:-1]


def _equalised(image: np.ndarray) -> np.ndarray:
    """Histogram equalisation: the darkest value becomes 0, the brightest 255."""
    counts = np.bincount(image.ravel(), minlength=256)
    total, first = image.size, int(counts[counts.nonzero()[0][0]])
    if total == first:
        return image.astype(np.uint8)
    table = np.rint((np.cumsum(counts) - first) * (255 / (total - first)))
    return np.clip(table, 0, 255).astype(np.uint8)[image]
