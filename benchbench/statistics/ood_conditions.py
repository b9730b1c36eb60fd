"""Out-of-distribution metrics over many test sets: one a type of outlier and level.

Each metric is computed test set by test set and averaged, over the levels of a type and then over
types, so that neither a type with more levels nor one with more images counts for more. Intervals
resample groups; the fitted detectors stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError
from benchbench.statistics.estimate import Estimate, undefined
from benchbench.statistics.intervals import Interval, interval_of, no_interval, too_few_groups
from benchbench.statistics.ood import OOD_METRICS, Threshold, ood_metrics
from benchbench.statistics.paired import Floats
from benchbench.statistics.resampling import draw_counts
from benchbench.statistics.splits import encode_groups

RESAMPLED = ("accuracy", "auroc")
"""The metrics that have intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One test set: outliers of one kind and level with in-distribution images, by row number."""

    kind: str
    level: str
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ConditionScores:
    """``overall`` by metric; ``kinds`` accuracy by type; ``conditions`` all metrics of each test
    set, means over runs; ``runs`` the overall metrics of each run."""

    overall: dict[str, Estimate]
    kinds: dict[str, Estimate]
    conditions: list[dict[str, float | None]]
    runs: list[dict[str, float | None]]


def score_conditions(
    scores: ArrayLike, outlier: ArrayLike, groups: ArrayLike, conditions: Sequence[Condition], *,
    thresholds: Sequence[Threshold], n_resamples: int = 1000, seed: int = 0,
) -> ConditionScores:
    """Metrics of `scores` `[runs, n]`, high for outliers, over all `conditions`.

    `outlier` and `groups` are `[n]`, `thresholds` one a run. Values are means over runs, then
    levels, then types. A metric that is undefined in one test set is undefined, and says why.
    """
    each, flags = np.asarray(scores, np.float64), np.asarray(outlier).astype(bool)
    if each.ndim != 2 or each.shape[1] != len(flags) or len(thresholds) != len(each):
        raise DataError(
            f"ood: scores {each.shape} for {len(flags)} rows and {len(thresholds)} thresholds; "
            "expected [runs, rows] and one threshold a run"
        )
    if not conditions:
        raise DataError("ood: there is no test set; give outliers in the test part")
    found = [[ood_metrics(run[c.rows], flags[c.rows], threshold=at) for c in conditions]
             for run, at in zip(each, thresholds, strict=True)]  # fmt: skip
    weights = condition_weights(conditions)
    codes = encode_groups(groups)[1]
    tested = np.unique(np.concatenate([c.rows for c in conditions]))
    own, local = np.unique(codes[tested], return_inverse=True)
    place = np.zeros(len(codes), np.intp)
    place[tested] = local
    counts = draw_counts(len(own), n_resamples, seed).astype(np.float64)
    correct = np.mean([(run >= at.value) == flags
                       for run, at in zip(each, thresholds, strict=True)], axis=0)  # fmt: skip
    accuracy = np.stack([_accuracy(c, correct, place, counts) for c in conditions])
    resampled = {
        "accuracy": weights @ accuracy,
        "auroc": weights @ np.stack([_auroc(c, each, flags, place, counts) for c in conditions]),
    }
    overall = {}
    for metric in OOD_METRICS:
        values = [[one[metric] for one in run] for run in found]
        overall[metric] = _average(values, weights, resampled.get(metric), len(own))
    kinds = {}
    for kind in dict.fromkeys(c.kind for c in conditions):
        of = [i for i, c in enumerate(conditions) if c.kind == kind]
        share = np.full(len(of), 1 / len(of))
        values = [[run[i]["accuracy"] for i in of] for run in found]
        kinds[kind] = _average(values, share, share @ accuracy[of], len(own))
    return ConditionScores(
        overall, kinds, [_means([run[i] for run in found]) for i in range(len(conditions))],
        [{m: _weighted([one[m] for one in run], weights) for m in OOD_METRICS} for run in found],
    )


def condition_weights(conditions: Sequence[Condition]) -> Floats:
    """One over the number of types and of the type's levels."""
    kinds = [c.kind for c in conditions]
    return np.array([1 / (len(set(kinds)) * kinds.count(kind)) for kind in kinds])


def balanced(
    images: Sequence[str] | NDArray[Any], outlier: NDArray[np.bool_], kinds: NDArray[Any],
    levels: NDArray[Any], seed: int,
) -> list[Condition]:
    """The test sets of a sheet of predictions, as task ``ood`` draws them: one a type and level,
    with as many outliers as in-distribution images. All columns are `[n]`.

    Of what is too many, the images with the smallest digests are taken.
    """
    inside = np.flatnonzero(~outlier)
    found = []
    for kind, level in sorted(set(zip(kinds[outlier], levels[outlier], strict=True))):
        own = np.flatnonzero(outlier & (kinds == kind) & (levels == level))
        size = min(len(inside), len(own))
        sides = [_draw(images, side, size, f"{seed}/{kind}/{level}") for side in (inside, own)]
        found.append(Condition(str(kind), str(level), np.concatenate(sides)))
    return found


def _draw(images: Any, rows: NDArray[np.intp], size: int, key: str) -> NDArray[np.intp]:
    if len(rows) == size:
        return rows
    digests = [hashlib.sha256(f"{key}/{images[row]}".encode()).digest() for row in rows]
    return rows[sorted(range(len(rows)), key=digests.__getitem__)[:size]]


def _average(
    values: Sequence[Sequence[Estimate]], weights: Floats, resampled: Floats | None, n_groups: int
) -> Estimate:
    """The mean over runs and, weighted, over test sets, with its interval."""
    lacking = next((one for run in values for one in run if one.value is None), None)
    if lacking is not None:
        return undefined((lacking.note or "no value").removeprefix("undefined: "))
    mean = float(np.mean([weights @ np.array([one.value for one in run]) for run in values]))
    if resampled is None:
        return Estimate(mean)
    interval = _interval(mean, resampled, n_groups)
    return Estimate(mean, interval.note, interval.ci95, interval.reliable)


def _interval(value: float, resampled: Floats, n_groups: int) -> Interval:
    reason = too_few_groups(n_groups)
    if reason is not None:
        return no_interval(reason)
    return interval_of(value, resampled, n_groups, scale="share")


def _weighted(values: Sequence[Estimate], weights: Floats) -> float | None:
    known = [one.value for one in values if one.value is not None]
    return float(weights @ np.array(known)) if len(known) == len(values) else None


def _means(runs: Sequence[Mapping[str, Estimate]]) -> dict[str, float | None]:
    share = np.full(len(runs), 1 / len(runs))
    return {metric: _weighted([run[metric] for run in runs], share) for metric in OOD_METRICS}


def _accuracy(condition: Condition, correct: Floats, place: Any, counts: Floats) -> Floats:
    """The share of correct rows in each resample `[R]`; NaN where no row is drawn."""
    groups, size = place[condition.rows], counts.shape[1]
    right = np.bincount(groups, weights=correct[condition.rows], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = (counts @ right) / (counts @ np.bincount(groups, minlength=size))
    return share


def _auroc(
    condition: Condition, scores: Floats, flags: NDArray[np.bool_], place: Any, counts: Floats
) -> Floats:
    """The mean over runs of the AUROC of each resample `[R]`, its rows weighted by their counts."""
    drawn, outlier = counts[:, place[condition.rows]], flags[condition.rows]
    total = np.zeros(len(counts))
    for run in scores:
        order = np.argsort(run[condition.rows], kind="stable")
        value = run[condition.rows][order]
        weight, positive = drawn[:, order], outlier[order]
        inside = np.where(positive, 0.0, weight)
        below = np.cumsum(inside, axis=1) - inside
        # Of equal scores each sees half of the others: the mean over the ends of its tie.
        first = np.searchsorted(value, value, "left")
        last = np.searchsorted(value, value, "right") - 1
        beaten = (below[:, first] + below[:, last] + inside[:, last]) / 2
        wins = np.where(positive, weight * beaten, 0.0).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            total += wins / (inside.sum(axis=1) * (weight * positive).sum(axis=1))
    mean: Floats = total / len(scores)
    return mean
