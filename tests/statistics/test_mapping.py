from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from benchbench.statistics import logistic_search as ls
from benchbench.statistics.correlation import plcc, rmse_linear
from benchbench.statistics.mapping import fit_logistic


def logistic(p, x):
    with np.errstate(over="ignore"):
        return p[0] * (0.5 - 1 / (1 + np.exp(p[1] * (x - p[2])))) + p[3] * x + p[4]


def rmse(a, b):
    return math.sqrt(np.mean((a - b) ** 2))


def best_of_scipy(x, y):
    """The lowest RMSE of the 5-parameter logistic from 24 starts, on standardised x."""
    z = (x - x.mean()) / x.std()
    best = math.inf
    for b1 in (np.ptp(y), -np.ptp(y)):
        for b2 in (0.5, 1, 3, 8):
            for b3 in np.quantile(z, [0.1, 0.5, 0.9]):
                start = [b1, b2, b3, 0, y.mean()]
                found = least_squares(lambda p: logistic(p, z) - y, start, max_nfev=500)
                best = min(best, math.sqrt(2 * found.cost / y.size))
    return best


def sample(seed, n=150):
    random = np.random.default_rng(seed)
    x = [random.normal(50, 15, n), random.uniform(0, 1, n), random.gamma(2, 3, n)][seed % 3]
    z = (x - x.mean()) / x.std()
    y = [np.tanh(2 * z), 0.5 * z + np.tanh(8 * (z - 0.5)), -np.exp(0.5 * z), z**2][seed % 4]
    return x, 10 + 3 * y + random.normal(0, 1, n)


@pytest.mark.parametrize("seed", range(12))
def test_no_worse_than_scipy_from_many_starts(seed):
    x, y = sample(seed)
    fit = fit_logistic(x, y)
    assert fit.free.rmse <= best_of_scipy(x, y) * (1 + 1e-5)
    assert fit.free.rmse <= fit.rmse <= rmse_linear(x, y).value * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_recorded_is_what_the_call_gives(seed):
    x, y = sample(seed)
    fit = fit_logistic(x, y)
    for one in (fit, fit.free):
        mapped = one(x)
        assert one.rmse == pytest.approx(rmse(mapped, y), rel=1e-9)
        assert one.plcc == pytest.approx(one.direction * np.corrcoef(mapped, y)[0, 1], abs=1e-9)
        assert mapped == pytest.approx(logistic(one.parameters, x), rel=1e-6)
        assert one.n_parameters == {"logistic5": 5, "logistic4": 4, "linear": 2}[one.kind]
    assert fit.converged and fit.starts in (24, 48)
    assert fit.kind == "linear" or 0 <= fit.start < fit.starts // 2


@pytest.mark.parametrize("seed", range(12))
def test_the_mapping_in_use_never_turns_round(seed):
    x, y = sample(seed)
    fit = fit_logistic(x, y)
    steps = np.diff(fit(np.linspace(x.min(), x.max(), 5001))) * fit.direction
    assert fit.monotone
    assert steps.min() >= -1e-9 * np.ptp(y)


def test_a_free_fit_that_turns_round_is_flagged_and_not_used():
    x = np.linspace(-1, 1, 200)
    y = np.tanh(8 * x) - 1.2 * x
    fit = fit_logistic(x, y)
    assert not fit.free.monotone
    assert fit.monotone
    assert fit.free.rmse < 1e-6 < fit.rmse


@pytest.mark.parametrize("sign", [1, -1])
def test_known_parameters_come_back(sign):
    x = np.linspace(0, 100, 400)
    truth = (sign * 60.0, 0.2, 40.0, sign * 0.1, 30.0)
    fit = fit_logistic(x, logistic(truth, x))
    assert fit.kind == "logistic5"
    assert fit.parameters == pytest.approx(truth, rel=1e-4)
    assert fit.direction == sign
    assert fit.plcc == pytest.approx(sign, abs=1e-9)


def test_units_do_not_matter():
    x, y = sample(1)
    fit, other = fit_logistic(x, y), fit_logistic(-1e-7 * x + 3, 1e6 * y - 5)
    assert other.rmse == pytest.approx(1e6 * fit.rmse, rel=1e-5)
    assert other.plcc == pytest.approx(-fit.plcc, abs=1e-6)
    assert other(-1e-7 * x + 3) == pytest.approx(1e6 * fit(x) - 5, rel=1e-3)


def test_one_far_outlier_does_not_spoil_the_starts():
    random = np.random.default_rng(0)
    x = random.normal(size=300)
    y = np.tanh(4 * x) + random.normal(0, 0.05, 300)
    alone = fit_logistic(x, y)
    beside = fit_logistic(np.append(x, 1e5), np.append(y, 1.0))
    assert beside.starts == 48
    assert beside.rmse < 1.05 * alone.rmse


def test_a_straight_line_stays_one():
    x = np.arange(50.0)
    fit = fit_logistic(x, 3 - 2 * x)
    assert fit.rmse < 1e-6
    assert fit.plcc == pytest.approx(-1)


def test_repeatable():
    x, y = sample(2)
    assert fit_logistic(x, y) == fit_logistic(x, y)


def test_a_search_that_fails_gives_the_flagged_line(monkeypatch):
    def never(points, found, max_steps, gain):
        found.rss[:] = 1.0
        found.converged[:] = False

    monkeypatch.setattr(ls, "search", never)
    x, y = sample(0)
    fit = fit_logistic(x, y)
    assert fit.kind == "linear"
    assert not fit.converged
    assert fit.note == "none of 24 starts converged: straight line"
    assert fit.rmse == pytest.approx(rmse_linear(x, y).value)
    assert fit.plcc == pytest.approx(plcc(x, y).value)


def test_few_points_are_noted():
    x = np.arange(8.0)
    fit = fit_logistic(x, np.tanh(x - 3) + 0.05 * (x % 3))
    assert fit.note.endswith(f"{fit.n_parameters} parameters fitted to 8 points: optimistic")


@pytest.mark.parametrize("x", [[1, 1, 1, 1, 1], [1, 2, 3, 4, math.nan]])
def test_undefined_mappings_are_refused_with_the_reason(x):
    with pytest.raises(ValueError, match=r"no mapping can be fitted: .*(constant|NaN)"):
        fit_logistic(x, [1, 2, 3, 4, 5])


numbers = st.floats(-1e300, 1e300) | st.integers(-3, 3).map(float) | st.floats(-1, 1)


@given(st.lists(st.tuples(numbers, numbers), min_size=5, max_size=40))
@settings(max_examples=200, deadline=None)
def test_hostile_inputs_give_a_finite_monotone_fit(rows):
    x, y = np.array(rows).T
    if x.min() == x.max() or y.min() == y.max():
        return
    fit = fit_logistic(x, y)
    assert fit.monotone
    assert np.isfinite(fit(x)).all()
    assert math.isfinite(fit.rmse) and -1 <= fit.plcc <= 1
    assert fit.free.rmse <= fit.rmse * (1 + 1e-9)
    line = rmse_linear(x, y).value
    assert fit.rmse <= line * (1 + 1e-9) + 1e-12 * max(np.abs(y).max(), 1e-290)
