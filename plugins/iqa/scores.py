"""The scores of task ``iqa``, from its predictions alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench import Score

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("srocc", "plcc", "plcc_linear", "krocc", "rmse", "rmse_linear")
CORRELATIONS = ("srocc", "plcc", "plcc_linear", "krocc")


def directly(predictions: pd.DataFrame, seed: int) -> tuple[dict[str, Score], Any]:
    """Scores of one series, and the mapping behind them."""
    from benchbench import quality_metrics, with_intervals

    found, target = (predictions[column].to_numpy(float) for column in ("prediction", "target"))
    std, kind = None, None
    if "std" in predictions:
        std, kind = predictions["std"].to_numpy(float), predictions["std_kind"].iloc[0]
    measured = with_intervals(
        quality_metrics(found, target, std=std, std_kind=kind), found, target,
        predictions["group"].to_numpy(), std=std, std_kind=kind, seed=seed)
    mapping = None if measured.fit is None else f"{measured.fit.kind}, monotone"
    scores = {
        name: Score(e.value, name in CORRELATIONS, e.ci95, e.reliable, e.note,
                    mapping if name in ("plcc", "rmse") else None)
        for name, e in measured.estimates.items()
        if name in METRICS or (name == "outlier_ratio" and e.defined)
    }
    return scores, measured.fit


def over_splits(predictions: pd.DataFrame, seed: int) -> tuple[dict[str, Score], list[Any]]:
    """Medians over splits, and the metrics of each split."""
    import numpy as np

    from benchbench import Split, bootstrap_median_over_splits, quality_metrics

    number = predictions["split"].to_numpy()
    found, target = (predictions[column].to_numpy(float) for column in ("prediction", "target"))
    places = [np.flatnonzero(number == k) for k in np.unique(number)]
    each = [quality_metrics(found[place], target[place]) for place in places]
    intervals = bootstrap_median_over_splits(
        [found[place] for place in places], [Split(place[:0], place, (), ()) for place in places],
        target, predictions["group"].to_numpy(str), fits=[one.fit for one in each], seed=seed)
    scores = {}
    for name in METRICS:
        values = [v for one in each if (v := one.estimates[name].value) is not None]
        note = None
        if len(values) < len(each):
            first = next(f.estimates[name].note for f in each if f.estimates[name].value is None)
            note = f"{len(each) - len(values)} of {len(each)} splits {first}"
        value = float(np.median(values)) if values else None
        scores[name] = _score(name, value, note, intervals.get(name), "logistic, each split")
    usable = [v for one in each if (v := one.estimates["srocc"].value) is not None]
    scores["srocc_mean"] = Score(float(np.mean(usable)) if usable else None,
                                 note=None if usable else scores["srocc"].note)
    return scores, each


def describe_fit(fit: Any) -> dict[str, Any] | None:
    """The mapping as data: enough to draw it and to judge how it was found."""
    if fit is None:
        return None
    return {
        "kind": fit.kind, "parameters": list(map(float, fit.parameters)), "start": fit.start,
        "starts": fit.starts, "converged": fit.converged, "monotone": fit.monotone,
        "free_plcc": fit.free.plcc if fit.free else None,
        "free_rmse": fit.free.rmse if fit.free else None,
        "free_monotone": fit.free.monotone if fit.free else None,
    }


def caveats(scores: Mapping[str, Score]) -> list[str]:
    primary = scores["srocc"]
    if primary.value is None:
        return [f"srocc {primary.note}"]
    if primary.reliable:
        return []
    return ["fewer than 20 groups: the intervals are unreliable" if primary.ci95
            else "fewer than 6 groups: no intervals, and no ranking can be claimed"]


def _score(name: str, value: float | None, note: str | None, interval: Any,
           mapping: str | None) -> Score:
    ci, reliable = None, True
    if interval is not None and value is not None:
        reliable = bool(interval.reliable)
        if interval.low is not None:
            ci = (float(interval.low), float(interval.high))
    return Score(value, name in CORRELATIONS, ci, reliable, note,
                 mapping if name in ("plcc", "rmse") else None)
