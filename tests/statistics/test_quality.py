from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchbench.statistics.quality import quality_by, quality_metrics

KEYS = [
    "srocc", "krocc", "plcc", "rmse", "plcc_free", "rmse_free", "plcc_linear", "rmse_linear",
]  # fmt: skip
SIGNED = ("srocc", "krocc", "plcc", "plcc_linear")


def sample(n=300, seed=0):
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, n)
    return x, 100 / (1 + np.exp(-8 * (x - 0.5))) + random.normal(0, 8, n)


def values(metrics):
    return {name: estimate.value for name, estimate in metrics.estimates.items()}


def test_keys_and_definitions():
    x, y = sample()
    metrics = quality_metrics(x, y)
    found = values(metrics)
    assert list(found) == KEYS
    assert metrics.n == 300
    mapped = metrics.fit(x)
    assert found["srocc"] == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found["krocc"] == pytest.approx(stats.kendalltau(x, y).statistic)
    assert found["plcc"] == pytest.approx(stats.pearsonr(mapped, y).statistic)
    assert found["rmse"] == pytest.approx(math.sqrt(np.mean((mapped - y) ** 2)))
    assert found["plcc_linear"] == pytest.approx(stats.pearsonr(x, y).statistic)


@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize("inverted", [True, False])
def test_the_declared_direction_is_applied_once(higher_is_better, inverted):
    x, y = sample()
    right_way = x if higher_is_better else -x
    found = values(
        quality_metrics(-right_way if inverted else right_way, y, higher_is_better=higher_is_better)
    )
    reference = values(quality_metrics(x, y))
    for name in SIGNED:
        sign = -1 if inverted else 1
        assert found[name] == pytest.approx(sign * reference[name], abs=1e-6)
    assert found["rmse"] == pytest.approx(reference["rmse"], rel=1e-6)
    assert found["rmse_linear"] == pytest.approx(reference["rmse_linear"])


def test_a_mapping_against_the_ranks_is_noted():
    # A cloud that rises and a few far points that pull the mapping down.
    x = np.concatenate([np.arange(50.0), np.full(10, 1000.0)])
    y = np.concatenate([np.arange(50.0), np.full(10, -1000.0)])
    found = quality_metrics(x, y).estimates
    assert found["srocc"].value > 0 > found["plcc"].value
    assert "falls, against the sign of SROCC" in found["plcc"].note


@pytest.mark.parametrize(("kind", "factor"), [("ratings", 2.0), ("mean", 1.96)])
def test_outlier_ratio(kind, factor):
    x, y = sample()
    std = np.random.default_rng(1).uniform(2, 10, 300)
    metrics = quality_metrics(x, y, std=std, std_kind=kind)
    rows = zip(x, y, std, strict=True)
    expected = sum(abs(metrics.fit([a])[0] - b) > factor * s for a, b, s in rows) / 300
    assert 0 < expected < 1
    assert metrics.estimates["outlier_ratio"].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("std", "kind", "reason"),
    [
        (1.0, None, "it is not declared whether"),
        (-1.0, "mean", "300 of 300 deviations are NaN or negative"),
        (math.nan, "ratings", "300 of 300 deviations are NaN or negative"),
    ],
)
def test_outlier_ratio_undefined(std, kind, reason):
    x, y = sample()
    found = quality_metrics(x, y, std=np.full(300, std), std_kind=kind).estimates["outlier_ratio"]
    assert found.value is None
    assert found.note.startswith(f"undefined: {reason}")


def test_without_deviations_there_is_no_outlier_ratio():
    assert "outlier_ratio" not in quality_metrics(*sample(), std_kind="mean").estimates


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.ones(6), "predictions are constant"),
        (np.array([1, 2, 3, math.nan, 5, 6]), "1 of 6 predictions are NaN or infinite"),
    ],
)
def test_undefined_predictions(x, reason):
    metrics = quality_metrics(x, np.arange(6.0), std=np.ones(6), std_kind="mean")
    assert metrics.fit is None
    for name in KEYS:
        assert metrics.estimates[name].value is None
        assert metrics.estimates[name].note == f"undefined: {reason}"
    assert metrics.estimates["outlier_ratio"].note == "undefined: there is no mapping"


def test_rows_by_label():
    x, y = sample()
    labels = np.resize(["10", "9", "blur"][:2], 300)
    rows = quality_by(labels, x, y, std=np.ones(300), std_kind="mean", higher_is_better=False)
    assert list(rows) == ["9", "10"]
    for label, row in rows.items():
        mine = labels == label
        expected = quality_metrics(
            x[mine], y[mine], std=np.ones(150), std_kind="mean", higher_is_better=False
        )
        assert row == expected
    assert list(quality_by(np.resize(["jpeg", "blur"], 300), x, y)) == ["blur", "jpeg"]


def test_a_label_with_few_images_stays_as_a_row():
    x, y = sample()
    labels = np.array(["many"] * 297 + ["few"] * 3)
    few = quality_by(labels, x, y)["few"]
    assert few.n == 3
    assert few.estimates["srocc"].note == "undefined: fewer than 5 points (3)"


def test_lengths_that_differ_are_refused():
    x, y = sample()
    with pytest.raises(ValueError, match="one label an image"):
        quality_by(["a"], x, y)
    with pytest.raises(ValueError, match="one standard deviation an image"):
        quality_metrics(x, y, std=[1.0], std_kind="mean")


cells = st.integers(-2, 2).map(float) | st.floats()


@given(st.lists(st.tuples(cells, cells), max_size=12))
@settings(max_examples=200, deadline=None)
def test_never_a_nan(rows):
    x, y = np.array(rows, dtype=float).reshape(-1, 2).T
    for estimate in quality_metrics(x, y).estimates.values():
        if estimate.value is None:
            assert estimate.note.startswith("undefined: ")
        else:
            assert math.isfinite(estimate.value)
