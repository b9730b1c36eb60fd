"""Signed agreement between predictions and targets.

No function here takes an absolute value: a method that ranks the wrong way round is negative.
Undefined outcomes are estimates without a value and with the reason.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.statistics.estimate import Estimate, undefined
from benchbench.statistics.paired import Floats, centred, codes, midranks, paired, to_unit


def srocc(prediction: ArrayLike, target: ArrayLike) -> Estimate:
    """Spearman's rank correlation in [-1, 1]: Pearson's of the ranks, ties averaged."""
    x, y, reason = paired(prediction, target)
    return undefined(reason) if reason else Estimate(pearson(midranks(x), midranks(y)))


def krocc(prediction: ArrayLike, target: ArrayLike) -> Estimate:
    """Kendall's tau-b in [-1, 1] (Kendall 1945), which allows for ties in both series."""
    x, y, reason = paired(prediction, target)
    return undefined(reason) if reason else Estimate(tau_b(codes(x), codes(y)))


def plcc(prediction: ArrayLike, target: ArrayLike) -> Estimate:
    """Pearson's linear correlation in [-1, 1], without any mapping."""
    x, y, reason = paired(prediction, target)
    return undefined(reason) if reason else Estimate(pearson(x, y))


def rmse_linear(prediction: ArrayLike, target: ArrayLike) -> Estimate:
    """Root mean squared error of the least-squares line, in the unit of the target.

    The mean is over n, not over the degrees of freedom, as the field's tables have it.
    """
    x, y, reason = paired(prediction, target)
    if reason:
        return undefined(reason)
    p, q = centred(x), centred(y)
    residual = q - (p @ q) * p
    return Estimate(deviation(y) * math.sqrt(float(residual @ residual)))


def pearson(x: Floats, y: Floats) -> float:
    """Pearson's correlation of two finite, non-constant series, kept within [-1, 1]."""
    return min(1.0, max(-1.0, float(centred(x) @ centred(y))))


def deviation(values: Floats) -> float:
    """The standard deviation (over n) of finite, non-constant `values`."""
    unit, _, half = to_unit(values)
    return float(unit.std()) * half


def tau_b(x: NDArray[np.int64], y: NDArray[np.int64]) -> float:
    """Kendall's tau-b of two non-constant series of codes 0..k-1, in O(n log n)."""
    n = x.size
    order = np.lexsort((y, x))
    discordant = inversions(y[order])
    pairs = n * (n - 1) // 2
    x_ties, y_ties = _tied_pairs(x), _tied_pairs(y)
    both = _tied_pairs(x * (int(y.max()) + 1) + y)
    # Concordant minus discordant pairs: the untied pairs less the discordant ones, twice.
    balance = pairs - x_ties - y_ties + both - 2 * discordant
    tau = balance / math.sqrt(pairs - x_ties) / math.sqrt(pairs - y_ties)
    return min(1.0, max(-1.0, tau))


def inversions(values: NDArray[np.int64]) -> int:
    """The number of pairs i < j with values[i] > values[j], for values >= 0.

    Two values first differ at some binary digit. Digit by digit from the highest, the values
    that agree in all higher digits stand together in their first order, and each 0 counts the
    1s before it in its block.
    """
    total = 0
    current = values
    for bit in range(int(values.max()).bit_length() - 1, -1, -1):
        block = current >> (bit + 1)
        ones = (current >> bit) & 1
        seen = np.cumsum(ones) - ones
        first = np.concatenate(([True], block[1:] != block[:-1]))
        before = seen[np.flatnonzero(first)][np.cumsum(first) - 1]
        total += int(np.sum((seen - before)[ones == 0]))
        current = current[np.argsort(current >> bit, kind="stable")]
    return total


def _tied_pairs(values: NDArray[np.int64]) -> int:
    counts = np.unique(values, return_counts=True)[1]
    return int(np.sum(counts * (counts - 1) // 2))
