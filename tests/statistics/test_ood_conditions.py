"""Means over test sets and resampled groups against the plain metrics of repeated rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.errors import DataError
from benchbench.statistics.ood import Threshold, ood_metrics
from benchbench.statistics.ood_conditions import Condition, _accuracy, _auroc, score_conditions

AT = Threshold(0.0, "a test's")


def case(runs: int = 2, groups: int = 24) -> tuple:
    """Four kinds of row a group: clean, and outliers a1, a2, b1."""
    rng = np.random.default_rng(0)
    kinds = np.tile(["", "a1", "a2", "b1"], groups)
    outlier = kinds != ""
    names = np.repeat(np.arange(groups), 4)
    # Rounded, so that there are ties.
    scores = np.round(rng.normal(size=(runs, len(kinds))) + outlier * 0.7 - 0.3, 1)
    conditions = [
        Condition(kind[0], kind[1], np.flatnonzero((kinds == kind) | ~outlier))
        for kind in ("a1", "a2", "b1")
    ]
    return scores, outlier, names, conditions


def test_means_are_over_runs_levels_and_types() -> None:
    scores, outlier, names, conditions = case()
    found = score_conditions(scores, outlier, names, conditions, thresholds=[AT, AT])
    each = [[ood_metrics(run[c.rows], outlier[c.rows], threshold=AT) for c in conditions]
            for run in scores]  # fmt: skip
    for metric, estimate in found.overall.items():
        a1, a2, b1 = (np.mean([run[i][metric].value for run in each]) for i in range(3))
        assert estimate.value == pytest.approx(((a1 + a2) / 2 + b1) / 2)
        assert found.conditions[2][metric] == pytest.approx(b1)
    kinds = {kind: e.value for kind, e in found.kinds.items()}
    assert np.mean(list(kinds.values())) == pytest.approx(found.overall["accuracy"].value)
    assert found.runs[0]["auroc"] != found.runs[1]["auroc"]


def test_resamples_equal_the_metrics_of_repeated_rows() -> None:
    scores, outlier, names, conditions = case(groups=9)
    counts = np.random.default_rng(1).multinomial(9, np.full(9, 1 / 9), size=6).astype(float)
    correct = np.mean((scores >= 0) == outlier, axis=0)
    for condition in conditions:
        accuracy = _accuracy(condition, correct, names, counts)
        auroc = _auroc(condition, scores, outlier, names, counts)
        for row, drawn in enumerate(counts):
            times = drawn[names[condition.rows]].astype(int)
            rows = np.repeat(condition.rows, times)
            plain = [ood_metrics(run[rows], outlier[rows], threshold=AT) for run in scores]
            expected = {m: np.mean([p[m].value for p in plain]) for m in ("accuracy", "auroc")}
            assert accuracy[row] == pytest.approx(expected["accuracy"])
            assert auroc[row] == pytest.approx(expected["auroc"])


def test_intervals_hold_the_value_and_are_repeatable() -> None:
    arguments = case()
    found = score_conditions(*arguments, thresholds=[AT, AT], seed=3)
    again = score_conditions(*arguments, thresholds=[AT, AT], seed=3)
    assert found == again
    for name in ("accuracy", "auroc"):
        estimate = found.overall[name]
        low, high = estimate.ci95
        assert low < estimate.value < high
        assert estimate.reliable
    assert found.overall["aupr_in"].ci95 is None
    few = score_conditions(*case(groups=4), thresholds=[AT, AT])
    assert few.overall["accuracy"].ci95 is None
    assert "fewer than 6 groups" in few.overall["accuracy"].note


def test_what_is_undefined_says_why() -> None:
    scores, outlier, names, conditions = case()
    found = score_conditions(scores * 0, outlier, names, conditions, thresholds=[AT, AT])
    assert found.overall["auroc"].value is None
    assert found.overall["auroc"].note == "undefined: predictions are constant"
    assert found.overall["accuracy"].value == pytest.approx(0.5)
    assert found.runs[0]["auroc"] is None


def test_what_does_not_fit_is_refused() -> None:
    scores, outlier, names, conditions = case()
    with pytest.raises(DataError, match="one threshold a run"):
        score_conditions(scores, outlier, names, conditions, thresholds=[AT])
    with pytest.raises(DataError, match="no test set"):
        score_conditions(scores, outlier, names, [], thresholds=[AT, AT])
