"""The distances of full-reference ``iqa`` against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from benchbench_plugins.iqa import distances
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance
from scipy.stats import spearmanr


@pytest.mark.parametrize(("kind", "oracle"), [("l2", distance.euclidean), ("cosine",
                                                                           distance.cosine)])
def test_distances_are_scipy_s(kind: str, oracle: Any) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(30, 7)), rng.normal(size=(30, 7))
    expected = [oracle(x, y) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(distances(a, b, kind), expected, rtol=1e-12)


def test_the_rank_distance_is_one_minus_scipy_s_spearman() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 4, (30, 9)).astype(float), rng.integers(0, 4, (30, 9)).astype(float)
    expected = [1 - spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(distances(a, b, "spearman"), expected, atol=1e-12)


@given(arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6)),
       arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6)),
       st.sampled_from(["l2", "cosine", "spearman"]))
def test_distances_are_finite_symmetric_and_none_to_oneself(
    a: np.ndarray, b: np.ndarray, kind: str
) -> None:
    found = distances(a, b, kind)
    assert np.isfinite(found).all() and (found > -1e-9).all()
    np.testing.assert_allclose(found, distances(b, a, kind), rtol=1e-9, atol=1e-12)
    assert (distances(a, a, kind) == 0).all()


def test_a_row_without_direction_is_at_distance_one() -> None:
    zero, one = np.zeros((1, 3)), np.array([[1.0, 2.0, 3.0]])
    for kind in ("cosine", "spearman"):
        assert distances(zero, one, kind) == [1.0]
    assert distances(np.ones((1, 3)), one, "spearman") == [1.0]
