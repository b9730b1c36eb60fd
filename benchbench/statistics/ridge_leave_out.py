"""Ridge with fixed scales: left-out predictions from the full fit, without fitting again.

With residual operator `R = I - H` of the fit on all rows (H the hat matrix, intercept included),
the fit without the rows S leaves them the residuals `inv(R[S, S]) (R y)[S]`, exactly. It is applied
twice: S is the test part, and S is the test part joined with an inner fold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, cho_solve, lapack, solve_triangular
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchbench.statistics.ridge_parts import Table
from benchbench.statistics.splits import Split

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
_LeftOut = tuple[Floats, list[Floats]]

_BYTES = 1 << 30
# Beyond this ratio of largest eigenvalue to penalty, rounding would show in the sixth digit.
_CONDITION = 1e10


def leave_out_pays(
    features: Floats,
    splits: Sequence[Split],
    folds: Sequence[Sequence[tuple[Rows, Rows]]],
    penalties: Floats,
) -> bool:
    """Whether the formulas are accurate enough and cheaper than fitting every training part."""
    n, d = features.shape
    if 8 * n * n > _BYTES or n * d / penalties.min() > _CONDITION:
        return False
    # A tridiagonal reduction of order m runs at about a third of the speed of a matrix product.
    fitting = sum(4.0 * min(d, len(fit)) ** 3 for found in folds for fit, _ in found)
    leaving = n * n * min(d, n) + min(d, n) ** 3
    for split in splits:
        tested = len(split.test)
        leaving += tested**3 / 3 + tested**2 * n
    for split, found in zip(splits, folds, strict=True):
        leaving += sum(len(held) ** 2 * (len(held) / 3 + len(split.test)) for _, held in found)
    return bool(len(penalties) * leaving < fitting)


def ridge_by_leaving_out(
    table: Table,
    splits: Sequence[Split],
    folds: Sequence[Sequence[tuple[Rows, Rows]]],
    penalties: Floats,
) -> tuple[list[Floats], Floats] | None:
    """Predictions and chosen penalties, or None where a block is too ill-conditioned."""
    left: list[list[Floats]] = [[] for _ in splits]
    scores = np.zeros((len(splits), len(penalties)))
    held = [[fold for _, fold in found] for found in folds]
    try:
        for k, operator in enumerate(_residual_operators(table, penalties)):
            residual = operator @ table.y

            def solve(number: int, of: Floats = operator, y: Floats = residual) -> _LeftOut:
                return _left_out(of, y, splits[number].test, held[number])

            for number, (outer, inner) in enumerate(_in_threads(solve, len(splits))):
                left[number].append(table.y[splits[number].test] - outer + table.y_mean)
                if inner:
                    scores[number, k] = np.mean([np.mean(fold**2) for fold in inner])
    except np.linalg.LinAlgError:
        return None
    best = [
        int(np.argmin(row)) if found else len(penalties) // 2
        for row, found in zip(scores, folds, strict=True)
    ]
    predictions = [left[number][k] for number, k in enumerate(best)]
    return predictions, penalties[best]


def _in_threads(solve: Callable[[int], _LeftOut], count: int) -> list[_LeftOut]:
    """The splits side by side, each on one thread: blocks of this size are too thin for a BLAS that
    shares one among its threads (measured on two cores: 1.4 s a split, against .5 s on one)."""
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(solve, range(count)))


def _residual_operators(table: Table, penalties: Floats) -> Iterator[Floats]:
    """`R` `[n, n]` for each penalty, from one eigendecomposition of the smaller side."""
    z = table.x
    if table.d <= table.n:
        values, vectors = np.linalg.eigh(z.T @ z)
        basis = z @ vectors
    else:
        values, basis = np.linalg.eigh(z @ z.T)
    values = np.maximum(values, 0.0)
    for penalty in penalties:
        if table.d <= table.n:
            root = basis / np.sqrt(values + penalty)
            operator = -(root @ root.T)
            operator.flat[:: table.n + 1] += 1.0
        else:
            root = basis * np.sqrt(penalty / (values + penalty))
            operator = root @ root.T
        operator -= 1.0 / table.n
        yield operator


def _left_out(
    operator: Floats, residual: Floats, test: Rows, held: Sequence[Rows]
) -> _LeftOut:
    """Residuals of the test part, and of each inner fold once that and the test part are left."""
    factor = _factor(operator[np.ix_(test, test)])
    half = solve_triangular(factor, residual[test], lower=True, check_finite=False)
    outer = solve_triangular(factor, half, lower=True, trans=1, check_finite=False)
    inner = []
    if held:
        # Row by row for numpy, and column by column for BLAS: nothing is copied in between.
        crossing = operator[np.ix_(np.concatenate(held), test)]
        spread = blas.dtrsm(1.0, factor, crossing.T, lower=1, overwrite_b=1).T
        start = 0
        for fold in held:
            block = spread[start : start + len(fold)]
            start += len(fold)
            reduced = operator[np.ix_(fold, fold)]
            reduced -= block @ block.T
            right = residual[fold] - block @ half
            inner.append(cho_solve((_factor(reduced), True), right, check_finite=False))
    return np.asarray(outer), inner


def _factor(matrix: Floats) -> Floats:
    """The lower Cholesky factor of a symmetric matrix, which is overwritten."""
    factor, failed = lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("a left-out block is not positive definite")
    return np.asarray(factor)
