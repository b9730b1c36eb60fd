"""The mapping from all starts against one `curve_fit` from the field's usual start."""

from __future__ import annotations

import statistics
import sys
import time
import warnings

import numpy as np
import pytest
from scipy.optimize import OptimizeWarning, curve_fit

from benchbench.statistics.mapping import fit_logistic

ROUNDS = 15


def logistic(x, b1, b2, b3, b4, b5):
    with np.errstate(over="ignore"):
        return b1 * (0.5 - 1 / (1 + np.exp(b2 * (x - b3)))) + b4 * x + b5


def rmse_of_curve_fit(x, y):
    start = [10, 0, float(np.mean(y)), 0.1, 0.1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        found = curve_fit(logistic, x, y, start, maxfev=100_000)[0]
    return float(np.sqrt(np.mean((logistic(x, *found) - y) ** 2)))


def case(name):
    random = np.random.default_rng(0)
    if name == "quality 0-100":
        x = random.normal(50, 15, 3000)
        return x, 100 / (1 + np.exp(-(x - 50) / 8)) + random.normal(0, 8, 3000)
    if name == "saturating":
        x = 1 - random.gamma(1.5, 0.08, 3000)
        return x, 7 * np.exp(-6 * (1 - x)) + random.normal(0, 0.6, 3000)
    x = random.uniform(10, 50, 3000)
    return x, 9 * np.tanh(0.1 * (x - 30)) + random.normal(0, 1, 3000)


@pytest.mark.parametrize("name", ["quality 0-100", "saturating", "decibels"])
def test_fit_against_one_curve_fit(name, benchmark, capsys):
    x, y = case(name)
    ours, theirs = [], []
    for _ in range(ROUNDS):  # Interleaved, so that both see the same machine.
        begin = time.perf_counter()
        fit = fit_logistic(x, y)
        middle = time.perf_counter()
        other = rmse_of_curve_fit(x, y)
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    benchmark.pedantic(fit_logistic, args=(x, y), rounds=3)
    mine, single = statistics.median(ours), statistics.median(theirs)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}, n = 3000: {fit.starts} starts {mine * 1e3:.1f} ms, one curve_fit "
            f"{single * 1e3:.1f} ms, ratio {mine / single:.2f} (RMSE {fit.free.rmse:.5f} and "
            f"{other:.5f})\n"
        )
    assert fit.free.rmse <= other * (1 + 1e-6)
