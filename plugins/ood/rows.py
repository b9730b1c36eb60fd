"""Which rows are trained on, chosen by and tested: balanced, and nothing tested that was seen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchbench import Condition, DataError, nearest, part_rows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ANY = "outliers"
"""The type of all outliers of a table without types."""


@dataclass(slots=True)
class Rows:
    """Row numbers of each part, in an order that does not depend on the table's."""

    outlier: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    types: np.ndarray
    levels: np.ndarray
    conditions: list[Condition]
    tested: np.ndarray
    trained_on: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def inside(self, rows: np.ndarray) -> np.ndarray:
        """Those of the rows that are in distribution."""
        found: np.ndarray = rows[~self.outlier[rows]]
        return found


def arrange(
    table: pd.DataFrame, exposed: str | None, level: int, kinds: Sequence[str], seed: int
) -> Rows:
    """The rows of each part. With ``exposed``, that type at ``level`` is trained on beside what is
    in distribution, and the type is not tested at any level; without, no outlier is trained on.

    Every test set holds as many outliers as in-distribution images; where there are more of one,
    some are drawn. Raises ``DataError`` for a type or level that is not there, an empty part, and
    a tested image or type that was trained on.
    """
    import numpy as np

    outlier = _flags(table)
    groups = table["group"].astype(str).to_numpy()
    by_name = np.argsort(table["image"].to_numpy(str), kind="stable")
    parts = {name: by_name[np.isin(by_name, found)]
             for name, found in part_rows(list(table["split"]), groups).items()}  # fmt: skip
    typed = "distortion" in table and "level" in table
    types = table["distortion"].astype(str).to_numpy() if typed else np.full(len(table), ANY)
    levels = np.array([_level(x) for x in table["level"]] if typed else [""] * len(table))
    _check_types(exposed, kinds, types[outlier])

    def known(rows: np.ndarray) -> np.ndarray:
        shown = (types[rows] == exposed) & (levels[rows] == str(level))
        return rows[~outlier[rows] | shown] if exposed else rows[~outlier[rows]]

    train, validation = known(parts["train"]), known(parts["val"])
    for name, rows in (("train", train), ("val", validation)):
        missing = [word for word, flag in (("in-distribution images", False), ("outliers", True))
                   if (exposed or not flag) and not (outlier[rows] == flag).any()]
        if missing:
            asked = f" of type {exposed!r} at level {level}" if missing == ["outliers"] else ""
            fix = "choose another type or level, or another dataset" if asked else (
                "give a dataset whose split has some, such as parts[source=…], or a larger --limit")
            raise DataError(f"ood: the {name} split has no {missing[0]}{asked}; {fix}")
    test = parts["test"]
    _check_test(test, outlier, types, exposed, kinds)
    asked = np.isin(types, kinds) if kinds else types != exposed
    rows = test[~outlier[test] | asked[test]]
    conditions = balanced(table["image"].to_numpy(str), rows, outlier, types, levels, seed)
    tested = np.unique(np.concatenate([c.rows for c in conditions]))
    seen = set(types[train[outlier[train]]].tolist())
    _check_unseen(table, np.concatenate([train, validation]), tested, seen, conditions)
    notes = [f"{int((~outlier[test]).sum())} in-distribution test images, {len(conditions)} "
             f"balanced test sets of {len(set(c.kind for c in conditions))} types"]
    return Rows(outlier, groups, train, validation, types, levels, conditions, tested,
                sorted(seen), notes)


def _check_test(test: np.ndarray, outlier: np.ndarray, types: np.ndarray, exposed: str | None,
                kinds: Sequence[str]) -> None:
    """There are in-distribution images and outliers of every type that is to be tested."""
    if outlier[test].all():
        raise DataError("ood: the test split has no in-distribution images; add clean rows "
                        "(distorted[…,clean=true])")
    present = set(types[test[outlier[test]]].tolist()) - {exposed}
    lacking = [kind for kind in kinds if kind not in present]
    if lacking:
        raise DataError(f"ood[test={'+'.join(kinds)}]: the test split has no {lacking[0]!r}; take "
                        "it out of test")
    if not present:
        raise DataError("ood: the test split has no outliers of a type that was not trained on; "
                        "choose another dataset, or another type to train on")


def balanced(
    images: np.ndarray, rows: np.ndarray, outlier: np.ndarray, types: np.ndarray,
    levels: np.ndarray, seed: int,
) -> list[Condition]:
    """One test set of each type and level among `rows`, with as many outliers as in-distribution
    images. All but `rows` are columns of one table.

    Of what is too many, the images with the smallest digests are taken, so that the same come out
    of a table that has lost the others: of a cell's own predictions.
    """
    import numpy as np

    inside, outside = rows[~outlier[rows]], rows[outlier[rows]]
    found = []
    for kind, level in sorted({(types[row], levels[row]) for row in outside}):
        own = outside[(types[outside] == kind) & (levels[outside] == level)]
        size = min(len(inside), len(own))
        drawn = [_draw(images, side, size, f"{seed}/{kind}/{level}") for side in (inside, own)]
        found.append(Condition(str(kind), str(level), np.concatenate(drawn)))
    return found


def _draw(images: np.ndarray, rows: np.ndarray, size: int, key: str) -> np.ndarray:
    if len(rows) == size:
        return rows
    digests = [hashlib.sha256(f"{key}/{images[row]}".encode()).digest() for row in rows]
    chosen: np.ndarray = rows[sorted(range(len(rows)), key=digests.__getitem__)[:size]]
    return chosen


def _check_unseen(
    table: pd.DataFrame, learned: np.ndarray, tested: np.ndarray, seen: set[str],
    conditions: Sequence[Condition],
) -> None:
    """No image, no content and no type of outlier is on both sides."""
    import numpy as np

    both = np.intersect1d(learned, tested)
    contents = set(table["group"].astype(str).iloc[learned])
    contents &= set(table["group"].astype(str).iloc[tested])
    kinds = seen & {c.kind for c in conditions}
    found = [*table["image"].iloc[both].head(1), *sorted(contents)[:1], *sorted(kinds)[:1]]
    if found:
        raise DataError(f"ood: {found[0]!r} is trained on and tested; correct the split column")


def _check_types(exposed: str | None, kinds: Sequence[str], types: np.ndarray) -> None:
    present = sorted(set(types.tolist()))
    for kind in [*([exposed] if exposed else []), *kinds]:
        if kind not in present:
            hint = nearest(kind, present) or f"it has {', '.join(present) or 'none'}"
            raise DataError(f"ood: outlier type {kind!r} is not in the dataset; {hint}")


def check_conditions(
    exposed: str | None, level: int, kinds: Sequence[str], conditions: Sequence[str]
) -> None:
    """Refuse a type or level that is not among a dataset's ``distortion/level``."""
    from benchbench import UsageError

    levels: dict[str, list[str]] = {}
    for condition in conditions:
        kind, _, own = condition.rpartition("/")
        levels.setdefault(kind, []).append(_level(own))
    for kind in [*([exposed] if exposed else []), *kinds]:
        if kind not in levels:
            hint = nearest(kind, sorted(levels)) or f"it has {', '.join(sorted(levels))}"
            raise UsageError(f"ood: outlier type {kind!r} is not in the dataset; {hint}")
    if exposed and str(level) not in levels[exposed]:
        raise UsageError(f"ood: {exposed!r} has no level {level}, it has "
                         f"{', '.join(levels[exposed])}; give one of them as level=")


def class_names(table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The labels of `rows` as text. Raises ``DataError`` for a row without one."""
    import numpy as np

    labels = table["label"].iloc[rows]
    bare = labels.isna().to_numpy() | (labels.astype(str).str.strip() == "").to_numpy()
    if bare.any():
        raise DataError(f"ood[by=label]: training image {table['image'].iloc[rows[bare][0]]!r} has "
                        "no label; fit on a labelled set, or leave by=label out")
    names: np.ndarray = np.asarray(labels.astype(str))
    return names


def _flags(table: pd.DataFrame) -> np.ndarray:
    """The column ``outlier`` as booleans."""
    import numpy as np

    words = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    flags = []
    for row, value in enumerate(table["outlier"]):
        word = str(value).strip().lower()
        if word not in words:
            raise DataError(f"ood: row {row + 1}: outlier is {value!r}, expected true or false")
        flags.append(words[word])
    return np.array(flags)


def _level(value: Any) -> str:
    """Levels as text: 1, 1.0 and "01" are one level."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return str(int(number)) if number.is_integer() else str(value)
