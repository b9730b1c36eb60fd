from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.statistics import logistic_search as ls

SLOPED = np.array([False, True])


def noisy(n=500, seed=0):
    random = np.random.default_rng(seed)
    u = random.uniform(-1, 1, n)
    u[:2] = -1, 1
    return u, np.tanh(3 * u) + random.normal(0, 0.3, n)


def reduced(u, v, b2, b3, sloped):
    """Least squares of the linear parameters by numpy: the squared error and the parameters."""
    columns = [0.5 - 1 / (1 + np.exp(b2 * (u - b3))), np.ones_like(u)] + ([u] if sloped else [])
    solved = np.linalg.lstsq(np.stack(columns, axis=1), v)[0]
    return float(np.sum((np.stack(columns, axis=1) @ solved - v) ** 2)), solved


@pytest.mark.parametrize("sloped", [False, True])
@pytest.mark.parametrize(("b2", "b3"), [(2.0, 0.3), (9.0, -0.4), (0.6, 1.5)])
def test_squared_error_and_parameters_are_those_of_least_squares(b2, b3, sloped):
    u, v = noisy()
    expected, solved = reduced(u, v, b2, b3, sloped)
    found = ls.starting(np.array([b2]), np.array([b3])).take(np.flatnonzero(sloped == SLOPED))
    points = ls.all_points(u, v)
    rss, _, _ = ls.derivatives(points, found.log_b2, found.b3, found.sloped)
    assert rss[0] == pytest.approx(expected, rel=1e-10)
    b1, _, _, b4, b5 = ls.parameters(points, found)[0]
    assert b1 == pytest.approx(solved[0], rel=1e-7)
    assert b5 == pytest.approx(solved[1], rel=1e-6)
    assert b4 == (pytest.approx(solved[2], rel=1e-6) if sloped else 0)


@pytest.mark.parametrize("make", [ls.all_points, ls.binned])
def test_derivatives_agree_with_differences(make):
    points = make(*noisy())
    log_b2, b3, step = np.log(np.array([3.0, 7.0])), np.array([0.2, -0.3]), 1e-5

    def at(along_log_b2, along_b3):
        b2 = np.exp(log_b2)
        return ls.derivatives(points, log_b2 + along_log_b2, b3 + along_b3 / b2, SLOPED)

    _, gradient, hessian = at(0, 0)
    # The gradient is that of half the squared error.
    first = (at(step, 0)[0] - at(-step, 0)[0]) / (4 * step)
    second = (at(0, step)[0] - at(0, -step)[0]) / (4 * step)
    assert gradient == pytest.approx(np.stack([first, second], axis=1), rel=1e-4, abs=1e-7)

    def gradients(along_log_b2, along_b3):
        # By the midpoint in the fixed unit of the middle.
        found = at(along_log_b2, along_b3)[1]
        found[:, 1] *= np.exp(along_log_b2)
        return found

    down = (gradients(step, 0) - gradients(-step, 0)) / (2 * step)
    across = (gradients(0, step) - gradients(0, -step)) / (2 * step)
    assert hessian == pytest.approx(np.stack([down, across], axis=2), rel=1e-4, abs=1e-6)


def test_bins_hold_all_points():
    u, v = noisy(1000)
    points = ls.binned(u, v)
    assert points.u.size == ls.BINS
    assert float(points.root @ points.root) == pytest.approx(1000)
    assert float(points.v @ points.root) == pytest.approx(v.sum())


@given(
    st.tuples(
        st.floats(-5, 5), st.floats(0.1, 50), st.floats(-3, 3), st.floats(-5, 5), st.floats(-1, 1)
    )
)
@settings(max_examples=300, deadline=None)
def test_monotone_agrees_with_a_fine_grid(numbers):
    b1, b2, b3, b4, b5 = numbers
    u = np.linspace(-1, 1, 4001)
    steps = np.diff(b1 * ls.wave(u, b2, b3) + b4 * u + b5)
    slack = 1e-9
    if ls.monotone(np.array([numbers]))[0]:
        assert (steps >= -slack).all() or (steps <= slack).all()
    else:
        # The grid may miss a turn; a clear one in it must have been seen.
        assert not ((steps > slack).all() or (steps < -slack).all()) or abs(steps).min() < 1e-4


def test_search_ends_where_the_gradient_vanishes():
    points = ls.all_points(*noisy())
    found = ls.starting(np.array([1.0, 4.0]), np.array([0.0, 0.5]))
    ls.search(points, found, 100, 1e-12)
    assert found.converged.all()
    rss, gradient, _ = ls.derivatives(points, found.log_b2, found.b3, found.sloped)
    assert np.abs(gradient).max() < 1e-4 * rss.min()
