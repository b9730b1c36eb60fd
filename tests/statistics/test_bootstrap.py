import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchbench.errors import DataError
from benchbench.statistics import resampling
from benchbench.statistics.bootstrap import (
    bootstrap_median_over_splits,
    bootstrap_quality,
    draw_counts,
    interval_of,
    median_interval,
    resample_correlations,
    resample_splits,
)
from benchbench.statistics.splits import group_splits


def resampled_rows(groups, counts):
    codes = np.unique(groups, return_inverse=True)[1]
    return np.concatenate([np.flatnonzero(codes == g).repeat(k) for g, k in enumerate(counts)])


def by_scipy(x, y, rows):
    if len(rows) < 2 or np.ptp(x[rows]) == 0 or np.ptp(y[rows]) == 0:
        return {"srocc": np.nan, "krocc": np.nan, "plcc_linear": np.nan}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "srocc": stats.spearmanr(x[rows], y[rows])[0],
            "krocc": stats.kendalltau(x[rows], y[rows])[0],
            "plcc_linear": stats.pearsonr(x[rows], y[rows])[0],
        }


@pytest.mark.parametrize("n_groups", [3, 8, 150])
@pytest.mark.parametrize("ties", [False, True])
def test_resamples_have_the_values_that_scipy_gives_their_rows(n_groups, ties):
    random = np.random.default_rng(0)
    groups = np.concatenate([np.arange(n_groups), random.integers(0, n_groups, 150)])
    x = random.normal(size=len(groups))
    y = x + random.normal(size=len(groups)) + 1e5
    if ties:
        x, y = np.round(2 * x), np.round(y)
    counts = draw_counts(n_groups, 20, seed=1)
    found = resample_correlations(x, y, groups, counts)
    for number, row in enumerate(counts):
        expected = by_scipy(x, y, resampled_rows(groups, row))
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value, abs=1e-9, nan_ok=True), name


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_series_and_counts(data):
    n = data.draw(st.integers(5, 14))
    value = st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0, 1e6])
    x = np.array(data.draw(st.lists(value, min_size=n, max_size=n)))
    y = np.array(data.draw(st.lists(value, min_size=n, max_size=n)))
    groups = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        with pytest.raises(DataError, match="constant"):
            resample_correlations(x, y, groups, [[1]])
        return
    n_groups = len(np.unique(groups))
    counts = np.array(
        [data.draw(st.lists(st.integers(0, 3), min_size=n_groups, max_size=n_groups))]
    )
    found = resample_correlations(x, y, groups, counts)
    expected = by_scipy(x, y, resampled_rows(groups, counts[0]))
    for name, wanted in expected.items():
        assert found[name][0] == pytest.approx(wanted, abs=1e-9, nan_ok=True), name


def test_both_ways_of_ranking_agree(monkeypatch):
    random = np.random.default_rng(3)
    x, groups = np.round(random.normal(size=90), 1), random.integers(0, 9, 90)
    y, counts = x + random.normal(size=90), draw_counts(9, 50, seed=0)
    cubic = resample_correlations(x, y, groups, counts, ("srocc",))["srocc"]
    monkeypatch.setattr(resampling, "_CUBIC_WORK", 0)
    monkeypatch.setattr(resampling, "_CHUNK", 500)
    sorted_ = resample_correlations(x, y, groups, counts, ("srocc",))["srocc"]
    np.testing.assert_allclose(cubic, sorted_, atol=1e-12)


def test_kendall_is_the_same_when_its_coefficients_are_made_in_passing(monkeypatch):
    random = np.random.default_rng(3)
    x, groups = np.round(random.normal(size=90), 1), random.integers(0, 9, 90)
    y, counts = x + random.normal(size=90), draw_counts(9, 50, seed=0)
    kept = resample_correlations(x, y, groups, counts, ("krocc",))["krocc"]
    monkeypatch.setattr(resampling, "_KEPT_GROUPS", 0)
    monkeypatch.setattr(resampling, "_CHUNK", 3000)
    passing = resample_correlations(x, y, groups, counts, ("krocc",))["krocc"]
    assert np.array_equal(kept, passing)


def test_counts_draw_as_many_groups_as_there_are_and_follow_the_seed():
    counts = draw_counts(12, 500, seed=4)
    assert counts.shape == (500, 12) and (counts.sum(axis=1) == 12).all()
    assert np.array_equal(counts, draw_counts(12, 500, seed=4))
    assert not np.array_equal(counts, draw_counts(12, 500, seed=5))


def test_counts_that_do_not_fit_are_said():
    with pytest.raises(DataError, match="0 resamples"):
        draw_counts(5, 0, seed=0)
    with pytest.raises(DataError, match=r"counts \(1, 3\) for 2 groups"):
        resample_correlations([1, 2, 3, 4, 5], [1, 3, 2, 5, 4], [0, 0, 1, 1, 1], [[1, 1, 1]])


def sample(n_groups=25, each=12, seed=0):
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), each)
    x = random.normal(size=len(groups)) + random.normal(size=n_groups)[groups]
    return x, 5 + 2 * x + random.normal(size=len(groups)), groups


def test_intervals_follow_the_stated_formula():
    x, y, groups = sample()

    def fit(values):
        return 4 + 1.5 * np.tanh(values)

    found = bootstrap_quality(x, y, groups, fit=fit, n_resamples=300, seed=7)
    line = np.polynomial.Polynomial.fit(x, y, 1)
    drawn = {name: [] for name in found}
    for row in draw_counts(25, 300, seed=7):
        rows = resampled_rows(groups, row)
        for name, value in by_scipy(x, y, rows).items():
            drawn[name].append(np.arctanh(value))
        drawn["plcc"].append(np.arctanh(stats.pearsonr(fit(x[rows]), y[rows])[0]))
        drawn["rmse"].append(np.log(np.sqrt(np.mean((fit(x[rows]) - y[rows]) ** 2))))
        drawn["rmse_linear"].append(np.log(np.sqrt(np.mean((line(x[rows]) - y[rows]) ** 2))))
    points = {name: np.arctanh(value) for name, value in by_scipy(x, y, np.arange(300)).items()}
    points["plcc"] = np.arctanh(stats.pearsonr(fit(x), y)[0])
    points["rmse"] = np.log(np.sqrt(np.mean((fit(x) - y) ** 2)))
    points["rmse_linear"] = np.log(np.sqrt(np.mean((line(x) - y) ** 2)))
    assert set(found) == set(points)
    for name, interval in found.items():
        half = stats.t.ppf(0.975, 24) * np.std(drawn[name]) * np.sqrt(25 / 24)
        back = np.exp if name.startswith("rmse") else np.tanh
        assert interval.low == pytest.approx(back(points[name] - half), abs=1e-9), name
        assert interval.high == pytest.approx(back(points[name] + half), abs=1e-9), name
        assert interval.reliable and interval.note is None
        assert interval.ci95 == (interval.low, interval.high)


@pytest.mark.parametrize(("n_groups", "reliable"), [(6, False), (19, False), (20, True)])
def test_few_groups_are_marked(n_groups, reliable):
    found = bootstrap_quality(*sample(n_groups), n_resamples=200)
    for interval in found.values():
        assert interval.ci95 is not None and interval.reliable is reliable
        assert (interval.note is None) == reliable


@pytest.mark.parametrize(
    ("x", "y", "groups", "note"),
    [
        (np.arange(30.0), np.arange(30.0) % 7, np.arange(30) % 5, "fewer than 6 groups (5)"),
        (np.arange(30.0), np.arange(30.0) % 7, np.zeros(30), "fewer than 6 groups (1)"),
        (np.ones(30), np.arange(30.0), np.arange(30), "predictions are constant"),
        (np.arange(30.0), np.ones(30), np.arange(30), "targets are constant"),
        (np.arange(4.0), np.arange(4.0), np.arange(4), "fewer than 5 points (4)"),
        (np.full(30, np.nan), np.arange(30.0), np.arange(30), "30 of 30 predictions are NaN"),
    ],
)
def test_where_there_is_no_interval_the_reason_stands(x, y, groups, note):
    for interval in bootstrap_quality(x, y, groups, fit=np.tanh, n_resamples=50).values():
        assert interval.ci95 is None and not interval.reliable
        assert interval.note is not None and f"undefined: {note}" in interval.note


def test_a_constant_mapping_leaves_plcc_undefined_and_rmse_not():
    found = bootstrap_quality(*sample(), fit=np.zeros_like, n_resamples=50)
    assert found["plcc"].note == "undefined: the mapped predictions are constant"
    assert found["rmse"].ci95 is not None


def test_a_falling_mapping_turns_the_sign_of_plcc():
    class Falling:
        direction = -1

        def __call__(self, values):
            return -np.tanh(values)

    x, y, groups = sample()
    rising = bootstrap_quality(x, y, groups, fit=np.tanh, n_resamples=50)
    falling = bootstrap_quality(-x, y, groups, fit=lambda v: -np.tanh(v), n_resamples=50)
    turned = bootstrap_quality(-x, y, groups, fit=Falling(), n_resamples=50)
    assert falling["plcc"].ci95 == pytest.approx(rising["plcc"].ci95)
    assert turned["plcc"].low == pytest.approx(-rising["plcc"].high)
    assert turned["plcc"].high == pytest.approx(-rising["plcc"].low)
    assert turned["rmse"].ci95 == pytest.approx(rising["rmse"].ci95)


def test_perfect_predictions_have_an_interval_at_one():
    x, _, groups = sample()
    found = bootstrap_quality(x, x, groups, n_resamples=100)
    assert found["srocc"].ci95 == (1.0, 1.0)
    assert found["plcc_linear"].low == pytest.approx(1.0)


def test_scales_of_intervals():
    random = np.random.default_rng(0)
    share = np.clip(0.99 + 0.02 * random.normal(size=500), 0, 1)
    inside = interval_of(0.99, share, 30, scale="share")
    assert 0 < inside.low < 0.99 < inside.high < 1
    assert interval_of(1.0, np.ones(500), 30, scale="share").ci95 == pytest.approx((1.0, 1.0))
    plain = interval_of(0.0, random.normal(size=4000), 30, scale="plain")
    expected = stats.t.ppf(0.975, 29) * np.sqrt(30 / 29)
    assert plain.high == pytest.approx(expected, rel=0.05)
    assert interval_of(0.0, np.zeros(100), 30, scale="positive").ci95 == (0.0, 0.0)
    half_lost = np.where(np.arange(500) % 5 == 0, np.nan, share)
    assert interval_of(0.99, half_lost, 30).note == "100 of 500 resamples have no value"
    assert interval_of(0.5, np.full(100, np.nan), 30).ci95 is None


def test_median_over_splits_resamples_the_groups_once():
    x, y, groups = sample(12, 8)
    random = np.random.default_rng(5)
    splits = group_splits(groups, n_splits=6)
    predictions = [x[split.test] + random.normal(size=len(split.test)) for split in splits]
    fits = [lambda values, k=k: 4 + np.tanh(values + k) for k in range(6)]
    found = resample_splits(predictions, splits, y, groups, fits=fits, n_resamples=40, seed=3)
    assert found.n_groups == len({g for split in splits for g in split.test_groups})
    tested = sorted({g for split in splits for g in split.test_groups})
    for number, counts in enumerate(draw_counts(len(tested), 40, seed=3)):
        expected = {name: [] for name in found.medians}
        for prediction, split, fit in zip(predictions, splits, fits, strict=True):
            own = [counts[tested.index(g)] for g in split.test_groups]
            rows = resampled_rows(groups[split.test], own)
            if not len(rows):
                continue
            part = y[split.test][rows]
            for name, value in by_scipy(prediction, y[split.test], rows).items():
                expected[name].append(value)
            mapped = fit(prediction)[rows]
            expected["plcc"].append(np.corrcoef(mapped, part)[0, 1])
            expected["rmse"].append(np.sqrt(np.mean((mapped - part) ** 2)))
            line = np.polynomial.Polynomial.fit(prediction, y[split.test], 1)
            expected["rmse_linear"].append(np.sqrt(np.mean((line(prediction[rows]) - part) ** 2)))
        for name, values in expected.items():
            median = np.median(values) if values else np.nan
            assert found.medians[name][number] == pytest.approx(median, nan_ok=True), name
    intervals = bootstrap_median_over_splits(
        predictions, splits, y, groups, fits=fits, n_resamples=40, seed=3
    )
    for name, interval in intervals.items():
        assert interval == median_interval(found, name)
        assert interval.low < np.median(found.scores[name]) < interval.high
        assert not interval.reliable


def test_a_split_without_a_value_is_left_out_of_the_median():
    x, y, groups = sample(10, 8)
    splits = group_splits(groups, n_splits=5)
    predictions = [x[split.test] for split in splits]
    predictions[2] = np.ones(len(splits[2].test))
    found = resample_splits(predictions, splits, y, groups, n_resamples=30)
    assert np.isnan(found.scores["srocc"]).tolist() == [False, False, True, False, False]
    assert np.isfinite(found.medians["srocc"]).all()
    constant = [np.ones(len(split.test)) for split in splits]
    nothing = bootstrap_median_over_splits(constant, splits, y, groups, n_resamples=30)
    assert all(i.note == "undefined: no split has a value" for i in nothing.values())
    with pytest.raises(DataError, match="4 predictions for 5 splits"):
        resample_splits(predictions[:4], splits, y, groups)
