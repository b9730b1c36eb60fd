"""Correlations of many group resamples at once, equal to those of the resampled rows.

A resample is a row of counts: how often each group was drawn. No rows are copied. With the groups'
counts `c`, the centred mid-rank of row i in a resample is linear in `c`, so that Spearman's sums
are cubic forms in `c`; Kendall's are quadratic and Pearson's linear ones. Their coefficients are
made once and are exact integers for ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError
from benchbench.statistics.paired import codes as value_codes
from benchbench.statistics.paired import paired, to_unit
from benchbench.statistics.splits import encode_groups

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Rows = NDArray[np.intp]
_Number = TypeVar("_Number", np.float64, np.intp)

RANK_METRICS = ("srocc", "krocc", "plcc_linear")

_CHUNK = 1 << 21
# A difference of sums below this share of them has fewer than ten sure digits.
_LOSSY = 1e-5
# Up to this ratio a cubic form of the groups costs less than ranks of the rows.
_CUBIC_WORK = 40
_KENDALL_GROUPS = 12_000
_KEPT_GROUPS = 1000


def draw_counts(n_groups: int, n_resamples: int, seed: int) -> Counts:
    """Counts `[n_resamples, n_groups]`: each row draws `n_groups` groups with replacement.

    Raises DataError for less than one resample.
    """
    if n_resamples < 1:
        raise DataError(
            f"resampling: {n_resamples} resamples; expected one or more; ask for 2000 or so"
        )
    random = np.random.default_rng(seed)
    return random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples)


def resample_correlations(
    prediction: ArrayLike,
    target: ArrayLike,
    groups: ArrayLike,
    counts: ArrayLike,
    metrics: Sequence[str] = RANK_METRICS,
) -> dict[str, Floats]:
    """Signed correlations of every resample: `metrics` out of srocc, krocc and plcc_linear.

    `prediction`, `target` and `groups` are `[n]`; `counts` is `[R, groups]`, its columns in sorted
    order of the groups. Each value, an array `[R]`, is that of the resampled rows (scipy's
    spearmanr, kendalltau and pearsonr), NaN where one side of the resample is constant.
    Raises DataError for values that are not finite or constant, and for counts that do not fit.
    """
    x, y, reason = paired(prediction, target)
    codes = encode_groups(groups)[1]
    drawn = np.asarray(counts, dtype=np.float64)
    if reason is not None or len(codes) != len(x):
        raise DataError(
            f"resampling: {reason or 'groups differ in length from the predictions'}; expected "
            "finite series that vary and one group a row; leave this series out"
        )
    if drawn.ndim != 2 or drawn.shape[1] != int(codes.max()) + 1:
        raise DataError(
            f"resampling: counts {drawn.shape} for {int(codes.max()) + 1} groups; expected "
            "[resamples, groups]; make them with draw_counts"
        )
    return CorrelationSums(x, y, codes, metrics).values(drawn)


class CorrelationSums:
    """The sums that the correlations of a resample need, for finite, varying series `[n]`."""

    def __init__(self, x: Floats, y: Floats, codes: Rows, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)
        self.n_groups = int(codes.max()) + 1
        order = np.argsort(codes, kind="stable")
        self.codes = codes[order]
        self.sizes = np.bincount(codes, minlength=self.n_groups).astype(np.float64)
        self.starts = np.cumsum(self.sizes).astype(np.intp) - self.sizes.astype(np.intp)
        self.x, self.y = x[order], y[order]
        self.x_codes, self.y_codes = value_codes(self.x), value_codes(self.y)
        self.cubic = self.n_groups**3 <= _CUBIC_WORK * len(x)
        self.block: Floats | None = None
        if "srocc" in metrics or "krocc" in metrics:
            self.ties = [self._tie_table(values) for values in (self.x_codes, self.y_codes)]
        if "srocc" in metrics and self.cubic:
            self.cube = self._cube(self._half_ranks(self.x_codes), self._half_ranks(self.y_codes))
        if "plcc_linear" in metrics:
            u, v = to_unit(self.x)[0], to_unit(self.y)[0]
            u, v = u - u.mean(), v - v.mean()
            columns = np.stack([u, v, u * v, u * u, v * v])
            self.moments = np.add.reduceat(columns, self.starts, axis=1)

    def values(self, counts: Floats) -> dict[str, Floats]:
        """One array `[R]` a metric for counts `[R, groups]`."""
        found = {}
        for name in self.metrics:
            if name == "krocc":
                # Many groups' coefficients are made in passing, so that one pass must do.
                found[name] = self._krocc(counts)
                continue
            maker = self._srocc if name == "srocc" else self._plcc
            found[name] = np.concatenate([maker(p) for p in _chunks(counts, 8 * self.n_groups)])
        return found

    def _half_ranks(self, values: NDArray[np.int64]) -> Floats:
        """`[n, G]`: twice what one draw of group g adds to the centred mid-rank of each row."""
        table = np.zeros((int(values.max()) + 1, self.n_groups))
        np.add.at(table, (values, self.codes), 1.0)
        return (2 * np.cumsum(table, axis=0) - table - self.sizes)[values]

    def _cube(self, a: Floats, b: Floats) -> Floats:
        cube = np.empty((self.n_groups, self.n_groups, self.n_groups))
        ends = np.append(self.starts[1:], len(a))
        for g, (start, end) in enumerate(zip(self.starts, ends, strict=True)):
            cube[g] = a[start:end].T @ b[start:end]
        return cube.reshape(self.n_groups, -1)

    def _tie_table(self, values: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Rows with a value of their own a group `[G]`, and rows a group of each shared value."""
        counts = np.bincount(values)
        alone = np.bincount(
            self.codes, weights=counts[values] == 1, minlength=self.n_groups
        ).astype(np.float64)
        shared = np.cumsum(counts > 1) - 1
        tied = np.flatnonzero(counts[values] > 1)
        table = np.zeros((int(np.count_nonzero(counts > 1)), self.n_groups))
        np.add.at(table, (shared[values[tied]], self.codes[tied]), 1.0)
        return alone, table

    def _tied(self, counts: Floats, ties: tuple[Floats, Floats], power: int) -> Floats:
        """The sum over distinct values of how often each stands in a resample, to a power."""
        alone, table = ties
        total = _power(counts, power) @ alone
        if len(table):
            for rows in _chunks(np.arange(len(counts)), len(table)):
                often = counts[rows] @ table.T
                total[rows] += _power(often, power).sum(axis=1)
        return np.asarray(total)

    def _srocc(self, counts: Floats) -> Floats:
        if self.cubic:
            parts = _chunks(counts, self.n_groups**2)
            xy = np.concatenate([_cubic_form(self.cube, part) for part in parts])
        else:
            xy = self._rank_products(counts)
        # Four times the sum of squared centred mid-ranks is (N^3 - sum of t^3 over ties) / 3.
        cube = (counts @ self.sizes) ** 3
        xx, yy = ((cube - self._tied(counts, ties, 3)) / 3 for ties in self.ties)
        return _ratio(xy, xx, yy)

    def _rank_products(self, counts: Floats) -> Floats:
        """Four times the sum of products of centred mid-ranks, from the ranks themselves."""
        x_order = np.argsort(self.x_codes, kind="stable")
        y_order = np.argsort(self.y_codes, kind="stable")
        place = np.empty_like(y_order)
        place[y_order] = np.arange(len(y_order))
        found = []
        # Resamples lie side by side in a row, so that running sums add whole rows.
        for part in _chunks(counts, 16 * len(self.x)):
            columns = np.ascontiguousarray(part.T)
            weights = columns[self.codes[x_order]]
            a = _weighted_ranks(weights, self.x_codes[x_order])
            b = _weighted_ranks(columns[self.codes[y_order]], self.y_codes[y_order])
            a *= weights
            found.append(np.einsum("nr,nr->r", a, b[place[x_order]]))
        return np.concatenate(found)

    def _plcc(self, counts: Floats) -> Floats:
        total = counts @ self.sizes
        sx, sy, sxy, sxx, syy = self.moments @ counts.T
        with np.errstate(invalid="ignore", divide="ignore"):
            xy, xx, yy = sxy - sx * sy / total, sxx - sx * sx / total, syy - sy * sy / total
        found = _ratio(xy, xx, yy)
        # Where most of the spread lies in groups that were not drawn, the differences above have
        # lost digits; such resamples are few and are done again by deviations from their means.
        doubtful = np.flatnonzero(~((xx > _LOSSY * sxx) & (yy > _LOSSY * syy)))
        if len(doubtful):
            x, y = self.x / np.abs(self.x).max(), self.y / np.abs(self.y).max()
            for part in _chunks(doubtful, len(x)):
                weights = counts[np.ix_(part, self.codes)]
                found[part] = _pearson_of_rows(weights, x, y)
        return found

    def _krocc(self, counts: Floats) -> Floats:
        if self.n_groups > _KENDALL_GROUPS:
            return np.full(len(counts), np.nan)
        # Both orders of a pair are counted, so that the sums below count pairs twice.
        balance = np.zeros(len(counts))
        for groups, block in self._blocks():
            balance += np.einsum("rg,rg->r", counts[:, groups], counts @ block.T)
        total = counts @ self.sizes
        # Ordered pairs, a row with itself included, less those with equal values.
        x_free, y_free = (total**2 - self._tied(counts, ties, 2) for ties in self.ties)
        return _ratio(balance, x_free, y_free)

    def _blocks(self) -> Iterator[tuple[slice, Floats]]:
        if self.n_groups > _KEPT_GROUPS:
            yield from self._concordance()
            return
        if self.block is None:
            self.block = np.vstack([block for _, block in self._concordance()])
        yield slice(None), self.block

    def _concordance(self) -> Iterator[tuple[slice, Floats]]:
        """Concordant less discordant pairs `[some groups, all groups]`, block by block."""
        sort = np.zeros((len(self.x), self.n_groups), dtype=np.float32)
        sort[np.arange(len(self.x)), self.codes] = 1.0
        single = self.n_groups == len(self.x)
        x, y = self.x_codes.astype(np.int32), self.y_codes.astype(np.int32)
        first = 0
        while first < self.n_groups:
            room = max(1, _CHUNK // (len(x) * int(self.sizes.max())))
            last = min(self.n_groups, first + room)
            end = len(x) if last == self.n_groups else int(self.starts[last])
            start = int(self.starts[first])
            signs = _signs(x[start:end], x)
            signs *= _signs(y[start:end], y)
            if single:
                block = signs.astype(np.float64)
            else:
                by_column = (signs.astype(np.float32) @ sort).astype(np.float64)
                block = np.add.reduceat(by_column, self.starts[first:last] - start, axis=0)
            yield slice(first, last), block
            first = last


def _pearson_of_rows(weights: Floats, x: Floats, y: Floats) -> Floats:
    sums = []
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weights.sum(axis=1, keepdims=True)
        for values in (x, y):
            drawn = weights > 0
            low = np.where(drawn, values, np.inf).min(axis=1, keepdims=True)
            high = np.where(drawn, values, -np.inf).max(axis=1, keepdims=True)
            moved = np.where(high > low, values - low, 0.0)
            moved = moved - (weights * moved).sum(axis=1, keepdims=True) / total
            sums.append(np.where(high > low, moved, 0.0))
    a, b = sums
    xy, xx, yy = (np.einsum("rn,rn->r", weights * u, v) for u, v in ((a, b), (a, a), (b, b)))
    return _ratio(xy, xx, yy)


def _signs(some: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.int8]:
    above = (some[:, None] > others).view(np.int8)
    return np.asarray(above - (some[:, None] < others).view(np.int8))


def _power(values: Floats, power: int) -> Floats:
    """`values` to the second or third power: numpy's own third power is many times slower."""
    return values * values if power == 2 else values * values * values


def _cubic_form(cube: Floats, counts: Floats) -> Floats:
    n = counts.shape[1]
    square = (counts @ cube).reshape(len(counts), n, n)
    return np.asarray((counts[:, None, :] @ square @ counts[:, :, None])[:, 0, 0])


def _weighted_ranks(weights: Floats, values: NDArray[np.int64]) -> Floats:
    """Twice the centred mid-ranks `[n, R]` of sorted rows that stand `weights` times."""
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    untied = len(starts) == len(values)
    ties = weights if untied else np.add.reduceat(weights, starts, axis=0)
    ranks = np.cumsum(ties, axis=0)
    total = ranks[-1].copy()
    ranks *= 2
    ranks -= ties
    ranks -= total
    return ranks if untied else np.asarray(ranks[values])


def _ratio(xy: Floats, xx: Floats, yy: Floats) -> Floats:
    """`xy / sqrt(xx yy)` within [-1, 1]; NaN where a side has no spread."""
    defined = (xx > 0) & (yy > 0)
    found = np.full(len(xy), np.nan)
    found[defined] = xy[defined] / (np.sqrt(xx[defined]) * np.sqrt(yy[defined]))
    return np.asarray(np.clip(found, -1.0, 1.0))


def _chunks(items: NDArray[_Number], row_size: int) -> Iterator[NDArray[_Number]]:
    step = max(1, _CHUNK // max(1, row_size))
    for start in range(0, len(items), step):
        yield items[start : start + step]
