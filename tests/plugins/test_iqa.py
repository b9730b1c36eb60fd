"""The task ``iqa`` against scipy and scikit-learn, with directions, controls and odd inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchbench_plugins.iqa import ImageQuality, distances
from scipy.stats import kendalltau, pearsonr, spearmanr

from benchbench import Features, Outcome, UsageError

LEVELS, CONTENTS = 5, 24


def _table(higher_is_better: bool = True, contents: int = CONTENTS) -> pd.DataFrame:
    """Quality falls with the level; a DMOS rises with it."""
    rng = np.random.default_rng(0)
    level = np.tile(np.arange(LEVELS), contents)
    content = np.repeat(np.arange(contents), LEVELS)
    score = 4.5 - 0.8 * level + rng.normal(0, 0.3, len(level))
    table = pd.DataFrame({
        "image": [f"c{c}l{k}.png" for c, k in zip(content, level, strict=True)],
        "reference": [f"c{c}.png" for c in content], "level": level,
        "score": score if higher_is_better else 100 - 18 * score,
        "group": [f"c{c}.png" for c in content],
    })
    table.attrs.update(score_kind="mos" if higher_is_better else "dmos", std_kind=None,
                       higher_is_better=higher_is_better)
    return table


def _features(table: pd.DataFrame, noise: float = 0.4, width: int = 8) -> Features:
    """Features that move away from the reference's as the level rises."""
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(table["group"].nunique(), width))
    codes = table["group"].astype("category").cat.codes.to_numpy()
    direction = np.ones(width)
    direction[::2] = 0.5
    level = table["level"].to_numpy()
    rows = reference[codes] + np.outer(level + 1, direction)
    return Features((rows + rng.normal(0, noise, rows.shape)).astype(np.float32),
                    reference[codes].astype(np.float32))


def _evaluate(task: ImageQuality, table: pd.DataFrame, features: Features | None = None,
              seed: int = 0) -> Outcome:
    return task.evaluate(features if features is not None else _features(table), table, seed)


@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize("kind", ["l2", "cosine", "spearman"])
def test_full_reference_scores(kind: Any, higher_is_better: bool) -> None:
    """Against scipy; the sign is positive for a good method whichever way the scores run."""
    table = _table(higher_is_better)
    features = _features(table)
    found = _evaluate(ImageQuality(mode="fr", distance=kind), table, features)
    quality = -distances(features.rows.astype(float), features.reference.astype(float), kind)
    sign = 1 if higher_is_better else -1
    for name, oracle in (("srocc", spearmanr), ("krocc", kendalltau), ("plcc_linear", pearsonr)):
        value = found.scores[name].value
        assert value == pytest.approx(sign * oracle(quality, table["score"]).statistic, abs=1e-10)
        assert value > 0.2
    line = np.polynomial.Polynomial.fit(quality, table["score"], 1)
    rmse = math.sqrt(np.mean((line(quality) - table["score"]) ** 2))
    assert found.scores["rmse_linear"].value == pytest.approx(rmse, rel=1e-9)
    assert found.scores["plcc"].value >= found.scores["plcc_linear"].value - 1e-9
    assert found.scores["rmse"].value <= rmse + 1e-9
    assert found.scores["plcc"].mapping.endswith("monotone")
    assert not found.scores["rmse"].higher_is_better and found.scores["srocc"].higher_is_better
    # The predictions run as the scores do, so that the file alone gives the signed scores.
    made = found.predictions
    np.testing.assert_allclose(made["prediction"], sign * quality)
    assert spearmanr(made["prediction"], made["target"]).statistic == pytest.approx(
        found.scores["srocc"].value)


@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize("mode", ["fr", "score"])
def test_an_inverted_method_is_negative_and_inside_its_interval(
    mode: Any, higher_is_better: bool
) -> None:
    table = _table(higher_is_better)
    features = _features(table)
    if mode == "fr":  # an undistorted image is the furthest away
        far = features.reference + 10 - (features.rows - features.reference)
        features = Features(far, features.reference)
    else:
        features = Features(table["level"].to_numpy(float) + 0.01 * np.arange(len(table)), None,
                            "score", True)
    options = {"distance": "l2"} if mode == "fr" else {}
    found = _evaluate(ImageQuality(mode=mode, **options), table, features)
    for name in ("srocc", "krocc", "plcc", "plcc_linear"):
        score = found.scores[name]
        assert score.value < -0.3
        assert score.ci95 is not None and score.ci95[0] <= score.value <= score.ci95[1] < 0


@pytest.mark.parametrize("rising", [True, False])
def test_a_score_is_taken_as_it_is(rising: bool) -> None:
    table = _table()
    score = -table["level"].to_numpy(float) + np.random.default_rng(4).normal(0, 0.5, len(table))
    features = Features(score if rising else -score, None, "score", rising)
    found = _evaluate(ImageQuality(mode="score"), table, features)
    assert found.scores["srocc"].value == pytest.approx(spearmanr(score, table["score"]).statistic)


def test_which_modes_and_what_they_need() -> None:
    facts: Any = None
    assert ImageQuality().expand("vector", facts) == [{"mode": "fr"}, {"mode": "nr"}]
    assert ImageQuality().expand("score", facts) == [{"mode": "score"}]
    assert ImageQuality(mode="nr").expand("score", facts) == [{}]
    assert ImageQuality(mode="fr").needs == ("score", "reference")
    assert ImageQuality(mode="nr").needs == ("score",)
    assert ImageQuality(mode="score").takes == ("score",)
    assert ImageQuality.takes == ("vector", "score")
    assert ImageQuality(mode="fr").controls() == []
    assert ImageQuality().controls() == [{"mode": "nr", "labels": "shuffled"}]
    with pytest.raises(UsageError, match="splits=0"):
        ImageQuality(splits=0)


def test_no_reference_scores_are_medians_over_splits_of_their_predictions() -> None:
    """Everything is recomputed from the predictions file alone."""
    table = _table()
    found = _evaluate(ImageQuality(mode="nr", splits=20), table)
    assert len(found.predictions["split"].unique()) == 20
    each = [(p["prediction"], p["target"]) for _, p in found.predictions.groupby("split")]
    for name, oracle in (("srocc", spearmanr), ("krocc", kendalltau), ("plcc_linear", pearsonr)):
        values = [oracle(x, y).statistic for x, y in each]
        assert found.scores[name].value == pytest.approx(np.median(values), abs=1e-10)
    assert found.scores["srocc"].value > 0.8
    assert found.scores["srocc_mean"].value == pytest.approx(
        np.mean([spearmanr(x, y).statistic for x, y in each]))
    for train, test in zip(found.details["train_groups"], found.details["test_groups"],
                           strict=True):
        assert not set(train) & set(test)
        assert set(train) | set(test) == set(table["group"])
    assert all(fit["monotone"] and fit["converged"] for fit in found.details["mappings"])
    truth = table.set_index("image")["score"]
    assert (truth.loc[found.predictions["image"]].to_numpy() == found.predictions["target"]).all()


def test_a_content_is_never_on_both_sides() -> None:
    table = _table()
    found = _evaluate(ImageQuality(mode="nr", splits=20), table)
    for number, part in found.predictions.groupby("split"):
        groups = set(part["group"])
        assert len(groups) == math.ceil(0.2 * CONTENTS)
        assert len(part) == LEVELS * len(groups)
        assert sorted(groups) == sorted(found.details["test_groups"][int(number)])


def test_the_regression_is_ridge_on_training_rows_alone() -> None:
    """Each split's predictions are those of scikit-learn's ridge with the split's own penalty."""
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    table = _table()
    features = _features(table)
    found = _evaluate(ImageQuality(mode="nr", splits=3), table, features)
    for number, part in found.predictions.groupby("split"):
        test = table["image"].isin(part["image"]).to_numpy()
        scaler = StandardScaler().fit(features.rows[~test])
        ridge = Ridge(alpha=found.details["penalties"][int(number)])
        ridge.fit(scaler.transform(features.rows[~test]), table["score"][~test])
        expected = ridge.predict(scaler.transform(features.rows[test]))
        np.testing.assert_allclose(part["prediction"], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("task", [
    ImageQuality(mode="nr", splits=4, regressor="svr", components=3),
    ImageQuality(mode="nr", splits=4, regressor="knn"),
    ImageQuality(mode="nr", splits=4, scaling="set"),
    ImageQuality(mode="nr", protocol="leave-one-out"),
])
def test_every_regressor_and_protocol_learns(task: ImageQuality) -> None:
    found = _evaluate(task, _table())
    assert found.scores["srocc"].value is not None
    assert found.scores["srocc"].value > 0.6


def test_without_a_regressor_the_one_feature_is_the_score() -> None:
    table = _table()
    features = Features(table["score"].to_numpy()[:, None] ** 3)
    found = _evaluate(ImageQuality(mode="nr", splits=4, regressor="none"), table, features)
    assert found.scores["srocc"].value == pytest.approx(1.0)


def test_options_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UsageError, match="components=3"):
        ImageQuality(components=3)
    with pytest.raises(UsageError, match="scaling=set"):
        ImageQuality(regressor="knn", scaling="set")


def test_rows_by_distortion_and_level() -> None:
    table = _table()
    table["distortion"] = ["blur" if i % 2 else "noise" for i in range(len(table))]
    found = _evaluate(ImageQuality(mode="fr"), table)
    scores = found.predictions["prediction"]
    for name, row in found.details["by"]["distortion"].items():
        some = (table["distortion"] == name).to_numpy()
        assert row["n"] == some.sum()
        assert row["srocc"] == pytest.approx(
            spearmanr(scores[some], table["score"][some]).statistic)


def test_shuffled_labels_leave_nothing() -> None:
    table = _table()
    given_ = _evaluate(ImageQuality(mode="nr", splits=30), table)
    shuffled = _evaluate(ImageQuality(mode="nr", splits=30, labels="shuffled"), table)
    assert given_.scores["srocc"].value > 0.8
    assert abs(shuffled.scores["srocc"].value) < 0.4
    for name in ("srocc", "plcc", "plcc_linear", "krocc"):
        score = shuffled.scores[name]
        if score.ci95 is not None:
            assert score.ci95[0] <= score.value <= score.ci95[1], name
    # Each image has one permuted score, the same in all splits, and all scores are used.
    assert (shuffled.predictions.groupby("image")["target"].nunique() == 1).all()
    assert set(shuffled.predictions["target"]) <= set(table["score"])
    assert list(table["score"]) == list(_table()["score"])


@pytest.mark.parametrize("mode", ["fr", "nr"])
def test_the_same_seed_gives_the_same_numbers(mode: Any) -> None:
    table = _table()
    task = ImageQuality(mode=mode, splits=10)
    first, second = _evaluate(task, table), _evaluate(task, table)
    assert first.scores == second.scores
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    if mode == "nr":
        other = _evaluate(task, table, seed=1)
        assert other.details["test_groups"] != first.details["test_groups"]


@pytest.mark.parametrize("mode", ["fr", "nr"])
def test_the_order_of_rows_does_not_matter(mode: Any) -> None:
    table = _table()
    features = _features(table)
    task = ImageQuality(mode=mode, splits=10)
    order = np.random.default_rng(5).permutation(len(table))
    turned = table.iloc[order].reset_index(drop=True)
    turned.attrs = table.attrs
    moved = Features(features.rows[order], features.reference[order])
    for name, score in _evaluate(task, table, features).scores.items():
        assert _evaluate(task, turned, moved).scores[name].value == pytest.approx(
            score.value, rel=2e-3, abs=1e-3), name


@pytest.mark.parametrize("mode", ["fr", "nr"])
@pytest.mark.parametrize("kind", ["constant features", "constant scores"])
def test_what_is_undefined_is_said_and_never_nan(mode: Any, kind: str) -> None:
    table = _table()
    features = _features(table)
    if kind == "constant features":
        ones = np.ones_like(features.rows)
        features = Features(ones, ones)
    else:
        table["score"] = 3.0
    found = _evaluate(ImageQuality(mode=mode, splits=5), table, features)
    for name, score in found.scores.items():
        assert score.value is None or math.isfinite(score.value), name
        if score.value is None:
            assert score.note and score.ci95 is None, name
    assert found.scores["srocc"].value is None
    assert any(note.startswith("srocc ") for note in found.notes)
    assert np.isfinite(found.predictions["prediction"]).all()
    assert found.predictions["image"].nunique() == len(table) or mode == "nr"


@pytest.mark.parametrize(("contents", "said"), [(24, None), (8, "unreliable"), (4, "none")])
def test_few_contents_are_marked(contents: int, said: str | None) -> None:
    table = _table(contents=contents)
    for mode in ("fr", "nr"):
        found = _evaluate(ImageQuality(mode=mode, splits=10), table)
        score = found.scores["srocc"]
        assert (score.ci95 is None) == (said == "none")
        assert score.reliable == (said is None)
        assert any("intervals are unreliable" in n for n in found.notes) == (said == "unreliable")
        assert any("no intervals" in note for note in found.notes) == (said == "none")


def test_a_matrix_of_features_is_taken_as_a_vector() -> None:
    table = _table()
    flat = _features(table, width=8)
    square = Features(flat.rows.reshape(-1, 2, 4), flat.reference.reshape(-1, 2, 4))
    for mode in ("fr", "nr"):
        task = ImageQuality(mode=mode, splits=5)
        assert _evaluate(task, table, flat).scores == _evaluate(task, table, square).scores


def test_shuffled_labels_of_many_seeds_centre_on_zero() -> None:
    table = _table()
    task = ImageQuality(mode="nr", splits=10, labels="shuffled")
    values = [_evaluate(task, table, seed=seed).scores["srocc"].value for seed in range(12)]
    assert abs(np.mean(values)) < 0.12 and max(map(abs, values)) < 0.4


@pytest.mark.parametrize("protocol", ["random", "leave-one-out", "official"])
def test_how_many_images_a_protocol_tests(protocol: Any) -> None:
    table = _table()
    contents = sorted(table["group"].unique())
    table["split"] = np.where(table["group"].isin(contents[:10]), "test", "train")
    found = _evaluate(ImageQuality(mode="nr", protocol=protocol, splits=2), table)
    expected = {"random": 2 * 5 * LEVELS, "leave-one-out": 120, "official": 10 * LEVELS}[protocol]
    assert found.n_tested == found.predictions["image"].nunique() <= expected
    assert protocol == "random" or found.n_tested == expected
    said = f"the splits test {found.n_tested} of 120 images"
    assert (said in found.notes) == (found.n_tested < 120)
