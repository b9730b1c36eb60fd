"""Which rows a model is fitted on and which it is tested on. Groups are never divided."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.errors import DataError

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of the training and the test part, ascending, and the groups in each."""

    train: Rows
    test: Rows
    train_groups: tuple[Hashable, ...]
    test_groups: tuple[Hashable, ...]


def encode_groups(groups: ArrayLike) -> tuple[NDArray[Any], Rows]:
    """The distinct groups, sorted, and the number of each row's group in that order.

    Raises DataError when `groups` is empty, not one-dimensional or holds NaN.
    """
    values = np.asarray(groups)
    if values.ndim != 1 or values.size == 0:
        raise DataError(
            f"groups: expected one group a row, got shape {values.shape}; "
            "pass one-dimensional groups with at least one row"
        )
    # NaN is the one value that differs from itself.
    if any(value is None or value != value for value in values.tolist()):
        raise DataError(
            "groups: some rows have no group (NaN or None), but every row needs one; "
            "fill the group column"
        )
    if values.dtype == object:
        values = values.astype(str)
    names, codes = np.unique(values, return_inverse=True)
    return names, codes.astype(np.intp)


def _split(names: NDArray[Any], codes: Rows, tested: Sequence[int]) -> Split:
    in_test = np.zeros(len(names), dtype=bool)
    in_test[list(tested)] = True
    row_in_test = in_test[codes]
    return Split(
        np.flatnonzero(~row_in_test),
        np.flatnonzero(row_in_test),
        tuple(names[~in_test].tolist()),
        tuple(names[in_test].tolist()),
    )


def _at_least_two(names: NDArray[Any]) -> None:
    if len(names) < 2:
        raise DataError(
            f"splits: all rows belong to one group ({names[0]}), so that one side would be empty; "
            "use data with two groups or more"
        )


def _draw_groups(n_groups: int, n_test: int, n_splits: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Distinct test sets of groups: all of them where there are no more than asked for."""
    if math.comb(n_groups, n_test) <= n_splits:
        yield from itertools.combinations(range(n_groups), n_test)
        return
    random = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    while len(seen) < n_splits:
        drawn = tuple(sorted(random.permutation(n_groups)[:n_test].tolist()))
        if drawn not in seen:
            seen.add(drawn)
            yield drawn


def group_splits(
    groups: ArrayLike, *, n_splits: int = 100, test_share: float = 0.2, seed: int = 0
) -> list[Split]:
    """Random splits of groups into a training and a test part, no two alike.

    The test part gets `test_share` of the *groups*, rounded up (as scikit-learn's
    GroupShuffleSplit does), at least one and at most all but one. Where fewer than `n_splits`
    distinct splits exist, all of them are returned, each once, in lexicographic order. The splits
    depend on the set of groups and on `seed`, not on the order of the rows; otherwise, the first
    splits of a longer list are those of a shorter one.

    Raises DataError for one group only, and for `n_splits` or `test_share` out of range.
    """
    if n_splits < 1 or not 0.0 < test_share < 1.0:
        raise DataError(
            f"splits: n_splits={n_splits}, test_share={test_share}; expected n_splits of 1 or more "
            "and a share between 0 and 1, both exclusive; change these values"
        )
    names, codes = encode_groups(groups)
    _at_least_two(names)
    # The small term keeps 0.2 of 15 at 3 where binary rounding gives 3.0000000000000004.
    n_test = min(max(math.ceil(test_share * len(names) - 1e-9), 1), len(names) - 1)
    drawn = _draw_groups(len(names), n_test, n_splits, seed)
    return [_split(names, codes, tested) for tested in drawn]


def leave_one_group_out(groups: ArrayLike) -> list[Split]:
    """One split a group, in sorted order: that group is tested, all others are trained on.

    Raises DataError for one group only.
    """
    names, codes = encode_groups(groups)
    _at_least_two(names)
    return [_split(names, codes, [tested]) for tested in range(len(names))]


_TRAIN = frozenset({"train", "training", "val", "valid", "validation"})
_VALIDATION = frozenset({"val", "valid", "validation"})
_TEST = frozenset({"test", "testing"})


def official_split(split_column: Sequence[object], groups: ArrayLike | None = None) -> list[Split]:
    """The split that a dataset's own `split` column declares, as a list of one.

    `train` and `val` rows form the training part, since a penalty is chosen inside it; `test` rows
    the test part. The words are matched without regard to case. Without `groups`, each row is a
    group of its own, named by its number.

    Raises DataError for another word, for an empty side and for a group on both sides.
    """
    words = [str(word).strip().lower() for word in split_column]
    unknown = sorted(set(words) - _TRAIN - _TEST)
    if unknown:
        raise DataError(
            f"split column: {len(unknown)} unknown value(s), the first is '{unknown[0]}'; "
            "expected train, val or test; correct the dataset's split column"
        )
    in_test = np.array([word in _TEST for word in words], dtype=bool)
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    if len(train) == 0 or len(test) == 0:
        side = "test" if len(test) == 0 else "training"
        raise DataError(
            f"split column: the {side} part is empty ({len(words)} rows); expected rows on both "
            "sides; choose another protocol, or rows of both parts"
        )
    names, codes = encode_groups(np.arange(len(words)) if groups is None else groups)
    if len(codes) != len(words):
        raise DataError(
            f"split column: {len(words)} rows, but groups has {len(codes)}; "
            "expected one group a row; pass columns of one table"
        )
    trained, tested = np.unique(codes[train]), np.unique(codes[test])
    both = np.intersect1d(trained, tested)
    if len(both):
        raise DataError(
            f"split column: {len(both)} group(s) stand on both sides, the first is "
            f"'{names[both[0]]}'; expected each group on one side; correct the split column"
        )
    return [Split(train, test, tuple(names[trained].tolist()), tuple(names[tested].tolist()))]


def part_rows(split_column: Sequence[object], groups: ArrayLike) -> dict[str, Rows]:
    """Row numbers of the parts `train`, `val` and `test` that a `split` column declares.

    Where no row says `val`, about every fifth training group takes its place: those whose name's
    SHA-256 is a multiple of five, whichever groups stand beside them, or where none is, the one
    with the smallest. Raises DataError for another word, and for a group that is in test and in
    another part.
    """
    words = [str(word).strip().lower() for word in split_column]
    names = np.asarray(groups).astype(str)
    tested = np.array([word in _TEST for word in words], dtype=bool)
    validation = np.array([word in _VALIDATION for word in words], dtype=bool)
    if tested.any() and not tested.all():
        official_split(split_column, names)
    elif set(words) - _TRAIN - _TEST:
        unknown = sorted(set(words) - _TRAIN - _TEST)
        raise DataError(
            f"split column: {len(unknown)} unknown value(s), the first is '{unknown[0]}'; "
            "expected train, val or test; correct the dataset's split column"
        )
    if not validation.any():
        trained = sorted(set(names[~tested].tolist()), key=_digest)
        drawn = [name for name in trained if _digest(name) % 5 == 0] or trained[:1]
        validation = np.isin(names, drawn)
    return {
        "train": np.flatnonzero(~tested & ~validation),
        "val": np.flatnonzero(validation),
        "test": np.flatnonzero(tested),
    }


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def grouped_folds(groups: ArrayLike, n_folds: int) -> list[tuple[Rows, Rows]]:
    """(train, test) row numbers of each fold, with the folds of scikit-learn's GroupKFold.

    The largest groups are dealt first, each to the fold with the fewest rows so far.
    Raises DataError when there are fewer groups than folds.
    """
    names, codes = encode_groups(groups)
    if not 2 <= n_folds <= len(names):
        raise DataError(
            f"folds: {n_folds} asked for, {len(names)} group(s) present; "
            "expected between 2 folds and one a group; ask for fewer folds"
        )
    sizes = np.bincount(codes)
    fold_of_group = np.zeros(len(names), dtype=np.intp)
    weights = np.zeros(n_folds)
    for group in np.argsort(sizes, kind="stable")[::-1]:
        lightest = int(np.argmin(weights))
        weights[lightest] += sizes[group]
        fold_of_group[group] = lightest
    fold = fold_of_group[codes]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]
