"""From a clean uint8 image to a distorted one, deterministically."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from benchbench import DataError

from .catalogue import Distortion


def generator(image: str, distortion: str, level: int, seed: int) -> np.random.Generator:
    """A generator of its own for each image, type, level and seed."""
    key = json.dumps([image, distortion, level, seed]).encode()
    return np.random.Generator(np.random.Philox(int.from_bytes(hashlib.sha256(key).digest())))


def distort(
    pixels: np.ndarray,
    distortion: Distortion,
    level: int,
    rng: np.random.Generator,
    stretch: bool = False,
) -> np.ndarray:
    """One distortion of uint8 ``[height, width, 3]`` at a level of 1 to 5.

    ``stretch`` scales the values so that they span what they spanned before, all channels
    together. KADID-10k's generator ends so (with 0 to 1, which its references span), and a blurred
    image comes out with more contrast, a mean shift as little but a change of contrast.
    """
    if min(pixels.shape[:2]) < 2:
        raise DataError(
            f"{distortion.name}: an image of {pixels.shape[1]}x{pixels.shape[0]} pixels cannot be "
            "distorted; leave out images under 2x2"
        )
    function = distortion.function()
    amount = distortion.amounts[level - 1]
    if distortion.bytes_in:
        made = function(pixels, amount, rng)
        if made.dtype != np.uint8:
            made = np.clip(made, 0, 255, out=made).astype(np.uint8)
        return made
    image = pixels.astype(np.float32) / 255
    result = np.clip(function(image, amount, rng), 0, 1)
    if stretch and np.ptp(result) > 0:
        low, high = image.min(), image.max()
        result = low + (result - result.min()) * ((high - low) / np.ptp(result))
    return np.rint(result * 255).astype(np.uint8)
