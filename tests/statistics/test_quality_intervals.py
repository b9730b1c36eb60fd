from __future__ import annotations

import math

import numpy as np
import pytest

from benchbench.statistics.quality import quality_metrics
from benchbench.statistics.quality_intervals import with_intervals

RESAMPLED = ("srocc", "krocc", "plcc", "rmse", "plcc_linear", "rmse_linear", "outlier_ratio")
STD = np.full(300, 6.0)


def sample(n_groups=30, sign=1):
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), 300 // n_groups)
    x = random.uniform(0, 1, 300)
    shift = random.normal(0, 3, n_groups)[groups]
    return sign * x, 50 * np.tanh(4 * x - 2) + shift + random.normal(0, 5, 300), groups


def intervals(n_groups=30, sign=1):
    x, y, groups = sample(n_groups, sign)
    metrics = quality_metrics(x, y, std=STD, std_kind="ratings")
    options = {"std": STD, "std_kind": "ratings", "n_resamples": 500}
    return metrics, with_intervals(metrics, x, y, groups, **options)


def test_every_metric_has_an_interval_around_its_unchanged_value():
    before, after = intervals()
    for name in RESAMPLED:
        estimate = after.estimates[name]
        low, high = estimate.ci95
        assert low < estimate.value < high
        assert estimate.value == before.estimates[name].value
        assert estimate.reliable and estimate.note is None
    assert after.fit is before.fit


def test_an_inverted_method_has_mirrored_intervals():
    _, one = intervals()
    _, other = intervals(sign=-1)
    for name in ("srocc", "krocc", "plcc", "plcc_linear"):
        low, high = one.estimates[name].ci95
        assert other.estimates[name].ci95 == pytest.approx((-high, -low), abs=1e-5)


def test_the_outlier_ratio_is_resampled_by_groups():
    x, y, _ = sample()
    _, after = intervals()
    fit = after.fit
    flags = np.abs(fit(x) - y) > 2 * STD
    shares = flags.reshape(30, -1).mean(axis=1)
    spread = shares.std() / math.sqrt(29)
    _, high = after.estimates["outlier_ratio"].ci95
    # The share of equal groups is a mean over groups, whose standard error is known.
    assert high - after.estimates["outlier_ratio"].value == pytest.approx(2.045 * spread, rel=0.1)


def test_few_groups_are_marked_and_fewer_have_no_interval():
    _, some = intervals(n_groups=10)
    assert not some.estimates["srocc"].reliable
    assert "interval unreliable: fewer than 20 groups (10)" in some.estimates["srocc"].note
    _, none = intervals(n_groups=5)
    assert none.estimates["rmse"].ci95 is None
    assert "interval undefined: fewer than 6 groups (5)" in none.estimates["rmse"].note
    assert none.estimates["rmse"].value is not None


def test_undefined_metrics_stay_undefined():
    _, y, groups = sample()
    metrics = quality_metrics(np.ones(300), y)
    assert with_intervals(metrics, np.ones(300), y, groups) is metrics
