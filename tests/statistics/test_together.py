"""Many methods at once give what one method at a time gives."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.statistics.bootstrap import resample_splits
from benchbench.statistics.splits import Split
from benchbench.statistics.together import resample_together


@pytest.mark.parametrize(("n", "n_groups", "n_splits"), [(60, 20, 1), (90, 90, 1), (120, 24, 5)])
def test_the_same_as_one_method_at_a_time(n: int, n_groups: int, n_splits: int) -> None:
    random = np.random.default_rng(n)
    target = np.round(random.normal(size=n), 1)
    code = np.arange(n) % n_groups
    groups = np.array([f"g{each}" for each in code])
    methods = {f"m{k}": target + random.normal(size=n) * k for k in range(1, 5)}
    methods["tied"] = np.round(methods["m2"])
    methods["constant"] = np.ones(n)
    folds = np.array_split(random.permutation(n_groups), n_splits)
    tested = [np.flatnonzero(np.isin(code, fold)) for fold in folds]
    found = resample_together(methods, target, groups, tested, n_resamples=300)
    splits = [Split(rows[:0], rows, (), ()) for rows in tested]
    for name, values in methods.items():
        one = resample_splits([values[rows] for rows in tested], splits, target, groups,
                              metrics=["srocc"], n_resamples=300)  # fmt: skip
        np.testing.assert_allclose(found[name].scores["srocc"], one.scores["srocc"], atol=1e-14)
        np.testing.assert_allclose(found[name].medians["srocc"], one.medians["srocc"], atol=1e-14)
        assert found[name].n_groups == one.n_groups == n_groups
    assert np.isnan(found["constant"].scores["srocc"]).all()
