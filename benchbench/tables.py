"""Dataset tables: read, checked, limited, and boiled down to facts that are kept in the store."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import store
from benchbench.errors import DataError
from benchbench.facts import DatasetFacts
from benchbench.identity import ENGINE, digest
from benchbench.interfaces import Dataset, ImageFacts
from benchbench.partial import refuse_missing
from benchbench.registry import Made

if TYPE_CHECKING:
    import pandas as pd

def load_table(dataset: Dataset, limit: int | None = None) -> pd.DataFrame:
    """The checked table; every row has a ``group``: its own, its reference, or itself.

    With ``limit``, that many rows spread evenly over the table. ``table.attrs`` says what the
    scores are: ``score_kind``, ``higher_is_better``, ``std_kind``.
    Raises ``DataError`` that names the row for a missing column, an empty table, an id that is not
    one line of text or stands twice, a reference that has another reference, or a score that is
    not a finite number.
    """
    import numpy as np
    import pandas as pd

    table = dataset.table().reset_index(drop=True)
    sources = dataset.sources()
    where = f"dataset {dataset.name!r}" + (f" ({sources[-1]})" if sources else "")
    if "image" not in table:
        raise DataError(f"{where}: the table has no column 'image', only {list(table.columns)}")
    if table.empty:
        raise DataError(f"{where}: the table has no rows; nothing can be scored")
    for column in ("image", "reference"):
        if column in table:
            _check_ids(list(table[column]), column, where)
    doubled = table.index[table["image"].duplicated()]
    if len(doubled):
        row = int(doubled[0])
        first = int(table.index[table["image"] == table["image"][row]][0])
        raise DataError(f"{where}: image {table['image'][row]!r} stands in rows {first + 1} and "
                        f"{row + 1}; ids must be unique ({len(doubled)} doubled in all)")
    for column in ("score", "score_std"):
        if column in table:
            values = pd.to_numeric(table[column], errors="coerce").to_numpy(float, na_value=np.nan)
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                row = int(bad[0])
                raise DataError(f"{where}: row {row + 1} ({table['image'][row]!r}): {column} is "
                                f"{table[column][row]!r}, expected a finite number "
                                f"({len(bad)} such rows)")
            table[column] = values
    if "reference" in table:
        _check_references(table, where)
    if "group" not in table:
        table["group"] = table["reference"] if "reference" in table else table["image"]
    if table["group"].isna().any():
        row = int(table["group"].isna().to_numpy().argmax())
        raise DataError(f"{where}: row {row + 1} ({table['image'][row]!r}): it has no group; "
                        "fill the group column or leave the column out")
    if limit is not None and limit < len(table):
        keep = np.unique(np.linspace(0, len(table) - 1, limit).round().astype(int))
        table = table.iloc[keep].reset_index(drop=True)
    table.attrs.update(score_kind=dataset.score_kind, std_kind=dataset.std_kind,
                       higher_is_better=dataset.higher_is_better)
    return table


def _check_ids(ids: list[Any], column: str, where: str) -> None:
    for row, image in enumerate(ids, start=1):
        if not isinstance(image, str) or not image or len(image.splitlines()) != 1:
            raise DataError(f"{where}: row {row}: {column} is {image!r}, expected one line of text")


def _check_references(table: pd.DataFrame, where: str) -> None:
    own = dict(zip(table["image"], table["reference"], strict=True))
    for row, reference in enumerate(table["reference"], start=1):
        if own.get(reference, reference) != reference:
            raise DataError(f"{where}: row {row}: reference {reference!r} has a reference of its "
                            f"own, {own[reference]!r}; name the pristine image")


def image_ids(table: pd.DataFrame) -> list[str]:
    """Every image that features are wanted of: the rows, then references that are not rows."""
    rows = list(table["image"])
    if "reference" not in table:
        return rows
    return list(dict.fromkeys([*rows, *table["reference"]]))


def class_labels(table: pd.DataFrame, images: list[str]) -> list[int] | None:
    """The images' class indices, where each of them has a whole number from 0 for a label."""
    import pandas as pd

    if "label" not in table or images != list(table["image"]):
        return None
    values = pd.to_numeric(table["label"], errors="coerce")
    whole = values.ge(0) & values.mod(1).eq(0)
    return [int(value) for value in values] if whole.all() else None


def dataset_facts(made: Made, limit: int | None = None) -> DatasetFacts:
    """The facts of a dataset, from the store while no file behind them has changed."""
    dataset: Dataset = made.part
    key = digest([ENGINE, made.identity, os.environ.get("BENCHBENCH_DATA"), limit])
    kept = store.read_json("datasets", key)
    # An entry that another version wrote may lack a key or hold one more.
    with contextlib.suppress(KeyError, TypeError):
        if kept is not None and all(_stat(Path(file[0])) == file for file in kept["files"]):
            return DatasetFacts.from_json(kept["facts"])
    table = load_table(dataset, limit)
    images = image_ids(table)
    refuse_missing(dataset, table, images)
    found = dict(zip(images, dataset.inspect(images), strict=True))
    facts = _facts(made, table, found)
    files = [*dataset.sources(), *(p for i in images if (p := dataset.path(i)) is not None)]
    entry = {"files": [_stat(Path(p).absolute()) for p in files], "facts": facts.to_json()}
    store.write_json("datasets", key, entry)
    return facts


def _facts(made: Made, table: pd.DataFrame, found: dict[str, ImageFacts]) -> DatasetFacts:
    dataset: Dataset = made.part
    reference = list(table["reference"]) if "reference" in table else [None] * len(table)
    pairs = [[i, found[i].digest, r, found[r].digest if r is not None else None]
             for i, r in zip(table["image"], reference, strict=True)]
    labels = {name: [_plain(v) for v in table[name]] for name in table.columns}
    classes = class_labels(table, image_ids(table))
    meaning = [dataset.score_kind, dataset.higher_is_better, dataset.std_kind]
    return DatasetFacts(
        n=len(table),
        columns=tuple(map(str, table.columns)),
        fingerprint=f"sha256:{digest([pairs, labels, meaning])}",
        images=f"sha256:{digest(pairs)}",
        n_images=len(found),
        groups=int(table["group"].nunique()),
        n_official=dataset.n_official,
        score_kind=dataset.score_kind,
        higher_is_better=dataset.higher_is_better,
        std_kind=dataset.std_kind,
        size=dataset.size,
        notes=tuple(dataset.notes),
        classes=None if classes is None else max(classes) + 1,
        conditions=_conditions(table),
        unequal=_unequal(table, found),
        smallest=min(((name, one.height, one.width) for name, one in found.items()),
                     key=lambda item: min(item[1:])),
    )


def _conditions(table: pd.DataFrame) -> tuple[str, ...]:
    if "distortion" not in table or "level" not in table:
        return ()
    if "outlier" in table:  # clean rows are of no type
        table = table[table["outlier"].astype(str).str.lower().isin(["true", "1", "1.0"])]
    pairs = table[["distortion", "level"]].drop_duplicates()
    return tuple(sorted(f"{kind}/{level}" for kind, level in pairs.itertuples(index=False)))


def _unequal(table: pd.DataFrame, found: dict[str, ImageFacts]) -> str | None:
    if "reference" not in table:
        return None
    for image, reference in zip(table["image"], table["reference"], strict=True):
        a, b = found[image], found[reference]
        if (a.height, a.width) != (b.height, b.width):
            return (f"image {image!r} is {a.height}x{a.width} (height x width), its reference "
                    f"{reference!r} {b.height}x{b.width}")
    return None


def _plain(value: Any) -> Any:
    """A table cell as JSON: NumPy scalars as Python's, missing as null."""
    import pandas as pd

    if hasattr(value, "item"):
        value = value.item()
    return None if pd.isna(value) else value


def _stat(path: Path) -> list[Any]:
    try:
        stat = path.stat()
    except OSError:
        return [str(path), -1, -1, -1]
    return [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
