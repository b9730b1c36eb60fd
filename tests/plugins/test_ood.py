"""The task ``ood``: test sets, leaks and discriminators, against scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from benchbench_plugins.ood.discriminator import Sides, train
from benchbench_plugins.ood.rows import arrange
from benchbench_plugins.ood.task import OutOfDistribution
from sklearn.metrics import accuracy_score, roc_auc_score

import benchbench
from benchbench import DataError, Features, UsageError
from benchbench.testing import assert_conforms, check_task

KINDS = ("blur", "noise", "rain")
EXPOSURE = {"mode": "outlier-exposure", "exposed": "blur", "runs": 2, "epochs": 15}


def toy(groups: int = 40, levels: int = 2) -> pd.DataFrame:
    """Clean signs and three types at two levels, split 20/8/12 by group."""
    rows = []
    for g in range(groups):
        split = "train" if g < groups * 0.5 else "val" if g < groups * 0.7 else "test"
        rows.append((f"{g}/clean", f"g{g}", split, False, "none", 0))
        rows += [(f"{g}/{kind}/{level}", f"g{g}", split, True, kind, level)
                 for kind in KINDS for level in range(1, levels + 1)]  # fmt: skip
    columns = ["image", "group", "split", "outlier", "distortion", "level"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs.update(score_kind=None, higher_is_better=True, std_kind=None)
    return table


def toy_features(table: pd.DataFrame, width: int = 6, shift: float = 3.0) -> Features:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((len(table), width)).astype(np.float32)
    strength = table["level"].to_numpy(float) * np.where(table["distortion"] == "rain", 0.2, 1.0)
    rows[:, 0] += shift * strength
    return Features(rows)


def test_conforms() -> None:
    assert_conforms(check_task(OutOfDistribution))
    assert_conforms(check_task(OutOfDistribution(**EXPOSURE), table=toy(groups=20)))


def test_outlier_exposure_separates_what_can_be_separated() -> None:
    table = toy()
    task = OutOfDistribution(**{**EXPOSURE, "epochs": 100}, test="noise+rain")
    outcome = task.evaluate(toy_features(table), table, 0)
    assert task.metrics[:3] == ("accuracy", "accuracy noise", "accuracy rain")
    scores = {name: score.value for name, score in outcome.scores.items()}
    assert scores["accuracy noise"] > 0.9
    assert scores["accuracy noise"] > scores["accuracy rain"] + 0.1
    mean = (scores["accuracy noise"] + scores["accuracy rain"]) / 2
    assert scores["accuracy"] == pytest.approx(mean)
    assert outcome.scores["accuracy"].ci95 is not None
    assert outcome.details["trained_on"] == ["blur"]
    assert {(c["distortion"], c["level"]) for c in outcome.details["conditions"]} == {
        (kind, str(level)) for kind in ("noise", "rain") for level in (1, 2)
    }
    control = OutOfDistribution(**EXPOSURE, labels="shuffled")
    chance = control.evaluate(toy_features(table), table, 0).scores["accuracy"].value
    assert chance is not None
    assert chance < scores["accuracy"]


def test_scores_can_be_recomputed_from_the_predictions() -> None:
    table = toy()
    task = OutOfDistribution(**EXPOSURE)
    outcome = task.evaluate(toy_features(table), table, 3)
    made = outcome.predictions
    assert outcome.n_tested == made["image"].nunique() == 12 * (1 + 2 * 2)
    accuracy, auroc = [], []
    for _, run in made.groupby("split"):
        clean = run[run["target"] == 0]
        for kind in ("noise", "rain"):
            for level in (1, 2):
                away = run[(run["distortion"] == kind) & (run["level"] == str(level))]
                both = pd.concat([clean, away])
                assert len(clean) == len(away)
                flagged = both["prediction"] >= 0
                accuracy.append(accuracy_score(both["target"], flagged))
                auroc.append(roc_auc_score(both["target"], both["prediction"]))
    assert outcome.scores["accuracy"].value == pytest.approx(np.mean(accuracy))
    assert outcome.scores["auroc"].value == pytest.approx(np.mean(auroc))


def test_the_discriminator_repeats_itself_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(1)
    fit, choose = (Sides(rng.standard_normal((n, 30)), rng.standard_normal((n, 30)) + 1)
                   for n in (150, 40))  # fmt: skip
    rows = rng.standard_normal((25, 30))
    found = []
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        torch.manual_seed(count)
        found.append(train(fit, choose, rows, epochs=5, patience=5, seed=4))
        assert torch.get_num_threads() == count
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(found[0], found[1])
    other = train(fit, choose, rows, epochs=5, patience=5, seed=5)
    assert not np.array_equal(found[0], other)


def test_the_discriminator_sees_both_sides_equally_often() -> None:
    from benchbench_plugins.ood.discriminator import _batches

    pairs = list(_batches(100, 30, torch.Generator().manual_seed(0)))
    assert [len(one) for one, _ in pairs] == [len(other) for _, other in pairs] == [64, 36]
    first = torch.cat([one for one, _ in pairs])
    assert sorted(first.tolist()) == list(range(100))
    second = torch.cat([other for _, other in pairs])
    assert set(second.bincount(minlength=30).tolist()) <= {3, 4}


@pytest.mark.parametrize("detector", ["mahalanobis", "knn"])
def test_one_class_uses_no_outlier_and_tests_every_type(detector: str) -> None:
    table = toy()
    features = toy_features(table)
    task = OutOfDistribution(detector=detector, k=3)
    outcome = task.evaluate(features, table, 0)
    assert outcome.details["trained_on"] == []
    assert outcome.details["n_train"] == 20
    assert {c["distortion"] for c in outcome.details["conditions"]} == set(KINDS)
    spoilt = features.rows.copy()
    train_outliers = ((table["split"] != "test") & table["outlier"]).to_numpy()
    spoilt[train_outliers] = 1e6
    again = task.evaluate(Features(spoilt), table, 0)
    assert again.scores == outcome.scores


def test_a_score_is_taken_as_it_is_in_its_direction() -> None:
    table = toy()
    known = np.random.default_rng(4).normal(size=len(table)) - 2 * table["outlier"].to_numpy()
    task = OutOfDistribution()
    up = task.evaluate(Features(known, gives="score"), table, 0)
    down = task.evaluate(Features(-known, gives="score", higher_is_better=False), table, 0)
    assert up.scores == down.scores
    clean = table["split"].eq("test") & ~table["outlier"]
    expected = []
    for kind in KINDS:
        for level in (1, 2):
            away = (table["split"] == "test") & (table["distortion"] == kind)
            away &= table["level"] == level
            rows = (clean | away).to_numpy()
            expected.append(roc_auc_score(table["outlier"][rows], -known[rows]))
    assert up.scores["auroc"].value == pytest.approx(np.mean(expected))


def test_every_test_set_is_balanced_whatever_the_table_holds() -> None:
    table = toy()
    table = table[~((table["distortion"] == "noise") & (table["group"] > "g35"))]
    table = table.drop(table.index[(table["image"] == "30/clean")]).reset_index(drop=True)
    rows = arrange(table, None, 1, [], 0)
    for condition in rows.conditions:
        flags = rows.outlier[condition.rows]
        assert flags.sum() * 2 == len(flags)
        assert set(table["split"].iloc[condition.rows]) == {"test"}
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    other = arrange(shuffled, None, 1, [], 0)
    assert [set(table["image"].iloc[c.rows]) for c in rows.conditions] == [
        set(shuffled["image"].iloc[c.rows]) for c in other.conditions
    ]


@pytest.mark.parametrize("mode", ["one-class", "outlier-exposure"])
def test_unequal_test_sets_are_drawn_alike_from_the_predictions_alone(mode: str) -> None:
    """Of 60 clean test images at most 12 are drawn for a test set, and most for none."""
    table = toy()
    more = table[(table["distortion"] == "none") & (table["split"] == "test")]
    more = pd.concat([more.assign(image=f"more {i}/" + more["image"]) for i in range(4)])
    whole = pd.concat([table, more], ignore_index=True)
    whole.attrs.update(table.attrs)
    task = OutOfDistribution(**(EXPOSURE if mode != "one-class" else {}))
    outcome = task.evaluate(toy_features(whole), whole, 0)
    made = outcome.predictions
    assert made["image"].nunique() < len(whole[whole["split"] == "test"])
    assert task.score(made, 0) == outcome.scores
    pd.testing.assert_frame_equal(task.tested(whole, 0), made.drop(columns="prediction"))


def test_the_exposed_type_is_never_tested_at_any_level() -> None:
    rows = arrange(toy(), "blur", 1, [], 0)
    assert {c.kind for c in rows.conditions} == {"noise", "rain"}
    table = toy()
    learned = np.concatenate([rows.train, rows.validation])
    assert set(table["distortion"].iloc[learned]) == {"none", "blur"}
    assert set(table["level"].iloc[learned]) == {0, 1}
    assert set(table["group"].iloc[learned]).isdisjoint(table["group"].iloc[rows.tested])


def test_leaks_are_refused() -> None:
    table = toy()
    table.loc[table["image"] == "39/noise/1", "group"] = "g0"
    with pytest.raises(DataError, match="stand on both sides"):
        arrange(table, "blur", 1, [], 0)


def test_a_missing_validation_part_is_taken_from_training_groups() -> None:
    table = toy()
    table["split"] = table["split"].replace("val", "train")
    rows = arrange(table, "blur", 1, [], 0)
    assert len(rows.validation) > 0
    groups = [set(table["group"].iloc[part]) for part in (rows.train, rows.validation)]
    assert groups[0].isdisjoint(groups[1])
    assert len(groups[0] | groups[1]) == 28


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(UsageError, match="belong together"):
        OutOfDistribution(mode="outlier-exposure")
    with pytest.raises(UsageError, match="cannot be tested"):
        OutOfDistribution(**EXPOSURE, test="blur+noise")
    with pytest.raises(UsageError, match="at least 1"):
        OutOfDistribution(k=0)
    table = toy()
    with pytest.raises(DataError, match=r"'blurr' is not in the dataset; did you mean 'blur'"):
        arrange(table, "blurr", 1, [], 0)
    with pytest.raises(DataError, match=r"no outliers of type 'blur' at level 4"):
        arrange(table, "blur", 4, [], 0)
    with pytest.raises(DataError, match="test split has no 'rain'"):
        keep = (table["split"] != "test") | (table["distortion"] != "rain")
        arrange(table[keep].reset_index(drop=True), "blur", 1, ["rain"], 0)
    with pytest.raises(DataError, match="no in-distribution images; add clean rows"):
        keep = (table["split"] != "test") | table["outlier"]
        arrange(table[keep].reset_index(drop=True), "blur", 1, [], 0)
    with pytest.raises(DataError, match="train split has no in-distribution images; give"):
        keep = (table["split"] != "train") | table["outlier"]
        arrange(table[keep].reset_index(drop=True), None, 1, [], 0)
    with pytest.raises(DataError, match="outlier is 'perhaps'"):
        arrange(table.assign(outlier="perhaps"), "blur", 1, [], 0)


def test_a_type_or_level_that_is_not_there_is_said_in_the_plan(
    tmp_path: Path, store: Path
) -> None:
    from tests.plugins.test_kwon_vae import write_signs

    card = write_signs(tmp_path, ["train"] * 4 + ["val"] * 2 + ["test"] * 2)
    made = f"distorted[source={card},with=gaussian-blur+jpeg,levels=2,clean=true]"
    for asked, said in (
        ("exposed=gaussian-blurr,level=2", r"'gaussian-blurr' is not in the dataset; did you mean"),
        ("exposed=jpeg", r"'jpeg' has no level 1, it has 2"),
        ("exposed=jpeg,level=2,test=rain", r"'rain' is not in the dataset"),
    ):
        with pytest.raises(UsageError, match=said):
            benchbench.run(features="latent", task=f"ood[mode=outlier-exposure,{asked}]",
                           dataset=made, backbone=f"kwon-vae[source={card},epochs=1]",
                           out=tmp_path / "runs")  # fmt: skip


def test_a_split_that_lacks_the_exposed_level_is_said_before_any_sweep(
    tmp_path: Path, store: Path
) -> None:
    """The set has the level, its validation part has not."""
    from tests.plugins.test_kwon_vae import write_signs

    card = write_signs(tmp_path, ["train"] * 4 + ["test"] * 4)
    made = f"distorted[source={card},with=gaussian-blur,levels=1,clean=true]"
    found = benchbench.run(features="pixels", task="ood[mode=outlier-exposure,"
                           "exposed=gaussian-blur]", dataset=made, controls=False,
                           out=tmp_path / "runs")  # fmt: skip
    assert set(found["status"]) == {"failed"}
    assert found["reason"].str.contains("choose another dataset, or another type").all()
    assert not list(store.glob("features/*.safetensors"))


def test_the_four_rows_of_the_paper_in_one_sweep(tmp_path: Path, store: Path) -> None:
    from tests.plugins.test_kwon_vae import write_signs

    card = write_signs(tmp_path, ["train"] * 8 + ["val"] * 3 + ["test"] * 7)
    made = f"distorted[source={card},with=gaussian-blur+jpeg+pixelate,levels=1+5,clean=true]"
    reconstruction = "grad[loss=reconstruction,layer=up_6,reduce=full]"
    latent = "grad[loss=kl,layer=down_6,reduce=full]"
    table = benchbench.run(
        features=["latent", reconstruction, latent, f"{latent}+{reconstruction}"],
        task="ood[mode=outlier-exposure,exposed=gaussian-blur,runs=1,epochs=2]",
        dataset=made, backbone=f"kwon-vae[source={card},epochs=2]", out=tmp_path / "runs",
    )
    own = table[~table["control"]]
    assert set(own["status"]) == {"ok"}
    assert sorted(own["feature_width"]) == [20, 144, 1728, 1872]
    assert not own["fitted_on_test_references"].any()
    assert own["accuracy"].between(0, 1).all()
