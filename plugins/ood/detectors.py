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


def by_class(fit: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of ``rows`` ``[n, d]`` from the nearest of the means of the
    classes ``labels`` ``[m]`` of ``fit`` ``[m, d]`` (Lee et al. 2018, without their change of the
    image and their weighting of layers). One covariance within classes for all, as it is; its
    pseudo-inverse leaves out directions in which training rows do not differ."""
    import numpy as np
    from scipy.linalg import pinvh

    classes, codes = np.unique(labels, return_inverse=True)
    means = np.stack([fit[codes == code].mean(axis=0) for code in range(len(classes))])
    away = fit - means[codes]
    precision = pinvh(away.T @ away / len(fit))
    each = [(((rows - mean) @ precision) * (rows - mean)).sum(axis=1) for mean in means]
    distances: np.ndarray = np.min(each, axis=0)
    return distances


def virtual_logit(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Outlier scores of ViM (Wang et al. 2022, eq. 8, as a logarithm): the virtual logit less the
    log-sum-exp of the logits.

    Rows are ``[features from the origin, largest logit, log-sum-exp]``. The principal space is that
    of the largest eigenvalues of the uncentred second moments of ``fit``: 1000 of 2048 features or
    more, 512 of 768 or more, else half of them. The virtual logit is the length of what is left,
    times the ratio of the means of largest logit and length over ``fit``. Raises ``DataError``
    where there are too few training rows to leave anything.
    """
    import numpy as np
    from scipy.linalg import eigh

    known, features = fit[:, :-2], rows[:, :-2]
    width = known.shape[1]
    kept = 1000 if width >= 2048 else 512 if width >= 768 else width // 2
    if len(fit) <= kept:
        raise DataError(f"vim: {len(fit)} training images for a principal space of {kept} "
                        "dimensions; give more training images")
    _, vectors = eigh(known.T @ known / len(known))
    rest = vectors[:, : width - kept]
    left, length = (np.linalg.norm(x, axis=1).mean() for x in (known @ rest, known))
    # Of features that are all in the principal space, rounding alone is left.
    scale = fit[:, -2].mean() / left if left > 1e-9 * length else 0.0
    scores: np.ndarray = scale * np.linalg.norm(features @ rest, axis=1) - rows[:, -1]
    return scores


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
