"""Colour spaces on float images in 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from skimage import color

_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)
_XYZ_FROM_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_RGB_FROM_XYZ = np.linalg.inv(_XYZ_FROM_RGB).T.astype(np.float32)
_YCC_FROM_RGB = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
_RGB_FROM_YCC = np.linalg.inv(_YCC_FROM_RGB).T.astype(np.float32)


def rgb_to_lab(image: np.ndarray) -> np.ndarray:
    """sRGB to CIE Lab (D65, two degrees)."""
    lab: np.ndarray = color.rgb2lab(np.clip(image, 0, 1))
    return lab


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """CIE Lab to sRGB, clipped to 0 to 1. scikit-image's function does the same and warns of
    colours out of gamut, which distortions make on purpose."""
    light = (lab[..., 0] + 16) / 116
    f = np.stack((light + lab[..., 1] / 500, light, light - lab[..., 2] / 200), axis=-1)
    f[..., 2] = np.maximum(f[..., 2], 0)
    xyz = np.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787) * _WHITE
    linear = np.clip(xyz.astype(np.float32) @ _RGB_FROM_XYZ, 0, 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def luma(image: np.ndarray) -> np.ndarray:
    """ITU-R BT.601 luma, ``[height, width]``."""
    return image @ _YCC_FROM_RGB[0].astype(image.dtype)


def ycc_noise_to_rgb(noise: np.ndarray) -> np.ndarray:
    """What noise in Y, Cb, Cr (full range, BT.601) is in RGB: the conversion is linear."""
    return noise @ _RGB_FROM_YCC


def through_hsv(
    image: np.ndarray, change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """uint8 to HSV's S and V, changed, and back to floats on 0 to 1.

    What scikit-image's two functions give, to the last bit: their operations in their order, on
    contiguous planes and without the detour over boolean indices.
    """
    red, green, blue = planes = np.moveaxis(image, 2, 0) / 255.0
    light = planes.max(axis=0)
    spread = light - planes.min(axis=0)
    grey = spread == 0
    divisor = np.where(grey, 1, spread)
    hue = np.where(green == light, (blue - red) / divisor + 2, (green - blue) / divisor)
    hue = np.where(blue == light, (red - green) / divisor + 4, hue) / 6
    hue += hue < 0
    hue[grey] = 0
    pure, light = change(spread / np.where(light == 0, 1, light), light)
    hue *= 6
    sector = np.floor(hue)
    hue -= sector
    sector = sector.astype(np.uint8) % 6
    middle = light * (1 - np.where(sector & 1, hue, 1 - hue) * pure)
    low = light * (1 - pure)
    result = np.empty(image.shape)
    for channel, order in enumerate(
        (
            (light, middle, low, low, middle, light),
            (middle, light, light, middle, low, low),
            (low, low, middle, light, light, middle),
        )
    ):
        result[..., channel] = np.choose(sector, order)
    return result
