"""Ridge weights for many penalties from one decomposition."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg import lapack

Floats = NDArray[np.float64]


def solve_one(matrix: Floats, right: Floats, penalty: float) -> Floats:
    """`(A + penalty I)^-1 b` for a symmetric positive semidefinite `A` `[m, m]`, `b` `[m]`."""
    shifted = matrix.copy()
    shifted.flat[:: len(matrix) + 1] += penalty
    try:
        factor = scipy.linalg.cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return _solve_by_eigenvalues(matrix, right, np.array([penalty]))[:, 0]
    return np.asarray(scipy.linalg.cho_solve(factor, right, check_finite=False))


def solve_all(matrix: Floats, right: Floats, penalties: Floats) -> Floats:
    """`(A + p I)^-1 b` `[m, penalties]` for every penalty p. `matrix` is overwritten.

    `A = Q T Q'` with a tridiagonal `T` costs a quarter of a full eigendecomposition and serves all
    penalties alike: `(A + p I)^-1 = Q (T + p I)^-1 Q'`, each by a linear-time solve.
    """
    size = len(matrix)
    if size < 3:
        return _solve_by_eigenvalues(matrix, right, penalties)
    # The transpose of a symmetric C-ordered matrix is itself in the order that LAPACK wants.
    reduced, diagonal, beside, tau, _ = lapack.dsytrd(
        matrix.T, lower=1, lwork=64 * size, overwrite_a=1
    )
    reflectors = np.asfortranarray(reduced[1:, :-1])
    turned = right.astype(np.float64)[:, None].copy()
    turned[1:] = _reflect(reflectors, tau, turned[1:], "T")
    solved = np.empty((size, len(penalties)), order="F")
    for k, penalty in enumerate(penalties):
        *_, solution, info = lapack.dptsv(diagonal + penalty, beside, turned[:, 0])
        if info != 0:
            # Rounding has made a tiny eigenvalue negative: leave it out, as sklearn's SVD does.
            solution = _solve_tridiagonal(diagonal, beside, turned[:, 0], penalty)
        solved[:, k] = solution
    solved[1:] = _reflect(reflectors, tau, solved[1:], "N")
    return solved


def _reflect(reflectors: Floats, tau: Floats, columns: Floats, trans: str) -> Floats:
    lwork = 64 * max(columns.shape)
    turned, _, _ = lapack.dormqr("L", trans, reflectors, tau, np.asfortranarray(columns), lwork)
    return np.asarray(turned)


def _solve_tridiagonal(diagonal: Floats, beside: Floats, right: Floats, penalty: float) -> Floats:
    values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside)
    return np.asarray(vectors @ ((vectors.T @ right) / (np.maximum(values, 0.0) + penalty)))


def _solve_by_eigenvalues(matrix: Floats, right: Floats, penalties: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, 0.0)[:, None]
    return np.asarray(vectors @ ((vectors.T @ right)[:, None] / (values + penalties)))
