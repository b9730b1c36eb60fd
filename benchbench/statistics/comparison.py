"""Which methods differ, when many are compared on the same images.

All pairs are tested together by the studentised step-down of Romano and Wolf (2005, Econometrica
73), which uses that the pairs share their images and therefore loses far less than a Holm
correction does. The outcome is shown as letters and as intervals of ranks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError
from benchbench.statistics.bootstrap import QualitySums, quality_names
from benchbench.statistics.estimate import Estimate, undefined
from benchbench.statistics.intervals import few_groups_note, too_few_groups
from benchbench.statistics.letters import compact_letters
from benchbench.statistics.paired import Floats, paired
from benchbench.statistics.resampling import RANK_METRICS, draw_counts
from benchbench.statistics.splits import encode_groups

LOWER_IS_BETTER = frozenset({"rmse", "rmse_linear"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a family of paired comparisons showed. `order` has the methods, best first.

    `p_adjusted[a, b]`, a before b in `order`, is adjusted for all pairs. Two methods share a letter
    exactly where their p is not below alpha. `rank_interval[m]` runs from 1 + the number of methods
    significantly better to the number of methods not significantly worse. `undefined` names the
    methods without a value and why; they take no part. Under 20 groups `letters` and
    `rank_interval` are empty, under 6 `p_adjusted` too, and `note` says so.
    """

    order: tuple[str, ...]
    points: dict[str, float]
    p_adjusted: dict[tuple[str, str], float]
    letters: dict[str, str]
    rank_interval: dict[str, tuple[int, int]]
    reliable: bool
    note: str | None = None
    undefined: dict[str, str] = field(default_factory=dict)

    def p_value(self, one: str, other: str) -> float:
        """The adjusted p of a pair, in either order; raises KeyError where there is none."""
        pair = (one, other)
        return self.p_adjusted[pair if pair in self.p_adjusted else (other, one)]


def compare(
    predictions: Mapping[str, ArrayLike],
    target: ArrayLike,
    groups: ArrayLike,
    *,
    metric: str = "srocc",
    fits: Mapping[str, Callable[[Floats], Floats]] | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
    alpha: float = 0.05,
) -> Comparison:
    """Compares methods by one metric of their predictions, all `[n]`, on the same resamples.

    Predictions are oriented: the larger, the larger the target. `metric` is one of srocc, krocc,
    plcc_linear and rmse_linear, or with a mapping a method in `fits`, plcc and rmse; mappings stay
    those of the full sample. A method with constant, missing or infinite predictions has no value.
    Raises DataError for an unknown metric, no method, and series of different lengths.
    """
    known = quality_names(fits is not None)
    if metric not in known or not predictions:
        raise DataError(
            f"compare: metric '{metric}', {len(predictions)} methods; expected one of "
            f"{', '.join(known)} and at least one method; change the call"
        )
    codes = encode_groups(groups)[1]
    n_groups = int(codes.max()) + 1
    counts = np.vstack([np.ones((1, n_groups)), draw_counts(n_groups, n_resamples, seed)])
    values, points, missing = {}, {}, {}
    for name, prediction in predictions.items():
        if np.shape(prediction) != np.shape(target) or np.shape(target) != codes.shape:
            raise DataError(
                f"compare: '{name}' has shape {np.shape(prediction)}, the target "
                f"{np.shape(target)}, groups {codes.shape}; expected one value a row in each; "
                "pass predictions of the same rows"
            )
        x, y, reason = paired(prediction, target)
        if reason is not None:
            missing[name] = f"undefined: {reason}"
            continue
        fit = fits.get(name) if fits is not None else None
        wanted = (metric,) if metric in RANK_METRICS else ()
        found = QualitySums(x, y, codes, fit, wanted).values(counts).get(metric)
        if found is None or np.isnan(found[0]):
            why = "no mapping" if fit is None else "the mapped predictions are constant"
            missing[name] = f"undefined: {why}"
            continue
        points[name], values[name] = float(found[0]), found[1:]
    rising = metric not in LOWER_IS_BETTER
    result = compare_resamples(
        values, points, n_groups=n_groups, higher_is_better=rising, seed=seed, alpha=alpha
    )
    result.undefined.update(missing)
    return result


def compare_resamples(
    values: Mapping[str, ArrayLike],
    points: Mapping[str, float],
    *,
    n_groups: int,
    higher_is_better: bool = True,
    seed: int = 0,
    alpha: float = 0.05,
) -> Comparison:
    """The same from resampled values `[R]` and full-sample values a method.

    Every method's values must come from the same resamples, in the same order. `n_groups` is the
    number of groups that were resampled. Resamples in which any method has no value are left out.
    """
    if set(values) != set(points) or not 0 < alpha < 1:
        raise DataError(
            f"compare: values of {sorted(values)}, points of {sorted(points)}, alpha={alpha}; "
            "expected the same names in both and alpha between 0 and 1; change the call"
        )
    sign = 1.0 if higher_is_better else -1.0
    missing = {n: "undefined: no value" for n, p in points.items() if not np.isfinite(p)}
    order = sorted((n for n in points if n not in missing), key=lambda n: -sign * points[n])
    scores = {name: float(points[name]) for name in order}
    reason, note = too_few_groups(n_groups), few_groups_note(n_groups)
    if reason is not None:
        return Comparison(tuple(order), scores, {}, {}, {}, False, f"undefined: {reason}", missing)
    p_adjusted = _step_down(
        np.array([np.asarray(values[name], dtype=np.float64) for name in order]),
        np.array([scores[name] for name in order]),
        n_groups,
        seed,
    )
    pairs = list(itertools.combinations(order, 2))
    adjusted = {pair: float(p) for pair, p in zip(pairs, p_adjusted, strict=True)}
    if note is not None:
        return Comparison(
            tuple(order), scores, adjusted, {}, {}, False, f"{note}; no letters", missing
        )
    different = {pair for pair, p in adjusted.items() if p < alpha}
    better, worse = dict.fromkeys(order, 0), dict.fromkeys(order, 0)
    for winner, loser in different:
        better[loser] += 1
        worse[winner] += 1
    ranks = {name: (1 + better[name], len(order) - worse[name]) for name in order}
    letters = compact_letters(order, different)
    return Comparison(tuple(order), scores, adjusted, letters, ranks, True, None, missing)


def _step_down(values: Floats, points: Floats, n_groups: int, seed: int) -> Floats:
    """Adjusted p of every pair i < j of methods, from values `[methods, R]`.

    Differences are divided by their standard deviation over the resamples; the k-th largest
    is held against the resampled maximum over all pairs that are not larger. The resampled
    differences are centred, widened by sqrt(G / (G - 1)), the bootstrap's own shrinkage, and
    divided by a draw of sqrt(chi2 / (G - 1)): standard deviations of few groups are uncertain,
    and their maximum follows a multivariate t rather than a normal distribution.
    """
    first, second = np.triu_indices(len(points), k=1)
    if len(first) == 0:
        return np.empty(0)
    kept = values[:, np.isfinite(values).all(axis=0)]
    n_kept = kept.shape[1]
    if n_kept < max(2, values.shape[1] // 2):
        return np.ones(len(first))
    observed = np.abs(points[first] - points[second])
    deviation = np.empty(len(first))
    moved = kept - kept.mean(axis=1, keepdims=True)
    covariance = moved @ moved.T / n_kept
    variance = np.diag(covariance)
    deviation = np.sqrt(
        np.maximum(variance[first] + variance[second] - 2 * covariance[first, second], 0.0)
    )
    # Identical series differ by nothing in every resample.
    floor = 1e-9 * max(float(np.sqrt(variance.max())), 1e-300)
    same = deviation <= floor
    statistic = np.where(same, np.where(observed > floor, np.inf, 0.0), 0.0)
    statistic[~same] = observed[~same] / deviation[~same]
    squares = np.random.default_rng(seed).chisquare(n_groups - 1, size=n_kept)
    widen = np.sqrt(n_groups / squares)
    highest = np.zeros(n_kept)
    p_values = np.empty(len(first))
    by_size = np.argsort(statistic, kind="stable")
    for pair in by_size:
        if not same[pair]:
            difference = moved[first[pair]] - moved[second[pair]]
            np.maximum(highest, np.abs(difference) * (widen / deviation[pair]), out=highest)
        reached = int(np.count_nonzero(highest >= statistic[pair]))
        p_values[pair] = (1 + reached) / (1 + n_kept)
    # A smaller difference never gets a smaller p than a larger one.
    p_values[by_size[::-1]] = np.maximum.accumulate(p_values[by_size[::-1]])
    return p_values


def noise_floor(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """How far one cell moves when only seeds and split draws change.

    The value is the standard deviation (over n - 1) of the cell's values; the note gives half
    their range. Differences in a table below it mean nothing. Undefined for fewer than two values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) < 2:
        return undefined(f"a noise floor needs two or more repeats, got {numbers.size}")
    bad = int(np.count_nonzero(~np.isfinite(numbers)))
    if bad:
        return undefined(f"{bad} of {len(numbers)} repeats have no value")
    half = float(numbers.max() - numbers.min()) / 2
    return Estimate(
        float(numbers.std(ddof=1)),
        f"standard deviation over {len(numbers)} repeats; half range {half:.4g}",
    )
