import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchbench.errors import DataError
from benchbench.statistics import regression, ridge_leave_out
from benchbench.statistics.regression import (
    PENALTIES,
    knn_splits,
    none_splits,
    ridge_splits,
    svr_splits,
)
from benchbench.statistics.splits import Split, group_splits, leave_one_group_out, official_split


def data(n, d, n_groups, seed=0):
    """Features of very different means and scales, with content a group shares."""
    random = np.random.default_rng(seed)
    groups = random.permutation(np.arange(n) % n_groups)
    latent = random.normal(size=(n, 4))
    x = latent @ random.normal(size=(4, d)) + random.normal(size=(n, d))
    x += random.normal(size=(n_groups, d))[groups]
    x = (x + 20 * random.normal(size=d)) * np.exp(2 * random.normal(size=d))
    return x, 40 + 3 * latent[:, 0] + random.normal(size=n), groups


def by_sklearn(x, y, groups, splits, penalties=PENALTIES, scaling="split", folds=5):
    x = StandardScaler().fit_transform(x) if scaling == "set" else x
    steps = [StandardScaler(), Ridge()] if scaling == "split" else [Ridge()]
    found, chosen = [], []
    for split in splits:
        search = GridSearchCV(
            make_pipeline(*steps),
            {"ridge__alpha": list(penalties)},
            cv=GroupKFold(folds),
            scoring="neg_mean_squared_error",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(x[split.train], y[split.train], groups=groups[split.train])
        found.append(search.predict(x[split.test]))
        chosen.append(search.best_params_["ridge__alpha"])
    return found, chosen


def assert_equal(result, expected):
    predictions, chosen = expected
    assert result.penalties.tolist() == chosen
    for mine, theirs in zip(result.predictions, predictions, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("scaling", ["split", "set"])
@pytest.mark.parametrize(
    ("n", "d", "n_groups"),
    [(120, 8, 12), (120, 100, 12), (60, 90, 7), (80, 1, 9), (80, 2, 80), (90, 75, 90)],
)
def test_ridge_is_that_of_scikit_learn(n, d, n_groups, scaling, device):
    x, y, groups = data(n, d, n_groups)
    splits = group_splits(groups, n_splits=3)
    result = ridge_splits(x, y, groups, splits, scaling=scaling, device=device)
    assert_equal(result, by_sklearn(x, y, groups, splits, scaling=scaling))
    assert any("scaled once over all rows" in note for note in result.notes) == (scaling == "set")


@pytest.mark.parametrize("d", [10, 150])
def test_features_that_are_constant_somewhere(d):
    x, y, groups = data(120, d, 8)
    random = np.random.default_rng(1)
    x[:, 0] = 3.3
    x[:, 1] = np.where(groups == 0, 1.0, 0.1)
    x[:, 2] = 0.1
    x[groups == 1, 2] = 1e6 * random.normal(size=(groups == 1).sum())
    x[:, 3] = 1e8 + 1e-9 * x[:, 3]
    splits = leave_one_group_out(groups)[:3]
    for scaling in ("split", "set"):
        result = ridge_splits(x, y, groups, splits, scaling=scaling)
        assert_equal(result, by_sklearn(x, y, groups, splits, scaling=scaling))


def test_a_feature_that_hardly_varies_without_one_group_keeps_its_digits():
    x, y, groups = data(120, 5, 8)
    x[groups != 2, 0] *= 1e-7
    splits = leave_one_group_out(groups)[1:4]
    assert_equal(ridge_splits(x, y, groups, splits), by_sklearn(x, y, groups, splits))


@pytest.mark.parametrize(("n", "d"), [(150, 100), (100, 200)])
def test_leaving_out_by_formula_equals_fitting_again(n, d, monkeypatch):
    x, y, groups = data(n, d, 10)
    splits = group_splits(groups, n_splits=4)
    expected = by_sklearn(x, y, groups, splits, scaling="set")
    by_formula = []

    def spy(*arguments):
        by_formula.append(ridge_leave_out.ridge_by_leaving_out(*arguments))
        return by_formula[-1]

    monkeypatch.setattr(regression, "ridge_by_leaving_out", spy)
    for pays in (True, False):
        monkeypatch.setattr(regression, "leave_out_pays", lambda *_, pays=pays: pays)
        assert_equal(ridge_splits(x, y, groups, splits, scaling="set"), expected)
    assert len(by_formula) == 1 and by_formula[0] is not None


def test_tiny_penalties_in_a_singular_problem():
    x, y, groups = data(60, 80, 8)
    x[:, 40:] = x[:, :40]
    splits = group_splits(groups, n_splits=2)
    grid = (1e-14, 1e-9)
    for scaling in ("split", "set"):
        result = ridge_splits(x, y, groups, splits, penalties=grid, scaling=scaling)
        assert all(np.isfinite(p).all() and np.abs(p - 40).max() < 100 for p in result.predictions)


def test_splits_that_leave_rows_out_and_part_a_group():
    x, y, _ = data(80, 6, 8)
    column = ["train"] * 50 + ["val"] * 10 + ["test"] * 20
    groups = np.arange(80)
    splits = official_split(column)
    assert_equal(ridge_splits(x, y, groups, splits), by_sklearn(x, y, groups, splits))
    coarse = np.arange(80) % 7
    some = [Split(np.arange(0, 50), np.arange(61, 80), (), ())]
    assert_equal(ridge_splits(x, y, coarse, some), by_sklearn(x, y, coarse, some))


def test_few_training_groups_are_noted():
    x, y, groups = data(60, 4, 3)
    splits = group_splits(groups, n_splits=3)
    result = ridge_splits(x, y, groups, splits)
    assert_equal(result, by_sklearn(x, y, groups, splits, folds=2))
    assert "3 of 3 splits: fewer training groups than 5" in result.notes[0]
    x, y, groups = data(40, 4, 2)
    splits = group_splits(groups, n_splits=1)
    result = ridge_splits(x, y, groups, splits)
    assert result.penalties.tolist() == [PENALTIES[5]]
    model = make_pipeline(StandardScaler(), Ridge(alpha=PENALTIES[5]))
    expected = model.fit(x[splits[0].train], y[splits[0].train]).predict(x[splits[0].test])
    np.testing.assert_allclose(result.predictions[0], expected, atol=1e-9)
    assert "one training group only" in result.notes[0]


def test_a_constant_target_is_predicted():
    x, _, groups = data(60, 5, 6)
    result = ridge_splits(x, np.full(60, 4.5), groups, group_splits(groups, n_splits=2))
    for prediction in result.predictions:
        np.testing.assert_allclose(prediction, 4.5, atol=1e-12)


@pytest.mark.parametrize("components", [None, 3])
def test_neighbours_are_those_of_scikit_learn(components):
    x, y, groups = data(90, 6, 9)
    splits = group_splits(groups, n_splits=3)
    result = knn_splits(x, y, groups, splits, neighbours=(1, 4, 8), components=components)
    pca = [] if components is None else [PCA(components, svd_solver="full")]
    for number, split in enumerate(splits):
        search = GridSearchCV(
            make_pipeline(StandardScaler(), *pca, KNeighborsRegressor()),
            {"kneighborsregressor__n_neighbors": [1, 4, 8]},
            cv=GroupKFold(5),
            scoring="neg_mean_squared_error",
        )
        search.fit(x[split.train], y[split.train], groups=groups[split.train])
        expected = search.predict(x[split.test])
        np.testing.assert_allclose(result.predictions[number], expected, atol=1e-9)
        assert result.penalties[number] == search.best_params_["kneighborsregressor__n_neighbors"]


def test_support_vectors_do_not_depend_on_the_units():
    x, y, groups = data(90, 6, 9)
    splits = group_splits(groups, n_splits=2)
    one = svr_splits(x, y, groups, splits)
    other = svr_splits(x * 1000 - 7, 100 * y + 3, groups, splits)
    assert one.penalties.tolist() == other.penalties.tolist()
    for mine, theirs, split in zip(one.predictions, other.predictions, splits, strict=True):
        np.testing.assert_allclose(theirs, 100 * mine + 3, rtol=1e-3)
        assert np.corrcoef(mine, y[split.test])[0, 1] > 0.5


def test_what_the_test_part_holds_changes_no_fit():
    x, y, groups = data(90, 6, 9)
    split = group_splits(groups, n_splits=1)
    other_x, other_y = x.copy(), y.copy()
    other_x[split[0].test[1:]] *= -50
    other_y[split[0].test] = 0
    for regress in (ridge_splits, knn_splits, svr_splits):
        one, other = regress(x, y, groups, split), regress(other_x, other_y, groups, split)
        assert one.penalties.tolist() == other.penalties.tolist()
        np.testing.assert_allclose(one.predictions[0][0], other.predictions[0][0], rtol=1e-9)


def test_without_a_regressor_the_feature_is_the_score():
    x, y, groups = data(30, 2, 6)
    splits = group_splits(groups, n_splits=2)
    result = none_splits(x[:, 0], y, groups, splits)
    for prediction, split in zip(result.predictions, splits, strict=True):
        assert np.array_equal(prediction, x[split.test, 0])
    assert np.isnan(result.penalties).all()
    with pytest.raises(DataError, match="2 features; expected one"):
        none_splits(x, y, groups, splits)


def test_bad_input_is_said():
    x, y, groups = data(30, 3, 6)
    splits = group_splits(groups, n_splits=1)
    broken = x.copy()
    broken[[4, 9], 1] = np.nan
    cases = [
        ((broken, y, groups, splits), {}, "NaN or infinite values in 2 of 30 rows, .* row 4"),
        ((x, np.where(y > y[0], y, np.inf), groups, splits), {}, "target hold"),
        ((x, y[1:], groups, splits), {}, r"target \(29,\)"),
        ((x, y, groups[1:], splits), {}, r"groups \(29,\)"),
        ((x, y, groups, []), {}, "no splits"),
        ((x, y, groups, [Split(np.arange(4), np.arange(0), (), ())]), {}, "an empty side"),
        ((x, y, groups, [Split(np.arange(4), np.arange(3, 9), (), ())]), {}, "stands twice"),
        ((x, y, groups, [Split(np.arange(4), np.array([30]), (), ())]), {}, "outside 0..29"),
        ((x, y, groups, splits), {"penalties": (0.0, 1.0)}, "finite numbers above 0"),
        ((x, y, groups, splits), {"scaling": "none"}, "'split' or 'set'"),
        ((x, y, groups, splits), {"device": "nowhere"}, "device 'nowhere'"),
    ]
    for arguments, options, message in cases:
        with pytest.raises(DataError, match=message):
            ridge_splits(*arguments, **options)
    with pytest.raises(DataError, match="no more neighbours"):
        knn_splits(x, y, groups, splits, neighbours=(200,))
    with pytest.raises(DataError, match="4 components of 3 features"):
        svr_splits(x, y, groups, splits, components=4)
