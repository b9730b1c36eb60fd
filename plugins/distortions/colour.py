"""Colour: diffusion, shift, palettes and saturation."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from .filters import gaussian
from .spaces import lab_to_rgb, luma, rgb_to_lab


def diffusion(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Lab's a* and b* blurred with σ = 1.5·amount + 2, then multiplied by the amount."""
    lab = rgb_to_lab(image)
    lab[..., 1:] = gaussian(lab[..., 1:], 1.5 * amount + 2) * amount
    return lab_to_rgb(lab)


def shift(image: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    """The green channel moved in a random direction, where there are edges.

    The mask that blends it in is the blurred (σ 4) magnitude of the grey image's gradient, scaled
    to 0 to 1 and clipped at its 1st and 99th percentiles.
    """
    mask = gaussian(np.hypot(*np.gradient(luma(image))), 4)
    mask = (mask - mask.min()) / max(float(np.ptp(mask)), 1e-12)
    mask = np.clip(mask, *np.percentile(mask, (1, 99)).astype(mask.dtype))
    turn = rng.uniform(0, 2 * math.pi)
    height, width = mask.shape
    rows = np.arange(height) - round(pixels * math.sin(turn))
    columns = np.arange(width) - round(pixels * math.cos(turn))
    green = image[..., 1]
    moved = green[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    result = image.copy()
    result[..., 1] = moved * mask + green * (1 - mask)
    return result


def palette(image: np.ndarray, colours: float, rng: np.random.Generator) -> np.ndarray:
    """A palette by median cut and k-means, with Floyd and Steinberg's dither.

    The palette is chosen on about 8,000 evenly spaced pixels: k-means on all of a photograph takes
    ten times as long and comes no nearer.
    """
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    step = max(1, round(math.sqrt(pixels.shape[0] * pixels.shape[1] / 8192)))
    thinned = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
    few = thinned.quantize(int(colours), Image.Quantize.MEDIANCUT, kmeans=1)
    dithered = Image.fromarray(pixels).quantize(palette=few, dither=Image.Dither.FLOYDSTEINBERG)
    return np.asarray(dithered.convert("RGB"), np.float32) / 255


def saturation_hsv(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """HSV's S multiplied: with H and V kept, every x becomes V − factor·(V − x)."""
    value = image.max(axis=2, keepdims=True)
    return value - factor * (value - image)


def saturation_lab(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Lab's a* and b* multiplied."""
    lab = rgb_to_lab(image)
    lab[..., 1:] *= factor
    return lab_to_rgb(lab)
