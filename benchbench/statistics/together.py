"""The rank correlation of many methods over the same resamples, at once.

What `resample_splits` gives one method at a time: in a resample with the groups' counts `c`, twice
the centred mid-rank of a prediction is linear in `c`, and the target's ranks are the same for all
methods, so that the sums of products of all methods are one product of matrices. All the sums are
of whole numbers and exact, on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.statistics.bootstrap import SplitResamples, _median, draw_counts
from benchbench.statistics.paired import Floats, codes, paired
from benchbench.statistics.splits import encode_groups

Rows = NDArray[np.int64]

_CHUNK = 1 << 21


def resample_together(
    predictions: Mapping[str, ArrayLike],
    target: ArrayLike,
    groups: ArrayLike,
    tested: Sequence[NDArray[np.intp]],
    *,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, SplitResamples]:
    """Spearman's correlation of each method's predictions `[n]`, the same as `resample_splits`.

    `target` and `groups` are `[n]`; `tested` has the rows of each split. A method that is constant
    or not finite in a split has no value there.
    """
    group_codes = encode_groups(groups)[1]
    n_groups = int(group_codes.max()) + 1
    counts = np.vstack([np.ones((1, n_groups)), draw_counts(n_groups, n_resamples, seed)])
    y = np.asarray(target, dtype=np.float64)
    table = {name: np.full((len(tested), len(counts)), np.nan) for name in predictions}
    for number, rows in enumerate(tested):
        series, names = [], []
        for name, values in predictions.items():
            x, _, reason = paired(np.asarray(values, dtype=np.float64)[rows], y[rows])
            if reason is None:
                series.append(x)
                names.append(name)
        if not series:
            continue
        own, local = np.unique(group_codes[rows], return_inverse=True)
        found = _split(series, y[rows], local, counts[:, own])
        for name, values in zip(names, found, strict=True):
            table[name][number] = values
    return {name: SplitResamples({"srocc": each[:, 0]}, {"srocc": _median(each[:, 1:])}, n_groups)
            for name, each in table.items()}


def _split(series: list[Floats], y: Floats, local: NDArray[np.intp], counts: Floats) -> Floats:
    """Correlations `[methods, R]` of one split, whose groups have `counts` `[R, G]`."""
    n_groups = counts.shape[1]
    sizes = np.bincount(local, minlength=n_groups).astype(np.float64)
    cubed = (counts @ sizes) ** 3
    y_table, y_codes = _table(y, local, n_groups)
    yy = (cubed - _tied(counts, y_table)) / 3
    tables = [_table(x, local, n_groups) for x in series]
    # [rows, methods * groups]: one product of matrices is quicker than one a method.
    halves = np.hstack([_half_ranks(table, sizes)[place] for table, place in tables])
    out = np.empty((len(series), len(counts)))
    step = max(1, _CHUNK // max(len(y), n_groups * len(series)))
    y_half = _half_ranks(y_table, sizes)
    for start in range(0, len(counts), step):
        part = counts[start : start + step]
        weighted = (part @ y_half.T)[:, y_codes] * part[:, local]
        sums = (weighted @ halves).reshape(len(part), len(series), n_groups)
        out[:, start : start + step] = np.einsum("rmg,rg->mr", sums, part)
    for number, (table, _) in enumerate(tables):
        xx = (cubed - _tied(counts, table)) / 3
        defined = (xx > 0) & (yy > 0)
        out[number, ~defined] = np.nan
        out[number, defined] /= np.sqrt(xx[defined]) * np.sqrt(yy[defined])
    return np.clip(out, -1.0, 1.0)


def _table(values: Floats, local: NDArray[np.intp], n_groups: int) -> tuple[Floats, Rows]:
    """Rows a group `[distinct values, G]`, and each row's place among the distinct values."""
    place = codes(values)
    table = np.zeros((int(place.max()) + 1, n_groups))
    np.add.at(table, (place, local), 1.0)
    return table, place


def _half_ranks(table: Floats, sizes: Floats) -> Floats:
    """Twice what one draw of a group adds to the centred mid-rank of each distinct value."""
    return np.asarray(2 * np.cumsum(table, axis=0) - table - sizes)


def _tied(counts: Floats, table: Floats) -> Floats:
    """The sum over distinct values of the third power of how often each stands in a resample."""
    alone = table.sum(axis=1) == 1
    total = (counts * counts * counts) @ table[alone].sum(axis=0)
    shared = table[~alone]
    step = max(1, _CHUNK // max(1, len(shared)))
    for start in range(0, len(counts) if len(shared) else 0, step):
        often = counts[start : start + step] @ shared.T
        total[start : start + step] += (often * often * often).sum(axis=1)
    return np.asarray(total)
