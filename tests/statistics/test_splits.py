import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, LeaveOneGroupOut

from benchbench.errors import DataError
from benchbench.statistics.splits import (
    group_splits,
    grouped_folds,
    leave_one_group_out,
    official_split,
)

names = st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=60).filter(
    lambda found: len(set(found)) > 1
)


@settings(deadline=None)
@given(
    names,
    st.integers(1, 30),
    st.floats(0.01, 0.99),
    st.integers(0, 5),
)
def test_no_group_is_divided_and_no_row_is_lost(groups, n_splits, share, seed):
    values = np.array(groups)
    splits = group_splits(groups, n_splits=n_splits, test_share=share, seed=seed)
    assert 1 <= len(splits) <= n_splits
    for split in splits:
        assert len(split.train) and len(split.test)
        rows = np.sort(np.concatenate((split.train, split.test)))
        assert np.array_equal(rows, np.arange(len(groups)))
        assert set(values[split.train]) == set(split.train_groups)
        assert set(values[split.test]) == set(split.test_groups)
        assert not set(split.train_groups) & set(split.test_groups)
    assert len({split.test_groups for split in splits}) == len(splits)


@settings(deadline=None)
@given(names, st.integers(0, 5), st.randoms())
def test_splits_depend_on_groups_and_seed_not_on_row_order(groups, seed, random):
    shuffled = list(groups)
    random.shuffle(shuffled)
    one = group_splits(groups, n_splits=7, seed=seed)
    other = group_splits(shuffled, n_splits=7, seed=seed)
    assert [s.test_groups for s in one] == [s.test_groups for s in other]


def test_fewer_distinct_splits_than_asked_for_gives_all_of_them():
    groups = np.repeat(np.arange(7), 3)
    splits = group_splits(groups, n_splits=100)
    assert [s.test_groups for s in splits] == list(itertools.combinations(range(7), 2))


def test_a_shorter_list_begins_a_longer_one_and_seeds_differ():
    groups = np.repeat(np.arange(25), 4)
    ten, hundred = group_splits(groups, n_splits=10), group_splits(groups, n_splits=100)
    assert [s.test_groups for s in ten] == [s.test_groups for s in hundred[:10]]
    other = group_splits(groups, n_splits=10, seed=1)
    assert [s.test_groups for s in ten] != [s.test_groups for s in other]


@pytest.mark.parametrize("n_groups", [2, 3, 5, 15, 25, 29, 81])
def test_the_size_of_the_test_part_is_that_of_scikit_learn(n_groups):
    groups = np.arange(n_groups)
    theirs = GroupShuffleSplit(1, test_size=0.2, random_state=0).split(groups, groups=groups)
    expected = len(next(iter(theirs))[1])
    assert len(group_splits(groups, n_splits=1)[0].test_groups) == expected


@settings(deadline=None)
@given(names, st.integers(2, 6))
def test_grouped_folds_are_those_of_scikit_learn(groups, n_folds):
    if n_folds > len(set(groups)):
        with pytest.raises(DataError, match="ask for fewer folds"):
            grouped_folds(groups, n_folds)
        return
    theirs = GroupKFold(n_folds).split(np.zeros(len(groups)), groups=groups)
    for (train, test), (sk_train, sk_test) in zip(
        grouped_folds(groups, n_folds), theirs, strict=True
    ):
        assert np.array_equal(train, sk_train) and np.array_equal(test, sk_test)


def test_leave_one_group_out_is_that_of_scikit_learn():
    groups = np.array(["c", "a", "b", "a", "c", "b", "a"])
    theirs = LeaveOneGroupOut().split(groups, groups=groups)
    for split, (train, test) in zip(leave_one_group_out(groups), theirs, strict=True):
        assert np.array_equal(split.train, train) and np.array_equal(split.test, test)


def test_official_split_joins_validation_to_training():
    (split,) = official_split(["Train", "val", "test", "TEST "], ["a", "b", "c", "c"])
    assert split.train.tolist() == [0, 1] and split.test.tolist() == [2, 3]
    assert split.train_groups == ("a", "b") and split.test_groups == ("c",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: group_splits(["a", "a"]), r"one group \(a\)"),
        (lambda: leave_one_group_out([1, 1]), "one side would be empty"),
        (lambda: group_splits([]), "at least one row"),
        (lambda: group_splits([1.0, float("nan")]), "NaN"),
        (lambda: group_splits(["a", None]), "None"),
        (lambda: group_splits([1, 2], test_share=1.0), "share between 0 and 1"),
        (lambda: group_splits([1, 2], n_splits=0), "n_splits"),
        (lambda: official_split(["train", "train"]), "the test part is empty"),
        (lambda: official_split(["test"]), "the training part is empty"),
        (lambda: official_split(["train", "tset"]), "'tset'"),
        (lambda: official_split(["train", "test"], ["a", "a"]), "on both sides"),
        (lambda: official_split(["train", "test"], ["a"]), "one group a row"),
    ],
)
def test_what_cannot_be_split_is_said(call, message):
    with pytest.raises(DataError, match=message):
        call()
