"""Regression, resampling and comparison against the plain way, in one run, with equal results.

With benchmarks disabled, as in the ordinary suite, the same checks run on small data.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchbench.statistics.bootstrap import draw_counts, resample_correlations
from benchbench.statistics.comparison import compare
from benchbench.statistics.ood import Threshold
from benchbench.statistics.ood_conditions import Condition, score_conditions
from benchbench.statistics.ood_together import resample_conditions
from benchbench.statistics.regression import PENALTIES, ridge_splits
from benchbench.statistics.splits import group_splits


@pytest.fixture
def full(request):
    options = request.config.option
    return bool(options.benchmark_enable or not options.benchmark_disable)


def said(capsys, text):
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def timed(work):
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def features(n, d):
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(25), n // 25)
    latent = random.normal(size=(n, 8))
    x = latent @ random.normal(size=(8, d)) + random.normal(size=(n, d))
    x += random.normal(size=(25, d))[groups]
    return x, 50 + 3 * latent[:, 0] + random.normal(size=n), groups


def by_sklearn(x, y, groups, split, scaling):
    steps = [StandardScaler(), Ridge()] if scaling == "split" else [Ridge()]
    search = GridSearchCV(
        make_pipeline(*steps),
        {"ridge__alpha": list(PENALTIES)},
        cv=GroupKFold(5),
        scoring="neg_mean_squared_error",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(x[split.train], y[split.train], groups=groups[split.train])
    return search.predict(x[split.test]), search.best_params_["ridge__alpha"]


@pytest.mark.parametrize(("scaling", "asked"), [("split", 3), ("set", 25)])
def test_ridge_over_grouped_splits(scaling, asked, full, benchmark, capsys):
    """Our time a split is from the difference of two numbers of splits, and what is made once is
    spread over 1,000; the time with all of that on the splits at hand stands beside it."""
    n, d = (3000, 2048) if full else (300, 205)
    x, y, groups = features(n, d)
    # With scaling=set so many that the formulas are chosen as they would be for 1,000.
    few, many = (12, 32) if scaling == "set" else (1, 3)
    splits = group_splits(groups, n_splits=many)
    mine, whole, theirs = [], [], []
    scaled = StandardScaler().fit_transform(x) if scaling == "set" else x
    for number in range(2):
        begun, _ = timed(lambda: ridge_splits(x, y, groups, splits[:few], scaling=scaling))
        took, found = timed(lambda: ridge_splits(x, y, groups, splits, scaling=scaling))
        each = (took - begun) / (many - few)
        mine.append(each + max(0.0, begun - few * each) / 1000)
        whole.append(took / many)
        split = splits[number]
        took, (prediction, penalty) = timed(
            lambda split=split: by_sklearn(scaled, y, groups, split, scaling)
        )
        theirs.append(took)
        assert found.penalties[number] == penalty
        np.testing.assert_allclose(found.predictions[number], prediction, atol=1e-6)
    benchmark.pedantic(
        ridge_splits, args=(x, y, groups, splits[:1]), kwargs={"scaling": scaling}, rounds=1
    )
    ours, yardstick = statistics.median(mine), statistics.median(theirs)
    said(
        capsys,
        f"ridge, n = {n}, d = {d}, scaling={scaling}: {ours:.3f} s a split of 1,000 "
        f"({statistics.median(whole):.3f} s of {many}), scikit-learn {yardstick:.3f} s, "
        f"ratio {yardstick / ours:.1f} (asked: {asked})",
    )


def test_a_small_problem(benchmark, capsys):
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(7), 60)
    x, y = random.normal(size=(420, 400)), random.normal(size=420)
    splits = group_splits(groups, n_splits=100)
    took = statistics.median(timed(lambda: ridge_splits(x, y, groups, splits))[0] for _ in range(5))
    found = benchmark.pedantic(ridge_splits, args=(x, y, groups, splits), rounds=1)
    said(capsys, f"ridge, n = 420, d = 400, all {len(splits)} splits of 7 groups: {took:.3f} s")
    assert len(found.predictions) == 21


@pytest.mark.parametrize("n_groups", [25, 81, 3000])
def test_resampled_correlations(n_groups, full, benchmark, capsys):
    n, resamples, calls = (3000, 10_000, 200) if full else (n_groups * 2, 200, 5)
    random = np.random.default_rng(0)
    groups = np.sort(np.arange(n) % n_groups)
    x = random.normal(size=n)
    y = x + random.normal(size=n)
    counts = draw_counts(n_groups, resamples, seed=0)
    metrics = ("srocc", "plcc_linear")
    rows_of = [np.flatnonzero(groups == g) for g in range(n_groups)]
    picks = [
        np.concatenate([rows_of[g] for g in np.repeat(np.arange(n_groups), row)])
        for row in counts[:calls]
    ]

    def by_scipy(part):
        return [(spearmanr(x[r], y[r])[0], pearsonr(x[r], y[r])[0]) for r in part]

    mine, theirs = [], []
    for part in range(5):
        took, found = timed(lambda: resample_correlations(x, y, groups, counts, metrics))
        mine.append(took)
        chosen = slice(part * calls // 5, (part + 1) * calls // 5)
        took, expected = timed(lambda chosen=chosen: by_scipy(picks[chosen]))
        theirs.append(took * resamples / (calls // 5))
        values = np.stack([found[name][:calls][chosen] for name in metrics], axis=1)
        np.testing.assert_allclose(values, expected, atol=1e-12)
    benchmark.pedantic(resample_correlations, args=(x, y, groups, counts[:100], metrics), rounds=1)
    ours, yardstick = statistics.median(mine), statistics.median(theirs)
    said(
        capsys,
        f"{resamples} resamples of SROCC and PLCC, n = {n}, {n_groups} groups: {ours:.3f} s, "
        f"scipy {yardstick:.2f} s, ratio {yardstick / ours:.0f} (asked: 20)",
    )


@pytest.mark.parametrize("metric", ["srocc", "krocc"])
def test_comparison_of_many_methods(metric, full, benchmark, capsys):
    n, methods = (3000, 50) if full else (500, 6)
    random = np.random.default_rng(0)
    groups = np.arange(n) % 25
    y = random.normal(size=n)
    predictions = {f"m{k}": y + (1 + 0.02 * k) * random.normal(size=n) for k in range(methods)}
    took, found = timed(lambda: compare(predictions, y, groups, metric=metric))
    said(capsys, f"comparison of {methods} methods by {metric}, n = {n}: {took:.2f} s (asked: 30)")
    benchmark.pedantic(compare, args=(predictions, y, groups), kwargs={"n_resamples": 50}, rounds=1)
    assert len(found.order) == methods and len(found.letters) == methods


@pytest.mark.parametrize("metric", ["auroc", "accuracy"])
def test_comparison_of_many_detectors(metric, full, benchmark, capsys):
    n, sets, methods = (200, 20, 50) if full else (40, 4, 4)
    random = np.random.default_rng(0)
    outlier = np.arange((sets + 1) * n) >= n
    conditions = [Condition(f"{k % 5}", f"{k}", np.r_[:n, (k + 1) * n : (k + 2) * n])
                  for k in range(sets)]  # fmt: skip
    scores = {f"m{k}": random.normal(size=(1, len(outlier))) + (1 + 0.02 * k) * outlier
              for k in range(methods)}  # fmt: skip
    arguments = (scores, outlier, np.arange(len(outlier)) % n, conditions)
    found = benchmark.pedantic(resample_conditions, args=arguments, kwargs={"metric": metric},
                               rounds=1)  # fmt: skip
    took, _ = timed(lambda: resample_conditions(*arguments, metric=metric))
    said(capsys, f"{methods} detectors, {sets} test sets of {2 * n}, by {metric}: {took:.2f} s")
    last = scores[f"m{methods - 1}"]
    whole = score_conditions(last, outlier, arguments[2], conditions,
                             thresholds=[Threshold(0.0, "0")], n_resamples=2)  # fmt: skip
    mine = found[f"m{methods - 1}"].scores[metric][0]
    assert mine == pytest.approx(whole.overall[metric].value)
