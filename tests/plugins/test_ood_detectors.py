"""One-class detectors of the task ``ood`` and its means over near and far sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from benchbench_plugins.ood.detectors import by_class, mahalanobis, nearest, scaled, virtual_logit
from benchbench_plugins.ood.task import OutOfDistribution
from scipy.spatial.distance import cdist
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.metrics import roc_auc_score

from benchbench import DataError, DatasetFacts, Features, UsageError
from tests.plugins.test_ood import EXPOSURE, toy, toy_features


def test_mahalanobis_and_neighbours_are_those_of_sklearn_and_scipy() -> None:
    rng = np.random.default_rng(2)
    fit, rows = rng.standard_normal((60, 9)) @ rng.standard_normal((9, 9)), rng.normal(size=(11, 9))
    expected = LedoitWolf().fit(fit).mahalanobis(rows)
    np.testing.assert_allclose(mahalanobis(fit, rows), expected)
    distances = np.sort(cdist(rows, fit), axis=1)
    np.testing.assert_allclose(nearest(fit, rows, 4), distances[:, 3])
    with pytest.raises(DataError, match="take a smaller k"):
        nearest(fit, rows, 61)
    flat = mahalanobis(np.ones((5, 3)), rows[:, :3])
    np.testing.assert_allclose(flat, ((rows[:, :3] - 1) ** 2).sum(axis=1))


def test_mahalanobis_by_class_is_that_of_pytorch_ood_and_sklearn() -> None:
    from pytorch_ood.detector import Mahalanobis

    rng = np.random.default_rng(5)
    labels = np.arange(90) % 3
    fit = rng.standard_normal((90, 6)) * [1, 2, 1, 0.5, 3, 1] + 4 * np.eye(3, 6)[labels]
    rows = 5 * rng.standard_normal((40, 6))
    found = by_class(fit, rows, labels.astype(str))
    theirs = Mahalanobis(None).fit_features(torch.from_numpy(fit).float(),
                                            torch.from_numpy(labels))
    expected = theirs.predict_features(torch.from_numpy(rows).float()).numpy()
    # Theirs is half the distance, under the summed covariance.
    np.testing.assert_allclose(found, 2 * 90 * expected, rtol=1e-4)
    few = rng.standard_normal((8, 20))
    flat = EmpiricalCovariance(assume_centered=True).fit(few - few.mean(axis=0))
    wide = rng.standard_normal((5, 20))
    one = by_class(few, wide, np.zeros(8))
    np.testing.assert_allclose(one, flat.mahalanobis(wide - few.mean(axis=0)))


def test_by_label_uses_the_labels_of_known_training_images_alone() -> None:
    table = toy()
    features = toy_features(table)
    table["label"] = [int(group[1:]) % 2 for group in table["group"]]
    features.rows[:, 1] += 20 * table["label"].to_numpy()
    task = OutOfDistribution(by="label")
    assert "label" in task.needs
    outcome = task.evaluate(features, table, 0)
    whole = OutOfDistribution().evaluate(features, table, 0)
    assert outcome.scores != whole.scores
    spoilt = table.copy()
    spoilt.loc[table["outlier"] | (table["split"] == "test"), "label"] = None
    assert task.evaluate(features, spoilt, 0).scores == outcome.scores
    spoilt.loc[0, "label"] = None
    with pytest.raises(DataError, match="training image '0/clean' has no label; fit on a labelled"):
        task.tested(spoilt, 0)
    with pytest.raises(UsageError, match="has no labels; give one with a column 'label'"):
        task.expand("vector", facts_of(toy()))
    for wrong in ({"detector": "knn"}, EXPOSURE):
        with pytest.raises(UsageError, match="by=label"):
            OutOfDistribution(by="label", **wrong)


def sets(shifts: dict[str, str]) -> pd.DataFrame:
    """Known images and one outlier set a name, as ``cross`` joins them."""
    parts = [("known", split, 30) for split in ("train", "val", "test")]
    parts += [(name, "test", 30 + 10 * i) for i, name in enumerate(shifts)]
    table = pd.DataFrame([
        {"image": f"{name}:{split}{i}", "group": f"{name}:{split}{i}", "split": split,
         "outlier": name != "known", "distortion": name if name != "known" else "none",
         "level": int(name != "known"), "shift": shifts.get(name, "")}
        for name, split, n in parts for i in range(n)
    ])
    table.attrs.update(score_kind=None, higher_is_better=True, std_kind=None)
    return table


def test_near_and_far_are_unweighted_means_over_sets() -> None:
    shifts = {"b": "near", "c": "near", "d": "far"}
    table = sets(shifts)
    at = table["distortion"].map({"none": 0.0, "b": 0.5, "c": 1.0, "d": 2.0}).to_numpy()
    known = np.random.default_rng(6).normal(size=len(table)) + at
    changes = OutOfDistribution().expand("score", facts_of(table))
    assert changes == [{"mode": "one-class", "shift": "near-far"}]
    task = OutOfDistribution(shift="near-far")
    assert task.metrics[:3] == ("auroc", "auroc near", "fpr95_ood_positive near")
    features = Features(known, gives="score", higher_is_better=False)
    outcome = task.evaluate(features, table, 0)
    made = outcome.predictions
    each = {}
    for name in shifts:
        # Sets that are larger than the known test images are drawn down to as many.
        both = made[made["distortion"].isin(["none", name])]
        assert (both["target"] == 1).sum() == (both["target"] == 0).sum() == 30
        each[name] = roc_auc_score(both["target"], both["prediction"])
    scores = outcome.scores
    assert scores["auroc near"].value == pytest.approx((each["b"] + each["c"]) / 2)
    assert scores["auroc far"].value == pytest.approx(each["d"])
    assert scores["auroc"].value == pytest.approx(sum(each.values()) / 3)
    assert scores["auroc near"].ci95 is not None
    near = scores["fpr95_ood_positive near"]
    assert near.value is not None
    assert not near.higher_is_better
    assert task.score(made, 0) == scores
    alone = task.evaluate(features, table.assign(shift=table["shift"].replace("near", "far")), 0)
    assert alone.scores["auroc near"].value is None
    assert alone.scores["auroc near"].note == "no set is near"
    assert alone.scores["auroc far"].value == pytest.approx(scores["auroc"].value)


def facts_of(table: pd.DataFrame) -> DatasetFacts:
    return DatasetFacts(n=len(table), columns=tuple(table.columns), fingerprint="", images="",
                        n_images=len(table))  # fmt: skip


def test_a_head_is_scored_by_its_virtual_logit() -> None:
    table = toy()
    features = toy_features(table, width=8)
    found = OutOfDistribution().evaluate(Features(features.rows, gives="head"), table, 0)
    train = ((table["split"] == "train") & ~table["outlier"]).to_numpy()
    expected = virtual_logit(features.rows[train].astype(float), features.rows.astype(float))
    task = OutOfDistribution()
    plain = task.evaluate(Features(expected, gives="score", higher_is_better=False), table, 0)
    assert found.scores == plain.scores


def test_scaling() -> None:
    rows = np.random.default_rng(3).normal(5, 2, (20, 4))
    rows[:, 3] = 7
    standard = scaled(rows, rows, "standard")
    np.testing.assert_allclose(standard[:, :3].std(axis=0), 1)
    assert (standard[:, 3] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(scaled(rows, rows, "unit"), axis=1), 1)
    assert scaled(rows, rows, "none") is rows
