"""Noise, and noise taken away again."""

from __future__ import annotations

import math

import numpy as np
from scipy import signal

from .spaces import ycc_noise_to_rgb


def white(image: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of that variance in R, G and B."""
    return image + _normal(image, variance, rng)


def colour(image: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of that variance in Y, Cb and Cr."""
    return image + ycc_noise_to_rgb(_normal(image, variance, rng))


def impulse(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """That share of the samples, each channel by itself, set to 0 or 1, either as likely."""
    draw = rng.random(image.shape, dtype=np.float32)
    result = image.copy()
    result[draw < share] = 1
    result[draw < share / 2] = 0
    return result


def multiplicative(image: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """Each sample times 1 plus Gaussian noise of that variance."""
    return image * (1 + _normal(image, variance, rng))


def denoise(image: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """White noise, then Wiener's adaptive filter on 7×7 pixels, channel by channel.

    KADID-10k's own denoiser is a network; this is a classical stand-in. On the one image at hand
    it leaves as much error, fine and coarse, as the network did.
    """
    noisy = np.clip(white(image, variance, rng), 0, 1)
    smooth: np.ndarray = signal.wiener(noisy, (7, 7, 1))
    return smooth


def _normal(image: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(image.shape, dtype=np.float32) * np.float32(math.sqrt(variance))
