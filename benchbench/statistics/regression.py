"""Regressors that turn features into quality predictions, one fit a split.

Whatever is fitted (scales, components, penalty, weights) is fitted on the training part alone,
except with `scaling="set"`, which fixes the scales once on all rows, without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchbench.errors import DataError
from benchbench.statistics.regressor import (
    Floats,
    Regressor,
    SplitPredictions,
    checked,
    fold_notes,
    inner_folds_of,
)
from benchbench.statistics.ridge import RidgeSolver
from benchbench.statistics.ridge_leave_out import leave_out_pays, ridge_by_leaving_out
from benchbench.statistics.ridge_parts import Table
from benchbench.statistics.splits import Split

__all__ = [
    "PENALTIES",
    "Regressor",
    "SplitPredictions",
    "knn_splits",
    "none_splits",
    "ridge_splits",
    "svr_splits",
]

Scaling = Literal["split", "set"]

_SMALL = 1024

PENALTIES: tuple[float, ...] = tuple(float(f"1e{power}") for power in range(-3, 7))


def ridge_splits(
    features: ArrayLike,
    target: ArrayLike,
    groups: ArrayLike,
    splits: Sequence[Split],
    *,
    penalties: Sequence[float] = PENALTIES,
    inner_folds: int = 5,
    scaling: Scaling = "split",
    device: str | None = None,
) -> SplitPredictions:
    """Ridge regression of features `[n, d]` on targets `[n]`, fitted anew in every split.

    The penalty is the one with the lowest mean squared error, averaged over grouped folds inside
    the training part (the folds of GroupKFold; the first of equals). Features are standardised in
    each training part, inner ones too (`scaling="split"`), or once over all rows (`"set"`). Choice
    and predictions are those of scikit-learn's `GridSearchCV(make_pipeline(StandardScaler(),
    Ridge()), cv=GroupKFold(inner_folds), scoring="neg_mean_squared_error")`.

    `device` names a torch device on which the linear algebra runs in float64; by default numpy
    does it. Raises DataError for bad input (see `checked`) and for penalties that are not positive.
    """
    x, y, codes = checked(features, target, groups, splits)
    grid = np.asarray(penalties, dtype=np.float64)
    if grid.ndim != 1 or len(grid) == 0 or not np.all(np.isfinite(grid) & (grid > 0)):
        raise DataError(
            f"ridge: penalties {list(penalties)}; expected one or more finite numbers above 0; "
            "correct the grid"
        )
    if inner_folds < 2 or scaling not in ("split", "set"):
        raise DataError(
            f"ridge: inner_folds={inner_folds}, scaling='{scaling}'; expected 2 or more folds and "
            "'split' or 'set'; change these values"
        )
    folds = [inner_folds_of(split.train, codes, inner_folds) for split in splits]
    notes = fold_notes(splits, folds, inner_folds)
    if scaling == "set":
        notes.append("features were scaled once over all rows, test rows included (scaling=set)")
    table = Table(x, y, codes, fixed_scale=scaling == "set")
    found: tuple[list[Floats], Floats] | None = None
    # Threads cost more than they bring in matrices of this size.
    with threadpool_limits(1 if min(x.shape) < _SMALL else None, user_api="blas"):
        if scaling == "set" and device is None and leave_out_pays(x, splits, folds, grid):
            found = ridge_by_leaving_out(table, splits, folds, grid)
        if found is None:
            found = RidgeSolver(table, grid, device).run(splits, folds)
    return SplitPredictions(found[0], found[1], tuple(notes))


def svr_splits(
    features: ArrayLike,
    target: ArrayLike,
    groups: ArrayLike,
    splits: Sequence[Split],
    *,
    costs: Sequence[float] = (1.0, 10.0, 100.0),
    components: int | None = None,
    inner_folds: int = 5,
) -> SplitPredictions:
    """Support-vector regression with a Gaussian kernel, as the older literature uses it.

    Features and target are standardised in the training part, so that `costs` (the C of the
    error term) and the tube of 0.1 standard deviations have no unit; the kernel's width is
    scikit-learn's "scale". `components` puts a PCA of so many components after the scaling. C has
    the lowest mean squared error over grouped folds inside the training part.
    Raises DataError for bad input.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    model = TransformedTargetRegressor(SVR(), transformer=StandardScaler())
    return _sklearn_splits(
        model, "regressor__C", costs, components, inner_folds, (features, target, groups, splits)
    )


def knn_splits(
    features: ArrayLike,
    target: ArrayLike,
    groups: ArrayLike,
    splits: Sequence[Split],
    *,
    neighbours: Sequence[int] = (1, 3, 5, 9),
    components: int | None = None,
    inner_folds: int = 5,
) -> SplitPredictions:
    """The mean target of the k nearest training images in standardised features.

    `components` puts a PCA of so many components after the scaling. k, one of `neighbours`, has
    the lowest mean squared error over grouped folds inside the training part.
    Raises DataError for bad input and for a k above the rows to choose from.
    """
    from sklearn.neighbors import KNeighborsRegressor

    return _sklearn_splits(
        KNeighborsRegressor(), "n_neighbors", neighbours, components, inner_folds,
        (features, target, groups, splits),
    )  # fmt: skip


def none_splits(
    features: ArrayLike, target: ArrayLike, groups: ArrayLike, splits: Sequence[Split]
) -> SplitPredictions:
    """No regressor: the one feature is the score, and nothing is fitted.

    Raises DataError for more than one feature and for bad input.
    """
    x = checked(features, target, groups, splits)[0]
    if x.shape[1] != 1:
        raise DataError(
            f"regressor none: {x.shape[1]} features; expected one, which is the score itself; "
            "choose ridge, svr or knn"
        )
    return SplitPredictions([x[split.test, 0] for split in splits], np.full(len(splits), np.nan))


def _sklearn_splits(
    model: Any,
    name: str,
    grid: Sequence[float],
    components: int | None,
    inner_folds: int,
    data: tuple[ArrayLike, ArrayLike, ArrayLike, Sequence[Split]],
) -> SplitPredictions:
    from sklearn.decomposition import PCA
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, codes = checked(*data)
    splits = data[3]
    folds = [inner_folds_of(split.train, codes, inner_folds) for split in splits]
    fewest = min(
        (len(fit) for split, found in zip(splits, folds, strict=True)
         for fit in (split.train, *(fit for fit, _ in found))),
    )  # fmt: skip
    _check_sizes(name, grid, components, fewest, x.shape[1], inner_folds)
    pca = [("pca", PCA(components, svd_solver="full"))] if components is not None else []
    pipeline = Pipeline([("scale", StandardScaler()), *pca, ("model", model)])
    predictions, chosen = [], []
    for split, found in zip(splits, folds, strict=True):
        # Without a second group nothing can be chosen: any folds do for a grid of one.
        values = list(grid) if found else [grid[len(grid) // 2]]
        inner = [
            (np.searchsorted(split.train, fit), np.searchsorted(split.train, held))
            for fit, held in found
        ]
        if len(values) > 1:
            search = GridSearchCV(
                pipeline, {f"model__{name}": values}, cv=inner, scoring="neg_mean_squared_error"
            )
            search.fit(x[split.train], y[split.train])
            best = search.best_estimator_
            chosen.append(float(search.best_params_[f"model__{name}"]))
        else:
            best = pipeline.set_params(**{f"model__{name}": values[0]})
            best.fit(x[split.train], y[split.train])
            chosen.append(float(values[0]))
        predictions.append(np.asarray(best.predict(x[split.test]), dtype=np.float64))
    notes = fold_notes(splits, folds, inner_folds)
    return SplitPredictions(predictions, np.array(chosen), tuple(notes))


def _check_sizes(
    name: str,
    grid: Sequence[float],
    components: int | None,
    rows: int,
    features: int,
    inner_folds: int,
) -> None:
    if inner_folds < 2 or len(grid) == 0 or min(grid) <= 0:
        raise DataError(
            f"regressor: inner_folds={inner_folds}, grid {list(grid)}; expected 2 or more folds "
            "and one or more values above 0; change these values"
        )
    if name == "n_neighbors" and max(grid) > rows:
        raise DataError(
            f"knn: k={max(grid)}, but an inner training part has {rows} rows; expected no more "
            "neighbours than rows; choose a smaller k"
        )
    if components is not None and not 1 <= components <= min(rows, features):
        raise DataError(
            f"regressor: {components} components of {features} features in {rows} rows; expected "
            "between 1 and the smaller of both; choose fewer components"
        )
