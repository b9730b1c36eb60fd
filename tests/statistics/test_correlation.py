from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchbench.statistics.correlation import inversions, krocc, plcc, rmse_linear, srocc

ALL = (srocc, krocc, plcc, rmse_linear)
# Halves of small whole numbers: many ties, and sums without rounding.
tied = st.integers(-4, 4).map(lambda value: value / 2)
plain = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
hostile = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def pairs(draw, elements, smallest=0, largest=40):
    n = draw(st.integers(smallest, largest))
    series = st.lists(elements, min_size=n, max_size=n).map(np.array)
    return draw(series).astype(float), draw(series).astype(float)


def varied(x, y):
    return x.min() < x.max() and y.min() < y.max()


@given(pairs(tied | plain, smallest=5))
@settings(max_examples=300, deadline=None)
def test_agrees_with_scipy(series):
    x, y = series
    if not varied(x, y):
        assert all(metric(x, y).value is None for metric in ALL)
        return
    assert srocc(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert krocc(x, y).value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        assert plcc(x, y).value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    line = stats.linregress(x - x.mean(), y)
    residual = y - line.intercept - line.slope * (x - x.mean())
    expected = math.sqrt(np.mean(residual**2))
    assert rmse_linear(x, y).value == pytest.approx(expected, rel=1e-6, abs=1e-7 * np.ptp(y))


@given(pairs(hostile))
@settings(max_examples=300, deadline=None)
def test_any_input_has_a_defined_outcome(series):
    for metric in ALL:
        found = metric(*series)
        if found.value is None:
            assert found.note.startswith("undefined: ")
        else:
            assert math.isfinite(found.value)
            assert metric is rmse_linear or -1 <= found.value <= 1


@given(pairs(tied, smallest=5))
@settings(deadline=None)
def test_turning_a_series_turns_the_sign(series):
    x, y = series
    for metric in (srocc, krocc, plcc):
        value, turned = metric(x, y).value, metric(-x, y).value
        assert (value is None and turned is None) or turned == pytest.approx(-value, abs=1e-12)


def test_large_sample_agrees_with_scipy():
    random = np.random.default_rng(0)
    x = random.normal(size=3000)
    y = np.round(x + random.normal(size=3000), 1)
    assert srocc(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert krocc(x, y).value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    assert plcc(x, y).value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)


def test_agrees_with_torchmetrics():
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional")
    random = np.random.default_rng(1)
    x = np.round(random.normal(size=200), 1)
    y = np.round(x + random.normal(size=200), 1)
    a, b = torch.tensor(x), torch.tensor(y)
    assert srocc(x, y).value == pytest.approx(float(functional.spearman_corrcoef(a, b)), abs=1e-6)
    assert krocc(x, y).value == pytest.approx(float(functional.kendall_rank_corrcoef(a, b)))
    assert plcc(x, y).value == pytest.approx(float(functional.pearson_corrcoef(a, b)))


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], "predictions are constant"),
        ([1, 2, 3, 4, 5], [2, 2, 2, 2, 2], "targets are constant"),
        ([1, 2, 3, 4], [1, 2, 3, 4], "fewer than 5 points (4)"),
        ([], [], "fewer than 5 points (0)"),
        ([1, 2, math.nan, 4, math.inf], [1, 2, 3, 4, 5], "2 of 5 predictions are NaN or infinite"),
        ([1, 2, 3, 4, 5], [1, -math.inf, 3, 4, 5], "1 of 5 targets are NaN or infinite"),
    ],
)
def test_undefined_says_why(metric, x, y, reason):
    found = metric(x, y)
    assert found.value is None
    assert found.note == f"undefined: {reason}"


@pytest.mark.parametrize("metric", ALL)
def test_lengths_that_differ_are_refused(metric):
    with pytest.raises(ValueError, match="one prediction and one target an image"):
        metric([1, 2, 3, 4, 5], [1, 2, 3, 4])


def test_widest_range_and_large_offset():
    y = np.arange(6.0)
    assert plcc([1e308, -1e308, 0, 0, 0, 5e307], y).value == pytest.approx(
        stats.pearsonr([1, -1, 0, 0, 0, 0.5], y).statistic
    )
    assert plcc(1e15 + 2 * y, y).value == pytest.approx(1.0, abs=1e-15)
    assert plcc([0, 0, 0, 0, 0, 5e-324], y).value == pytest.approx(
        stats.pearsonr([0, 0, 0, 0, 0, 1], y).statistic
    )


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30))
def test_inversions_are_counted(values):
    expected = sum(a > b for i, a in enumerate(values) for b in values[i:])
    assert inversions(np.array(values)) == expected
