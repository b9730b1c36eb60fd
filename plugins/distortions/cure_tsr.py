"""Twelve CURE-TSR-style challenges: made here after what their names say.

The generators of CURE-TSR (Temel, Kwon, Prabhushankar and AlRegib, 2017) are not public; these are
not they. Floats on 0 to 1 in and out. Lengths are shares of the image's shorter side, so that a
sign of 28 pixels and a photograph of 2,000 show the same weather. Blurs grow with its root: a large
picture has finer detail to lose.
"""

from __future__ import annotations

import math

import numpy as np

from .filters import convolve, disk, gaussian
from .spaces import luma

_FOG, _DIRT, _FLAKE = np.array([[0.8, 0.82, 0.85], [0.3, 0.26, 0.2], [0.95, 0.96, 1.0]], np.float32)


def decolorization(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Each pixel moved to its luma, by that share of the way."""
    return image + np.float32(share) * (luma(image)[..., None] - image)


def lens_blur(image: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Mean over a disk: radius in pixels at a side of 32."""
    return convolve(image, disk(radius * math.sqrt(_side(image) / 32)))


def codec_error(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A decoder that lost data: runs of blocks, that share of the image, show another place, in
    wrong colours and without detail."""
    height, width = image.shape[:2]
    block = max(2, round(_side(image) / 14))
    rows, columns = -(-height // block), -(-width // block)
    run = max(2, columns // 4)
    # Runs start before the left border, too: so every block is hit with the same probability.
    shape = rows, columns + run - 1
    at = np.arange(shape[1])
    draw = rng.random(shape)
    number = max(1, round(draw.size * (1 - (1 - share) ** (1 / run))))
    starts = draw <= np.partition(draw, number - 1, axis=None)[number - 1]
    start = np.maximum.accumulate(np.where(starts, at, -run), axis=1)
    hit = (at - start < run)[:, run - 1 :]
    first = np.maximum(start, 0)[:, run - 1 :]
    moves = rng.integers(-2 * block, 2 * block + 1, (2, *shape))
    casts = rng.normal(0, 0.06, (*shape, 2)).astype(np.float32)
    row = np.arange(rows)[:, None]

    def pixels(blocks: np.ndarray) -> np.ndarray:
        return blocks.repeat(block, 0).repeat(block, 1)[:height, :width]

    y = np.arange(height)[:, None] + pixels(moves[0][row, first])
    x = np.arange(width) + pixels(moves[1][row, first])
    # Half of the detail is gone: every second pixel stands for two.
    moved = image[y.clip(0, height - 1) // 2 * 2, x.clip(0, width - 1) // 2 * 2]
    blue, red = np.moveaxis(pixels(casts[row, first]), 2, 0)
    moved += np.stack((1.402 * red, -0.344 * blue - 0.714 * red, 1.772 * blue), axis=2)
    return np.where(pixels(hit)[..., None], moved, image)


def exposure(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Every sample times the factor: dark under 1, burnt out over 1."""
    return image * np.float32(factor)


def dirty_lens(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Blots of dust, out of focus, that hide what is behind them: the most that is hidden."""
    dust = _blobs(image, round(20 + 60 * amount), (0.01, 0.1), rng)
    grey = luma(image).mean()
    # What a blot hides it scatters: it is as bright as the scene is, a little.
    return _over(image, np.float32(amount) * dust, _DIRT * (0.6 + grey))


def gaussian_blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur: σ in pixels at a side of 32."""
    return gaussian(image, sigma * math.sqrt(_side(image) / 32))


def noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of that σ in R, G and B."""
    return image + np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)


def rain(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Slanted streaks, that many hundred on a square image, and a veil."""
    height, width = image.shape[:2]
    side = _side(image)
    # A streak is a hundred and fiftieth of the side wide. Where that is less than a pixel, fewer
    # cover as much.
    thick = side / 150
    count = math.ceil(100 * amount * height * width / side**2 * min(thick, 1))
    slope = rng.uniform(-0.3, 0.3) + rng.normal(0, 0.02, count)
    length = side * rng.uniform(0.08, 0.2, count)
    top = rng.uniform(-0.2 * side, height, count)
    left = rng.uniform(-0.1 * side, width + 0.1 * side, count)
    steps = np.arange(math.ceil(0.2 * side))[:, None]
    y = np.rint(top + steps)
    x = left + slope * steps
    strength = rng.uniform(0.3, 0.9, count) * (steps < length)
    low = np.floor(x)
    layer = np.zeros((height, width))
    for column, weight in ((low, low + 1 - x), (low + 1, x - low)):
        inside = (y >= 0) & (y < height) & (column >= 0) & (column < width) & (strength > 0)
        place = (y * width + column)[inside].astype(np.intp)
        drawn = np.bincount(place, (strength * weight)[inside], height * width)
        layer += drawn.reshape(height, width)
    if thick > 1:
        layer = gaussian(layer, 0.4 * thick) * thick
    veil = 0.02 * amount
    return _over(image, veil + (1 - veil) * np.minimum(layer, 0.9), _FOG)


def shadow(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Slanted bars of shade with soft edges, as a fence or a blind casts them: share of the light
    that they take away."""
    y, x = _grid(image)
    period = rng.uniform(0.35, 0.6)
    wave = np.sin(2 * np.pi * ((x + rng.uniform(-0.4, 0.4) * y) / period + rng.random()))
    shade = 1 / (1 + np.exp(-8 * (wave + 0.1)))
    return image * (1 - amount * shade)[..., None].astype(np.float32)


def snow(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Flakes near and far, that many hundred on a square image, and a veil."""
    flakes = _blobs(image, round(100 * amount), (0.004, 0.025), rng)
    veil = 0.08 * amount
    return _over(image, veil + (1 - veil) * flakes, _FLAKE)


def haze(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Light of the air, thickest around a vanishing point near the middle, and a slight blur: the
    share of the air's light there."""
    y, x = _grid(image)
    across, down = rng.uniform(-0.15, 0.15, 2)
    far = np.exp(-((x - across) ** 2 + (y - down) ** 2) / 0.3)
    soft = gaussian(image, 0.3 * amount * math.sqrt(_side(image) / 32))
    return _over(soft, amount * (0.65 + 0.35 * far), _FOG)


def _side(image: np.ndarray) -> int:
    return min(image.shape[:2])


def _grid(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of rows and columns from the middle, in shorter sides."""
    height, width = image.shape[:2]
    y, x = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    return y[:, None] / _side(image), x / _side(image)


def _over(image: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The colour laid over the image where it is covered, ``[height, width]`` from 0 to 1."""
    return image + cover[..., None].astype(np.float32) * (colour - image)


def _blobs(
    image: np.ndarray, count: int, sizes: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Round soft spots in random places, that many on a square image, from 0 to 1: smallest and
    largest radius; small ones are more frequent.

    A Gaussian spot is a product of a row and a column, so that all together are one matrix product;
    in float64, for the same pixels whatever the order of its sums.
    """
    height, width = image.shape[:2]
    side = _side(image)
    count = max(1, round(count * height * width / side**2))
    meant = side * np.exp(rng.uniform(*np.log(sizes), count))
    radius = np.maximum(meant, 0.5)
    # A spot too small for the pixels is a fainter one.
    strength = rng.uniform(1, 4, count) * (meant / radius) ** 2
    y, x = rng.uniform(0, height, count), rng.uniform(0, width, count)
    down = np.exp(-(((np.arange(height)[:, None] + 0.5 - y) / radius) ** 2))
    across = np.exp(-(((np.arange(width) + 0.5 - x[:, None]) / radius[:, None]) ** 2))
    spots = (down * strength) @ across
    return 1 - np.exp(-spots)
