"""Means, scales and normal equations of many training parts of one data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_EPS = float(np.finfo(np.float64).eps)
# A feature that varies this much less in a part than in the larger one would lose digits.
_SHRUNK = 1e-2


def near_constant(variance: Floats, mean: Floats, n_rows: int) -> NDArray[np.bool_]:
    """Features that cannot be told from a constant: the rule of scikit-learn's StandardScaler.

    Chan, Golub and LeVeque (1983) bound the rounding error of the two-pass variance.
    """
    bound = n_rows * _EPS * variance + (n_rows * mean * _EPS) ** 2
    return np.asarray(variance <= bound)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One training part: `factor` is 1/scale, with 0 for a feature that is constant there.

    The features of row x are `(x - mean) * factor`; `offset` is the mean target and `deviation` the
    features' standard deviation.
    """

    rows: Rows
    mean: Floats
    factor: Floats
    offset: float
    deviation: Floats


class Table:
    """Features `[n, d]` and targets `[n]`, moved and scaled once, with sums a group.

    Standardising inside a training part gives the same numbers whether or not all rows were moved
    and scaled before; doing so keeps the sums of squares accurate. `fixed_scale` keeps the scales
    of the whole set for every part (`scaling="set"`).
    """

    def __init__(self, features: Floats, target: Floats, codes: Rows, *, fixed_scale: bool) -> None:
        self.n, self.d = features.shape
        self.codes = codes
        self.fixed_scale = fixed_scale
        self.raw_mean = features.mean(axis=0)
        variance = features.var(axis=0)
        constant = near_constant(variance, self.raw_mean, self.n)
        constant |= features.min(axis=0) == features.max(axis=0)
        self.raw_scale = np.where(constant, 1.0, np.sqrt(variance))
        self.x = (features - self.raw_mean) / self.raw_scale
        if constant.any():
            self.x[:, constant] = 0.0
        self.y_mean = float(target.mean())
        self.y = target - self.y_mean
        self.n_groups = int(codes.max()) + 1
        self.sizes = np.bincount(codes, minlength=self.n_groups)
        self.group_rows = _rows_by_group(codes, self.sizes)
        # Sums a group pay only where groups hold several rows each.
        self.by_group = 4 * self.n_groups <= self.n
        if self.by_group:
            self._group_moments()

    def _group_moments(self) -> None:
        shape = (self.n_groups, self.d)
        self.g_mean, self.g_square, self.g_cross = np.empty(shape), np.empty(shape), np.empty(shape)
        self.g_low, self.g_high = np.empty(shape), np.empty(shape)
        self.g_target = np.empty(self.n_groups)
        for g, rows in enumerate(self.group_rows):
            x, y = self.x[rows], self.y[rows]
            self.g_mean[g], self.g_target[g] = x.mean(axis=0), y.mean()
            self.g_low[g], self.g_high[g] = x.min(axis=0), x.max(axis=0)
            centred = x - self.g_mean[g]
            self.g_square[g] = np.einsum("ij,ij->j", centred, centred)
            self.g_cross[g] = centred.T @ (y - self.g_target[g])

    def part(self, rows: Rows) -> Part:
        """Means and scales of a training part made of these rows."""
        groups = self._whole_groups(rows)
        if groups is None:
            x = self.x[rows]
            mean = x.mean(axis=0)
            centred = x - mean
            variance = np.einsum("ij,ij->j", centred, centred) / len(rows)
            same = x.min(axis=0) == x.max(axis=0)
            offset = float(self.y[rows].mean())
        else:
            sizes = self.sizes[groups]
            mean = sizes @ self.g_mean[groups] / len(rows)
            moved = self.g_mean[groups] - mean
            variance = (self.g_square[groups].sum(axis=0) + sizes @ moved**2) / len(rows)
            same = self.g_low[groups].min(axis=0) == self.g_high[groups].max(axis=0)
            offset = float(sizes @ self.g_target[groups] / len(rows))
        raw_mean = self.raw_mean + mean * self.raw_scale
        constant = same | near_constant(variance * self.raw_scale**2, raw_mean, len(rows))
        deviation = np.sqrt(np.where(constant, 1.0, variance))
        factor = np.ones(self.d) if self.fixed_scale else 1 / deviation
        factor[constant] = 0.0
        return Part(rows, mean, factor, offset, deviation)

    def _whole_groups(self, rows: Rows) -> Rows | None:
        if not self.by_group:
            return None
        groups = np.unique(self.codes[rows])
        return groups if int(self.sizes[groups].sum()) == len(rows) else None

    def scaled(self, part: Part) -> Floats:
        """The standardised features `[rows, d]` of the training part itself."""
        return np.asarray((self.x[part.rows] - part.mean) * part.factor)

    def gram(self, part: Part) -> Floats:
        """`Z'Z` `[d, d]` of the standardised features Z of a part."""
        scaled = self.scaled(part)
        return np.asarray(scaled.T @ scaled)

    def gram_within(self, part: Part, larger: Part, gram: Floats, rest: Rows) -> Floats:
        """`Z'Z` of a part that is `larger` without the rows `rest`, from the `gram` of `larger`.

        The products of `rest` are subtracted, which are fewer than those of the part.
        """
        used = part.factor > 0
        if np.any(part.deviation[used] < _SHRUNK * larger.deviation[used]) or np.any(
            larger.factor[used] == 0
        ):
            return self.gram(part)
        left = (self.x[rest] - larger.mean) * larger.factor
        moved = (part.mean - larger.mean) * larger.factor * np.sqrt(len(part.rows))
        left = np.vstack((left, moved))
        found = gram - left.T @ left
        again = np.divide(part.factor, larger.factor, out=np.zeros(self.d), where=used)
        found *= again
        found *= again[:, None]
        return np.asarray(found)

    def cross(self, part: Part) -> Floats:
        """`Z'(y - offset)` `[d]` of one part."""
        groups = self._whole_groups(part.rows)
        if groups is None:
            return np.asarray(self.scaled(part).T @ (self.y[part.rows] - part.offset))
        weights = self.sizes[groups] * (self.g_target[groups] - part.offset)
        total = self.g_cross[groups].sum(axis=0) + weights @ (self.g_mean[groups] - part.mean)
        return np.asarray(total * part.factor)

    def predict(self, part: Part, weights: Floats, rows: Rows) -> Floats:
        """Predictions `[rows, k]` (less the set's mean target) for weights `[d, k]`."""
        raw = weights * part.factor[:, None]
        return np.asarray(self.x[rows] @ raw - part.mean @ raw + part.offset)


def _rows_by_group(codes: Rows, sizes: NDArray[np.intp]) -> list[Rows]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(sizes)[:-1])
