"""Quality statistics of resampled groups, not images, and the intervals they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError
from benchbench.statistics.intervals import (
    Interval,
    Scale,
    interval_of,
    no_interval,
    too_few_groups,
)
from benchbench.statistics.paired import Floats, constant, paired, to_unit
from benchbench.statistics.resampling import (
    RANK_METRICS,
    CorrelationSums,
    draw_counts,
    resample_correlations,
)
from benchbench.statistics.splits import Split, encode_groups

__all__ = [
    "Interval",
    "SplitResamples",
    "bootstrap_median_over_splits",
    "bootstrap_quality",
    "draw_counts",
    "interval_of",
    "median_interval",
    "resample_correlations",
    "resample_splits",
]

Mapped = Callable[[Floats], Floats]

SCALES: Mapping[str, Scale] = {
    "srocc": "correlation",
    "krocc": "correlation",
    "plcc": "correlation",
    "plcc_linear": "correlation",
    "rmse": "positive",
    "rmse_linear": "positive",
}


def quality_names(mapped: bool) -> list[str]:
    """The statistics that can be resampled, with or without a mapping."""
    return [*RANK_METRICS, "rmse_linear", *(("plcc", "rmse") if mapped else ())]


class QualitySums:
    """All quality statistics of resamples of one series; `fit` is held fixed."""

    def __init__(
        self,
        x: Floats,
        y: Floats,
        codes: NDArray[np.intp],
        fit: Mapped | None,
        ranks: Sequence[str] = RANK_METRICS,
    ) -> None:
        self.sums = CorrelationSums(x, y, codes, ranks)
        self.mapped: CorrelationSums | None = None
        self.reason: str | None = None
        # The mapped predictions of an inverted method rise with the target; its PLCC is negative.
        self.sign = float(getattr(fit, "direction", 1))
        moved = to_unit(x)[0]
        moved = moved - moved.mean()
        lines = {"rmse_linear": y.mean() + moved * float(moved @ (y - y.mean()) / (moved @ moved))}
        if fit is not None:
            lines["rmse"] = np.asarray(fit(x), dtype=np.float64)
            self.reason = constant(lines["rmse"], y) and "the mapped predictions are constant"
            if not np.isfinite(lines["rmse"]).all():
                raise DataError(
                    "bootstrap: the mapping gives NaN or infinite values for some predictions; "
                    "expected finite values; leave out fit= or repair the mapping"
                )
            if self.reason is None:
                self.mapped = CorrelationSums(lines["rmse"], y, codes, ("plcc_linear",))
        n_groups = self.sums.n_groups
        self.squares = {
            name: np.bincount(codes, weights=(line - y) ** 2, minlength=n_groups)
            for name, line in lines.items()
        }

    def values(self, counts: NDArray[np.float64]) -> dict[str, Floats]:
        """One array `[R]` a statistic for counts `[R, groups]`, NaN where it is undefined."""
        found = self.sums.values(counts)
        rows = counts @ self.sums.sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, squares in self.squares.items():
                found[name] = np.sqrt(counts @ squares / rows)
        if "rmse" in self.squares:
            nothing = np.full(len(counts), np.nan)
            mapped = self.mapped
            found["plcc"] = self.sign * mapped.values(counts)["plcc_linear"] if mapped else nothing
        return found


def bootstrap_quality(
    prediction: ArrayLike,
    target: ArrayLike,
    groups: ArrayLike,
    *,
    fit: Mapped | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Intervals of srocc, krocc, plcc_linear and rmse_linear, and with `fit` of plcc and rmse.

    `prediction`, `target` and `groups` are `[n]`. `fit` maps predictions to the target's scale;
    it and the least-squares line of rmse_linear stay those of the full sample. A mapping whose
    attribute `direction` is -1 falls, and turns the sign of plcc. Where a statistic
    is undefined or there are fewer than 6 groups, its interval has no ends and says why.
    """
    x, y, reason = paired(prediction, target)
    names = quality_names(fit is not None)
    codes = encode_groups(groups)[1]
    if len(codes) != len(x):
        raise DataError(
            f"bootstrap: {len(x)} predictions, but {len(codes)} groups; expected one group a row; "
            "pass columns of one table"
        )
    n_groups = int(codes.max()) + 1
    reason = reason or too_few_groups(n_groups)
    if reason is not None:
        return {name: no_interval(reason) for name in names}
    sums = QualitySums(x, y, codes, fit)
    values = sums.values(draw_counts(n_groups, n_resamples, seed).astype(np.float64))
    points = sums.values(np.ones((1, n_groups)))
    found = {
        name: interval_of(float(points[name][0]), values[name], n_groups, scale=SCALES[name])
        for name in names
    }
    if sums.reason is not None:
        found["plcc"] = no_interval(sums.reason)
    return found


@dataclass(frozen=True, slots=True)
class SplitResamples:
    """Scores of each split `[splits]` and of each resample's median over splits `[R]`.

    An entry is NaN where the score is undefined. `n_groups` groups were resampled.
    """

    scores: dict[str, Floats]
    medians: dict[str, Floats]
    n_groups: int


def resample_splits(
    predictions: Sequence[ArrayLike],
    splits: Sequence[Split],
    target: ArrayLike,
    groups: ArrayLike,
    *,
    metrics: Sequence[str] | None = None,
    fits: Sequence[Mapped | None] | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> SplitResamples:
    """Medians over splits of resampled test groups; the fitted models stay.

    `predictions[i]` belongs to the rows `splits[i].test` of `target` and `groups` `[n]`. All groups
    that are tested anywhere are resampled once; each split takes the counts of its own test groups.
    A split that has no value in a resample (none of its groups drawn, or a constant side) is left
    out of that median. `metrics` are some of srocc, krocc, plcc_linear and rmse_linear, and with
    `fits`, one mapping a split, of plcc and rmse; by default all that there are.
    """
    if metrics is None:
        metrics = quality_names(fits is not None)
    y, codes = np.asarray(target, dtype=np.float64), encode_groups(groups)[1]
    if not splits or len(predictions) != len(splits) or len(codes) != len(y):
        raise DataError(
            f"bootstrap: {len(predictions)} predictions for {len(splits)} splits, {len(y)} targets,"
            f" {len(codes)} groups; expected one array a split and one group a row; "
            "pass what the regressor returned with its own splits"
        )
    tested = np.unique(np.concatenate([codes[split.test] for split in splits]))
    drawn = draw_counts(len(tested), n_resamples, seed)
    # The first row is the full sample.
    counts = np.vstack([np.ones((1, len(tested))), drawn])
    table = {name: np.full((len(splits), len(counts)), np.nan) for name in metrics}
    ranks = [name for name in metrics if name in RANK_METRICS]
    for number, (split, prediction) in enumerate(zip(splits, predictions, strict=True)):
        x, part, reason = paired(prediction, y[split.test])
        if reason is not None:
            continue
        own, local = np.unique(codes[split.test], return_inverse=True)
        fit = fits[number] if fits is not None else None
        sums = QualitySums(x, part, local, fit, ranks)
        found = sums.values(counts[:, np.searchsorted(tested, own)])
        for name in metrics:
            if name in found:
                table[name][number] = found[name]
    scores = {name: values[:, 0] for name, values in table.items()}
    medians = {name: _median(values[:, 1:]) for name, values in table.items()}
    return SplitResamples(scores, medians, len(tested))


def bootstrap_median_over_splits(
    predictions: Sequence[ArrayLike],
    splits: Sequence[Split],
    target: ArrayLike,
    groups: ArrayLike,
    *,
    metrics: Sequence[str] | None = None,
    fits: Sequence[Mapped | None] | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """The interval of each metric's median over splits; see `resample_splits`."""
    found = resample_splits(
        predictions, splits, target, groups,
        metrics=metrics, fits=fits, n_resamples=n_resamples, seed=seed,
    )  # fmt: skip
    return {name: median_interval(found, name) for name in found.scores}


def median_interval(found: SplitResamples, metric: str) -> Interval:
    """The interval of the median over splits of one metric."""
    point = _median(found.scores[metric][:, None])[0]
    if np.isnan(point):
        return no_interval("no split has a value")
    scale = SCALES[metric]
    return interval_of(float(point), found.medians[metric], found.n_groups, scale=scale)


def _median(values: Floats) -> Floats:
    """The median over the first axis of the entries that are not NaN; NaN where there are none."""
    ordered = np.sort(values, axis=0)
    present = np.count_nonzero(~np.isnan(ordered), axis=0)
    columns = np.arange(values.shape[1])
    low = ordered[np.maximum(present - 1, 0) // 2, columns]
    # Without any entry both places hold NaN, which the mean keeps.
    high = ordered[np.minimum(present // 2, len(values) - 1), columns]
    return np.asarray((low + high) / 2)
