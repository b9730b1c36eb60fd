"""What every regressor takes, checks and returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError
from benchbench.statistics.splits import Split, encode_groups, grouped_folds

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Folds = list[tuple[Rows, Rows]]


@dataclass(frozen=True, slots=True)
class SplitPredictions:
    """What a regressor predicts, split by split.

    `predictions[i]` holds one value a row of `splits[i].test`, in the unit of the target.
    `penalties[i]` is what was chosen inside the training part of split i: the ridge penalty, the C
    of a support-vector regression, the k of nearest neighbours; NaN where nothing is chosen.
    """

    predictions: list[Floats]
    penalties: Floats
    notes: tuple[str, ...] = ()


class Regressor(Protocol):
    """Fits on the training part of each split and predicts its test part."""

    def __call__(
        self, features: ArrayLike, target: ArrayLike, groups: ArrayLike, splits: Sequence[Split]
    ) -> SplitPredictions:
        """Predictions for features `[n, d]` and targets `[n]`; raises DataError for bad input."""
        ...


def checked(
    features: ArrayLike, target: ArrayLike, groups: ArrayLike, splits: Sequence[Split]
) -> tuple[Floats, Floats, Rows]:
    """Features `[n, d]` and targets `[n]` in float64, and group numbers `[n]`.

    Raises DataError when shapes differ, a value is not finite, there is no split, or a split has
    an empty side, a row out of range or a row on both sides.
    """
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    codes = encode_groups(groups)[1]
    if x.ndim != 2 or x.shape[1] == 0 or y.shape != (len(x),) or len(codes) != len(x):
        raise DataError(
            f"regression: features {x.shape}, target {y.shape}, groups ({len(codes)},); "
            "expected [n, d], [n] and [n]; pass columns of one table"
        )
    for name, values in (("features", x), ("target", y)):
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if bad.any():
            raise DataError(
                f"regression: {name} hold NaN or infinite values in {int(bad.sum())} of {len(y)} "
                f"rows, the first is row {int(np.argmax(bad))}; expected finite numbers; "
                "correct the extractor or leave these rows out of the table"
            )
    if not splits:
        raise DataError("regression: no splits; expected one or more; ask for at least one split")
    for number, split in enumerate(splits):
        _check_split(number, split, len(y))
    return x, y, codes


def _check_split(number: int, split: Split, n: int) -> None:
    rows = np.concatenate((split.train, split.test))
    if len(split.train) == 0 or len(split.test) == 0:
        problem = "an empty side"
    elif rows.min() < 0 or rows.max() >= n:
        problem = f"a row outside 0..{n - 1}"
    elif len(np.unique(rows)) != len(rows):
        problem = "a row that stands twice"
    else:
        return
    raise DataError(
        f"split {number}: it has {problem}; expected distinct rows in both parts; "
        "make the splits from the same table as the features"
    )


def inner_folds_of(train: Rows, codes: Rows, inner_folds: int) -> Folds:
    """Grouped folds of a training part as rows of the whole table; none for one group only."""
    n_groups = len(np.unique(codes[train]))
    if n_groups < 2:
        return []
    folds = grouped_folds(codes[train], min(inner_folds, n_groups))
    return [(train[fit], train[held]) for fit, held in folds]


def fold_notes(splits: Sequence[Split], folds: Sequence[Folds], inner_folds: int) -> list[str]:
    """What must be said where a training part has fewer groups than folds were asked for."""
    notes = []
    few = sum(0 < len(found) < inner_folds for found in folds)
    none = sum(not found for found in folds)
    if few:
        notes.append(
            f"{few} of {len(splits)} splits: fewer training groups than {inner_folds}; "
            "one inner fold a group"
        )
    if none:
        notes.append(
            f"{none} of {len(splits)} splits: one training group only; "
            "the middle value of the grid is used, none was chosen"
        )
    return notes
