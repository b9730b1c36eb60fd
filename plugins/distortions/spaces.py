"""Colour spaces on float images in 0 to 1."""

from __future__ import annotations

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
