"""Out-of-distribution metrics of many methods over the same resamples of groups.

What `score_conditions` gives one method at a time: the counts of the groups are drawn once for all.
With them the images below each outlier, and the images flagged rightly, are sums of whole numbers
and exact, on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError
from benchbench.statistics.bootstrap import SplitResamples, draw_counts
from benchbench.statistics.ood_conditions import RESAMPLED, Condition, condition_weights
from benchbench.statistics.paired import Floats
from benchbench.statistics.splits import encode_groups

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]

_CHUNK = 1 << 17
"""Numbers worked on at once: so many stay in a processor's cache."""


def resample_conditions(
    scores: Mapping[str, ArrayLike], outlier: ArrayLike, groups: ArrayLike,
    conditions: Sequence[Condition], *, metric: str, n_resamples: int = 2000, seed: int = 0,
) -> dict[str, SplitResamples]:
    """`auroc` or `accuracy` of each method, the mean over runs, levels and types.

    Each method's scores are `[runs, n]` and finite, high for outliers, and flag an image from 0 on;
    `outlier` and `groups` are `[n]`. All groups of the conditions' rows are resampled. The means
    stand where `SplitResamples` has medians. A resample has no value where none of a condition's
    images was drawn; for `auroc`, where outliers or in-distribution images are lacking.
    Raises ``DataError`` for another metric.
    """
    if metric not in RESAMPLED:
        raise DataError(f"ood: '{metric}' cannot be resampled; expected {' or '.join(RESAMPLED)}")
    flags = np.asarray(outlier).astype(bool)
    codes = encode_groups(groups)[1]
    own, local = np.unique(codes[np.concatenate([c.rows for c in conditions])],
                           return_inverse=True)
    n_groups = len(own)
    ends = np.cumsum([len(c.rows) for c in conditions])[:-1]
    places = np.split(local, ends)
    # The first column is the whole sample. One row a group: rows of images are then contiguous.
    counts = np.ascontiguousarray(np.vstack(
        [np.ones((1, n_groups)), draw_counts(n_groups, n_resamples, seed)]).T)
    each = {name: np.asarray(values, np.float64) for name, values in scores.items()}
    weights = condition_weights(conditions)
    total = {name: np.zeros(n_resamples + 1) for name in each}
    for condition, place, weight in zip(conditions, places, weights, strict=True):
        known = {name: values[:, condition.rows] for name, values in each.items()}
        made = _auroc if metric == "auroc" else _accuracy
        for name, found in made(known, flags[condition.rows], place, counts).items():
            total[name] += weight * found
    return {name: SplitResamples({metric: found[:1]}, {metric: found[1:]}, n_groups)
            for name, found in total.items()}


def _accuracy(
    scores: Mapping[str, Floats], flags: Flags, place: Rows, counts: Floats
) -> dict[str, Floats]:
    """The share of rows flagged rightly `[R]`, over all runs."""
    drawn = np.bincount(place, minlength=len(counts)) @ counts
    drawn[drawn == 0] = np.nan
    found = {}
    for name, values in scores.items():
        right = ((values >= 0) == flags).sum(axis=0)
        often = np.bincount(place, weights=right, minlength=len(counts)) @ counts
        found[name] = np.asarray(often / (drawn * len(values)))
    return found


def _auroc(
    scores: Mapping[str, Floats], flags: Flags, place: Rows, counts: Floats
) -> dict[str, Floats]:
    """The mean over runs of the share of pairs in the right order `[R]`; a tie counts half."""
    inside, outside = place[~flags], place[flags]
    step = max(1, _CHUNK // max(1, len(place)))
    wins = {name: np.zeros(counts.shape[1]) for name in scores}
    pairs = np.empty(counts.shape[1])
    orders = {name: [_order(run, flags) for run in values] for name, values in scores.items()}
    for start in range(0, counts.shape[1], step):
        part = slice(start, start + step)
        inner, outer = counts[inside, part], counts[outside, part]
        below = np.zeros((len(inner) + 1, inner.shape[1]))
        pairs[part] = inner.sum(axis=0) * outer.sum(axis=0)
        for name, runs in orders.items():
            for order, low, high in runs:
                np.cumsum(inner[order], axis=0, out=below[1:])
                ends = (low,) if high is None else (low, high)
                for end in ends:
                    wins[name][part] += np.einsum("nr,nr->r", outer, below[end]) / len(ends)
    pairs[pairs == 0] = np.nan
    return {name: found / (pairs * len(scores[name])) for name, found in wins.items()}


def _order(run: Floats, flags: Flags) -> tuple[Rows, Rows, Rows | None]:
    """The order of the in-distribution images, and how many of them are below each outlier, and
    how many not above; None for the latter where they are the same."""
    inner = run[~flags]
    order = np.argsort(inner, kind="stable")
    low, high = (np.searchsorted(inner[order], run[flags], side) for side in ("left", "right"))
    return order, low, None if np.array_equal(low, high) else high
