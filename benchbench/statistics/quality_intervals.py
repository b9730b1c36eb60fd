"""The quality metrics of one method with their 95 % intervals over groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from benchbench.statistics.bootstrap import bootstrap_quality
from benchbench.statistics.estimate import Estimate
from benchbench.statistics.intervals import Interval, interval_of, no_interval
from benchbench.statistics.paired import Floats
from benchbench.statistics.quality import QualityMetrics, StdKind, outliers
from benchbench.statistics.resampling import draw_counts


def with_intervals(
    metrics: QualityMetrics,
    prediction: Floats,
    target: Floats,
    groups: ArrayLike,
    *,
    std: Floats | None = None,
    std_kind: StdKind | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> QualityMetrics:
    """`metrics` with `ci95`, `reliable` and the intervals' notes.

    `prediction` `[n]` is the oriented one that `metrics` was made from, `groups` `[n]` the content
    of each image. The mapping stays that of the whole sample.
    """
    fit = metrics.fit
    if fit is None:
        return metrics
    found = bootstrap_quality(
        prediction, target, groups, fit=fit, n_resamples=n_resamples, seed=seed
    )
    ratio = metrics.estimates.get("outlier_ratio")
    if ratio is not None and ratio.defined and std is not None and std_kind is not None:
        flags = outliers(prediction, target, fit, std, std_kind)
        found["outlier_ratio"] = _share_interval(flags, groups, n_resamples, seed)
    estimates = {
        name: _joined(estimate, found[name]) if name in found else estimate
        for name, estimate in metrics.estimates.items()
    }
    return replace(metrics, estimates=estimates)


def _share_interval(flags: ArrayLike, groups: ArrayLike, n_resamples: int, seed: int) -> Interval:
    values = np.asarray(flags, dtype=np.float64)
    if values.min() == values.max():
        return no_interval("all images or none are outliers")
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    sizes = np.bincount(codes)
    counts = draw_counts(sizes.size, n_resamples, seed)
    shares = (counts @ np.bincount(codes, weights=values)) / (counts @ sizes)
    # On a logit scale one resample without an outlier would stretch the interval over everything.
    found = interval_of(float(values.mean()), shares, sizes.size, scale="plain")
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def _joined(estimate: Estimate, interval: Interval) -> Estimate:
    if not estimate.defined:
        return estimate
    said = None if interval.note is None else f"interval {interval.note}"
    notes = [note for note in (estimate.note, said) if note]
    return replace(
        estimate,
        note="; ".join(notes) or None,
        ci95=interval.ci95,
        reliable=interval.reliable,
    )
