"""Many methods over the same resampled groups, against a loop over repeated rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from benchbench.errors import DataError
from benchbench.statistics import ood_together
from benchbench.statistics.comparison import compare_resamples
from benchbench.statistics.ood import Threshold
from benchbench.statistics.ood_conditions import Condition, balanced, score_conditions
from benchbench.statistics.ood_together import draw_counts, resample_conditions

GROUPS = 24


def case(groups: int = GROUPS) -> tuple:
    """Clean images, and outliers a1, a2 and b1, of all groups; b1's test set is half as large."""
    kinds = np.tile(["", "a1", "a2", "b1"], groups)
    names = np.array([f"g{i:02}" for i in np.repeat(np.arange(groups), 4)])
    rows = {kind: np.flatnonzero(kinds == kind) for kind in np.unique(kinds)}
    conditions = [Condition("a", "1", np.concatenate([rows[""], rows["a1"]])),
                  Condition("a", "2", np.concatenate([rows["a2"], rows[""]])),
                  Condition("b", "1", np.concatenate([rows[""][::2], rows["b1"][1::2]]))]
    return kinds != "", names, conditions


def scored(outlier: np.ndarray, seed: int, shift: float, runs: int = 2) -> np.ndarray:
    """Rounded, so that there are ties."""
    noise = np.random.default_rng(seed).normal(size=(runs, len(outlier)))
    return np.round(noise + outlier * shift - shift / 2, 1)


@pytest.mark.parametrize("metric", ["auroc", "accuracy"])
def test_equals_a_loop_that_repeats_rows(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ood_together, "_CHUNK", 500)  # several chunks
    outlier, names, conditions = case()
    methods = {"good": scored(outlier, 0, 1.5), "poor": scored(outlier, 1, 0.3)}
    found = resample_conditions(methods, outlier, names, conditions, metric=metric,
                                n_resamples=25, seed=3)
    counts = np.vstack([np.ones((1, GROUPS), int), draw_counts(GROUPS, 25, 3)])
    number = np.unique(names, return_inverse=True)[1]
    for name, runs in methods.items():
        got = np.append(found[name].scores[metric], found[name].medians[metric])
        for value, often in zip(got, counts, strict=True):
            each = []
            for condition in conditions:
                rows = np.repeat(condition.rows, often[number[condition.rows]])
                made = [roc_auc_score(outlier[rows], run[rows]) if metric == "auroc"
                        else accuracy_score(outlier[rows], run[rows] >= 0) for run in runs]
                each.append(np.mean(made))
            assert value == pytest.approx((each[0] + each[1]) / 4 + each[2] / 2, abs=1e-12)
        assert found[name].n_groups == GROUPS


def test_a_resample_without_outliers_has_no_auroc() -> None:
    outlier = np.array([True, True, False, False])
    scores = np.array([[0.9, -0.2, -0.5, 0.1]])
    conditions = [Condition("a", "1", np.arange(4))]
    found = resample_conditions({"m": scores}, outlier, ["a", "b", "c", "d"], conditions,
                                metric="auroc", n_resamples=400)["m"].medians["auroc"]
    counts = draw_counts(4, 400, 0)
    lacking = (counts[:, :2].sum(axis=1) == 0) | (counts[:, 2:].sum(axis=1) == 0)
    assert lacking.any()
    np.testing.assert_array_equal(np.isnan(found), lacking)


def test_is_the_score_of_the_whole_sample_and_its_spread() -> None:
    outlier, names, conditions = case()
    scores = scored(outlier, 2, 1.0)
    whole = score_conditions(scores, outlier, names, conditions,
                             thresholds=[Threshold(0.0, "0")] * 2, n_resamples=400).overall
    for metric in ("auroc", "accuracy"):
        found = resample_conditions({"m": scores}, outlier, names, conditions, metric=metric)["m"]
        assert found.scores[metric] == pytest.approx(whole[metric].value, abs=1e-12)
        low, high = whole[metric].ci95
        assert np.mean((found.medians[metric] > low) & (found.medians[metric] < high)) > 0.9


def compared(groups: int = GROUPS) -> tuple:
    outlier, names, conditions = case(groups)
    good, poor = scored(outlier, 0, 3.0), scored(outlier, 1, 0.2)
    found = resample_conditions({"one": good, "same": good * 2, "poor": poor}, outlier, names,
                                conditions, metric="auroc")
    return found, compare_resamples({n: r.medians["auroc"] for n, r in found.items()},
                                    {n: r.scores["auroc"][0] for n, r in found.items()},
                                    n_groups=found["one"].n_groups)


def test_the_same_order_of_images_shares_a_letter_and_a_worse_one_is_apart() -> None:
    found, comparison = compared()
    np.testing.assert_array_equal(found["one"].medians["auroc"], found["same"].medians["auroc"])
    assert comparison.p_value("one", "same") == 1
    assert comparison.letters == {"one": "a", "same": "a", "poor": "b"}
    assert comparison.rank_interval == {"one": (1, 2), "same": (1, 2), "poor": (3, 3)}


def test_few_groups_give_no_letters() -> None:
    assert compared(groups=19)[1].letters == {}


def test_another_metric_is_refused() -> None:
    outlier, names, conditions = case()
    with pytest.raises(DataError, match="auroc"):
        resample_conditions({"m": scored(outlier, 0, 1)}, outlier, names, conditions,
                            metric="aupr_in")


def test_test_sets_are_those_that_the_task_draws() -> None:
    from benchbench_plugins.ood.rows import balanced as drawn

    random = np.random.default_rng(0)
    kinds = random.choice(["none", "a", "b"], 90, p=[0.3, 0.5, 0.2])
    levels = np.where(kinds == "none", "0", random.choice(["1", "2"], 90))
    images, outlier = np.array([f"i{n}" for n in random.permutation(90)]), kinds != "none"
    own = balanced(images, outlier, kinds, levels, 5)
    theirs = drawn(images, np.arange(90), outlier, kinds, levels, 5)
    sizes = {len(c.rows) // 2 for c in own}
    assert len(sizes) > 1
    assert max(sizes) == np.count_nonzero(~outlier)  # some lose outliers, some clean images
    for one, other in zip(own, theirs, strict=True):
        assert (one.kind, one.level) == (other.kind, other.level)
        np.testing.assert_array_equal(one.rows, other.rows)
