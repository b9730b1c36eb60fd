"""A NumPy port of Kwon et al.'s and UNIQUE's scoring, written from the published formulas.

It shares nothing with the plugin and is the oracle of its tests. Patches are columns, ``[192, n]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.io import loadmat
from scipy.stats import kurtosis, spearmanr

Array = np.ndarray


@dataclass
class Weights:
    encoder: Array
    decoder: Array
    encoder_bias: Array
    decoder_bias: Array

    @classmethod
    def load(cls, path: str) -> Weights:
        content = loadmat(path)
        units = content["W"].shape[0]
        theta, size = content["optTheta"].ravel(), units * 192
        return cls(
            theta[:size].reshape(units, 192, order="F"),
            theta[size : 2 * size].reshape(192, units, order="F"),
            theta[2 * size : 2 * size + units, None],
            theta[2 * size + units :, None],
        )


def patches(rgb: Array) -> Array:
    height, width = rgb.shape[:2]
    half = Image.fromarray(rgb).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    red, green, blue = np.moveaxis(np.asarray(half).astype(float), 2, 0)
    luma = np.floor(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 0.5)
    chroma = np.floor(128 + (112 * red - 93.786 * green - 18.214 * blue) / 255 + 0.5)
    planes = np.stack([luma, green, chroma]) / 255
    columns = [
        np.concatenate([p[y : y + 8, x : x + 8].flatten(order="F") for p in planes])
        for y in range(0, planes.shape[1] - 7, 8)
        for x in range(0, planes.shape[2] - 7, 8)
    ]
    return np.array(columns).T


def whiten(columns: Array) -> Array:
    centred = columns - columns.mean(1, keepdims=True)
    vectors, values, _ = np.linalg.svd(centred @ centred.T / centred.shape[1])
    return vectors @ np.diag(1 / np.sqrt(values + 0.1)) @ vectors.T @ centred


def hidden(w: Weights, columns: Array) -> Array:
    return 1 / (1 + np.exp(-(w.encoder @ columns + w.encoder_bias)))


def reconstruction(w: Weights, columns: Array) -> Array:
    return w.decoder @ hidden(w, columns) + w.decoder_bias


def gradient(w: Weights, columns: Array) -> Array:
    residual = reconstruction(w, columns) - columns
    return residual @ hidden(w, columns).T / columns.shape[1]


def unit_weights(grad: Array) -> Array:
    luma = grad[:64].T
    luma = luma - luma.sum() / len(luma)
    luma = luma / np.abs(luma).max(0)
    return np.where(kurtosis(luma, axis=1, fisher=False, bias=False) > 3, 2.0, 1.0)


def gradient_score(grad: Array, reference: Array, distorted: Array) -> float:
    weights = unit_weights(grad)[:, None]

    def features(columns: Array) -> Array:
        projected = (grad.T @ columns).astype(complex)
        logit = np.log(projected / (1 - projected))
        blocks = (np.abs(logit) * weights, np.angle(logit) * weights)
        return np.concatenate([block.ravel() for block in blocks])

    return _score(features(reference), features(distorted))


def activation_score(w: Weights, reference: Array, distorted: Array) -> float:
    return _score(hidden(w, reference).ravel(), hidden(w, distorted).ravel())


def _score(a: Array, b: Array) -> float:
    a, b = (np.where(x < 0.025, 0, x) for x in (a, b))
    return float(abs(spearmanr(a, b).statistic) ** 10)
