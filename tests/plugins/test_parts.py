"""Splits by group, and the rows of a split."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench import DataError, UsageError, dataset


def test_parts_never_divide_a_group_and_do_not_depend_on_the_order(tmp_path: Path) -> None:
    made = "distorted[source=photographs,with=jpeg+gaussian-blur,levels=1]"
    table = dataset(f"parts[source={made},train=0.5,val=0.25]").table()
    assert table.groupby("group")["split"].nunique().eq(1).all()
    counts = table.groupby("split")["group"].nunique().to_dict()
    assert counts == {"test": 2, "train": 4, "val": 1}
    again = dataset(f"parts[source={made},train=0.5,val=0.25]").table()
    assert table.equals(again)
    other = dataset(f"parts[source={made},train=0.5,val=0.25,seed=1]").table()
    assert not table["split"].equals(other["split"])
    kept = dataset(f"part[source=parts[source={made}],split=train+val]").table()
    assert set(kept["split"]) == {"train", "val"}


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave some groups for testing"):
        dataset("parts[source=photographs,train=0.8,val=0.2]")
    with pytest.raises(DataError, match=r"7 groups .* too few"):
        dataset("parts[source=photographs,train=0.05,val=0.05]").table()
    with pytest.raises(DataError, match="no column 'split'"):
        dataset("part[source=photographs,split=train]").table()
    with pytest.raises(DataError, match="no row of 'parts' has split dev; it has test, train, val"):
        dataset("part[source=parts[source=photographs],split=dev]").table()
