"""One-class detectors: how far a row is from what was in distribution in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import DataError

if TYPE_CHECKING:
    import numpy as np


def mahalanobis(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of ``rows`` ``[n, d]`` from the mean of ``fit`` ``[m, d]``; the
    covariance is shrunk towards a multiple of the identity (Ledoit and Wolf 2004). Of training
    rows that are all the same, which have no covariance, it is the squared Euclidean distance."""
    import numpy as np
    from scipy.linalg import eigh
    from sklearn.covariance import ledoit_wolf

    mean = fit.mean(axis=0)
    covariance, _ = ledoit_wolf(fit)
    values, vectors = eigh(covariance)
    turned = (rows - mean) @ vectors
    if values[-1] <= 0:
        values = np.ones_like(values)
    distances: np.ndarray = (turned**2 / values).sum(axis=1)
    return distances


def nearest(fit: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Euclidean distance of ``rows`` to the ``k``-th nearest row of ``fit`` (Sun et al. 2022)."""
    from sklearn.neighbors import NearestNeighbors

    if k > len(fit):
        raise DataError(f"knn: k={k}, but there are {len(fit)} training images; take a smaller k")
    found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(fit).kneighbors(rows)[0]
    distances: np.ndarray = found[:, -1]
    return distances


def scaled(rows: np.ndarray, fit: np.ndarray, scale: str) -> np.ndarray:
    """``none``: as they are; ``standard``: every feature with the training rows' mean and standard
    deviation taken out; ``unit``: every row of length one."""
    import numpy as np

    if scale == "standard":
        spread = fit.std(axis=0)
        return np.asarray((rows - fit.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
    if scale == "unit":
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(length > 0, length, 1.0))
    return rows
