"""ImageNet-C's noise, colour and digital corruptions (Hendrycks and Dietterich, ICLR 2019).

uint8 in, values around 0 to 255 out, in float64; they are cut off to uint8 afterwards, as in the
original. Definitions are those of the package ``imagecorruptions``, which made them fit any size.
Arrays are written over where that saves one: most of these functions take as long as their memory.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from .spaces import through_hsv


def gaussian_noise(image: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of that σ on 0 to 1."""
    noisy = rng.normal(0, scale, image.shape)
    noisy += image / 255
    return _back(noisy)


def shot_noise(image: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """Poisson noise: white is that many photons."""
    return _back(rng.poisson(image / 255 * photons) / photons)


def impulse_noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """That share of the samples set to 0 or 255, either as likely."""
    draw = rng.random(image.shape)
    result = image.copy()
    result[draw < share] = 255
    result[draw < share / 2] = 0
    return result


def speckle_noise(image: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Each sample times 1 plus Gaussian noise of that σ."""
    clean = image / 255
    noisy = rng.normal(0, scale, image.shape)
    noisy *= clean
    noisy += clean
    return _back(noisy)


def contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Distance from each channel's mean multiplied."""
    clean = image / 255
    means = np.mean(clean, axis=(0, 1), keepdims=True)
    clean -= means
    clean *= factor
    clean += means
    return _back(clean)


def brightness(image: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Added to HSV's V."""
    return _back(through_hsv(image, lambda pure, light: (pure, np.clip(light + shift, 0, 1))))


def saturate(
    image: np.ndarray, amount: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """HSV's S multiplied and shifted. The first two levels take colour away."""
    factor, shift = amount
    return _back(
        through_hsv(image, lambda pure, light: (np.clip(pure * factor + shift, 0, 1), light))
    )


def jpeg(image: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    """Pillow's JPEG at that quality."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    with Image.open(buffer) as decoded:
        return np.asarray(decoded)


def pixelate(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Scaled down by that factor by box averaging, and up again to the nearest pixel."""
    height, width = image.shape[:2]
    small = (max(1, int(width * factor)), max(1, int(height * factor)))
    picture = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(picture.resize((width, height), Image.Resampling.NEAREST))


def elastic(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Pixels displaced by smooth random fields: uniform up to .5 % of the height, smoothed with a
    Gaussian of 1 % of each side, times the strength."""
    height, width = image.shape[:2]
    reach, smoothness = 0.005 * height, (0.01 * height, 0.01 * width)
    across, down = (
        strength * ndimage.gaussian_filter(field, smoothness, truncate=3)
        for field in rng.uniform(-reach, reach, (2, height, width))
    )
    y, x = np.mgrid[0:height, 0:width]
    clean = image.astype(np.float32) / 255
    channels = [
        ndimage.map_coordinates(clean[..., i], (y + down, x + across), order=1, mode="reflect")
        for i in range(3)
    ]
    return _back(np.stack(channels, axis=-1))


def _back(image: np.ndarray) -> np.ndarray:
    image *= 255
    return image
