"""How often the 95 % intervals cover the true value, on scores of real metrics for TID2013.

Its 25 references stand for all contents there are: their correlation is the true value. A sample
draws G of them with replacement, as contents of their own. Everything is a count of references.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.stats import norm

from benchbench.statistics.comparison import compare_resamples
from benchbench.statistics.intervals import interval_of
from benchbench.statistics.resampling import CorrelationSums

METRICS = {"PSNR": 1, "SSIM": 4, "FSIMc": 8, "PerSIM": 10}
GROUPS = np.repeat(np.arange(25), 120)


@pytest.fixture(scope="module")
def tid2013(shared_data):
    folder = shared_data / "metric_scores"

    def series(path):
        return next(v for k, v in loadmat(path).items() if k[0] != "_").ravel().astype(float)

    scores = {
        name: series(folder / "data_T" / f"TID_metric_metInd_{number}_poolInd_1.mat")
        for name, number in METRICS.items()
    }
    return scores, series(folder / "mat" / "TID_GT.mat")


@pytest.fixture
def full(request):
    options = request.config.option
    return bool(options.benchmark_enable or not options.benchmark_disable)


def percentile(_, drawn, __):
    return np.quantile(drawn, [0.025, 0.975])


def bca(value, drawn, jackknife):
    """Efron 1987."""
    bias = norm.ppf(np.clip(np.mean(drawn < value) + np.mean(drawn == value) / 2, 1e-6, 1 - 1e-6))
    moved = jackknife.mean() - jackknife
    skew = np.sum(moved**3) / (6 * np.sum(moved**2) ** 1.5)
    z = bias + norm.ppf([0.025, 0.975])
    return np.quantile(drawn, norm.cdf(bias + z / (1 - skew * z)))


def simulate(sums, metric, n_groups, repeats, random):
    """Shares of samples whose interval covers the true value: ours, percentile, BCa."""

    def values(counts):
        return sums.values(np.asarray(counts, dtype=float))[metric]

    truth = values(np.ones((1, 25)))[0]
    covered = np.zeros(3)
    for _ in range(repeats):
        members = np.eye(25)[random.integers(0, 25, n_groups)]
        share = np.full(n_groups, 1 / n_groups)
        drawn = values(random.multinomial(n_groups, share, size=1000) @ members)
        drawn = drawn[np.isfinite(drawn)]
        value = values(members.sum(axis=0)[None])[0]
        jackknife = values(members.sum(axis=0) - members)
        ours = interval_of(value, drawn, n_groups).ci95
        for k, ends in enumerate(
            (ours, percentile(value, drawn, jackknife), bca(value, drawn, jackknife))
        ):
            covered[k] += ends[0] <= truth <= ends[1]
    return covered / repeats


@pytest.mark.parametrize("metric", ["srocc", "plcc_linear", "krocc"])
def test_coverage(metric, tid2013, full, benchmark, capsys):
    scores, target = tid2013
    repeats, sizes = (250, (6, 8, 12, 15, 20, 25, 40)) if full else (60, (8, 25))
    random = np.random.default_rng(0)
    found = {}
    for n_groups in sizes:
        shares = [
            simulate(CorrelationSums(x, target, GROUPS, (metric,)), metric, n_groups, repeats,
                     random)
            for x in scores.values()
        ]  # fmt: skip
        found[n_groups] = np.mean(shares, axis=0)
    benchmark.pedantic(lambda: None)
    with capsys.disabled():
        sys.stdout.write(f"\n{metric}: groups, coverage of ours, percentile, BCa\n")
        for n_groups, row in found.items():
            sys.stdout.write(f"  {n_groups:3d}  " + "  ".join(f"{v:.3f}" for v in row) + "\n")
    # 240 samples at the least: the standard error is .015 or less.
    assert 0.89 < found[25][0] < 0.99
    assert found[8][0] > found[8][2]


def test_family_wise_error(tid2013, full, benchmark, capsys):
    """How often methods that are equal in truth are told apart: at most alpha is claimed."""
    scores, target = tid2013
    random = np.random.default_rng(1)
    repeats, sizes = (300, (20, 25, 40)) if full else (40, (25,))
    x = (scores["FSIMc"] - scores["FSIMc"].mean()) / scores["FSIMc"].std()
    found = {}
    for n_groups in sizes:
        divided = 0
        for _ in range(repeats):
            # Five methods that add noise of one size, some of it shared by a content's images.
            rows = np.concatenate(
                [np.flatnonzero(g == GROUPS) for g in random.integers(0, 25, n_groups)]
            )
            slots = np.repeat(np.arange(n_groups), 120)
            counts = np.vstack(
                [np.ones((1, n_groups)),
                 random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=500)]
            )  # fmt: skip
            values = {}
            for k in range(5):
                fresh = random.normal(size=n_groups)[slots] + random.normal(size=len(rows))
                series = x[rows] + 0.3 * fresh
                sums = CorrelationSums(series, target[rows], slots, ("srocc",))
                values[str(k)] = sums.values(counts)["srocc"]
            result = compare_resamples(
                {k: v[1:] for k, v in values.items()},
                {k: float(v[0]) for k, v in values.items()},
                n_groups=n_groups,
            )
            divided += any(p < 0.05 for p in result.p_adjusted.values())
        found[n_groups] = divided / repeats
    benchmark.pedantic(lambda: None)
    with capsys.disabled():
        sys.stdout.write(f"\nfamilies of 5 equal methods divided, alpha .05, by groups: {found}\n")
    # Five standard errors above alpha for 40 repeats.
    assert max(found.values()) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / repeats)
