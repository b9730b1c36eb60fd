"""Two series of the same images: checks, scaling and ranks that every metric shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MIN_POINTS = 5


def paired(prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats, str | None]:
    """Both series as float64 `[n]` and the reason why no statistic of them is defined, or None.

    Raises ValueError when they are not one-dimensional or differ in length: that is a mistake
    of the caller, where the other defects are facts about the data.
    """
    x = np.asarray(prediction, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"prediction and target must be two series of one length, got shapes {x.shape} and "
            f"{y.shape}: give one prediction and one target an image"
        )
    return x, y, defect(x, "predictions") or defect(y, "targets") or constant(x, y)


def defect(values: Floats, name: str) -> str | None:
    """Why `values` cannot be used: too few, or not finite. `name` is the plural to speak of."""
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        return f"{bad} of {values.size} {name} are NaN or infinite"
    if values.size < MIN_POINTS:
        return f"fewer than {MIN_POINTS} points ({values.size})"
    return None


def constant(x: Floats, y: Floats) -> str | None:
    """Which of the two finite series, if any, is constant."""
    if x.min() == x.max():
        return "predictions are constant"
    if y.min() == y.max():
        return "targets are constant"
    return None


def to_unit(values: Floats) -> tuple[Floats, float, float]:
    """Finite, non-constant `values` as `u = (values - middle) / half` in [-1, 1].

    Returns `(u, middle, half)`. Halving before subtracting keeps the widest range of floats
    from overflowing.
    """
    low, high = float(values.min()), float(values.max())
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    # Only subnormal numbers, where halving rounds, come out as zero.
    half = half or high - low
    return (values - middle) / half, middle, half


def centred(values: Floats) -> Floats:
    """Finite, non-constant `values` moved and scaled to mean 0 and Euclidean length 1."""
    # The mean is taken of values around zero, so that a large offset costs no digits.
    unit = to_unit(values)[0]
    unit = unit - unit.mean()
    return np.asarray(unit / np.sqrt(unit @ unit))


def midranks(values: NDArray[Any]) -> Floats:
    """Ranks 1..n of `values` `[n]`, ties sharing the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], values.size)
    ranks = np.empty(values.size)
    ranks[order] = ((starts + ends + 1) / 2)[np.cumsum(first) - 1]
    return ranks


def codes(values: NDArray[Any]) -> NDArray[np.int64]:
    """The place 0..k-1 of each value among the k distinct values, ascending."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
