"""Reads the columns of a CSV file that `benchbench score` needs."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    import _csv

# A file with one bad cell often has thousands.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Columns:
    """Numeric columns and columns of labels, by name, each `[n]`, and where cells are missing."""

    numbers: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.str_]]
    missing: list[str] = field(default_factory=list)


def read_columns(path: Path, numbers: dict[str, str], labels: dict[str, str]) -> Columns:
    """The named columns of the CSV file with a header line at `path`.

    `numbers` and `labels` map each wanted column to the option that asked for it. An empty
    number is NaN and listed in `missing`; no row is dropped. Raises UsageError for a column
    that is not there, and DataError, naming file and line, for a cell that is not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(csv.reader(file), path, numbers, labels)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason}): save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error


def _read(
    rows: _csv.Reader,
    path: Path,
    numbers: dict[str, str],
    labels: dict[str, str],
) -> Columns:
    header = [name.strip() for name in next(rows, [])]
    wanted = numbers | labels
    places = {name: _place(name, option, header, path) for name, option in wanted.items()}
    bad: list[str] = []
    missing: list[str] = []
    values: dict[str, list[float]] = {name: [] for name in numbers}
    texts: dict[str, list[str]] = {name: [] for name in labels}
    for row in rows:
        if not row:
            continue
        where = f"{path}, line {rows.line_num}"
        if len(row) != len(header):
            bad.append(f"{where}: {len(row)} cells where the header has {len(header)}")
            continue
        for name in labels:
            texts[name].append(row[places[name]].strip())
            if not texts[name][-1]:
                bad.append(f"{where}, column '{name}': empty")
        for name in numbers:
            cell = row[places[name]].strip()
            try:
                values[name].append(float(cell) if cell else np.nan)
            except ValueError:
                bad.append(f"{where}, column '{name}': '{cell}' is not a number")
            if not cell:
                missing.append(f"{where}, column '{name}': empty")
    if bad:
        raise DataError(
            "\n".join([*shortened(bad), "correct these cells; only a number may be left empty"])
        )
    return Columns(
        {name: np.array(column, dtype=np.float64) for name, column in values.items()},
        {name: np.array(column, dtype=np.str_) for name, column in texts.items()},
        missing,
    )


def shortened(lines: list[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"and {more} more"]


def _place(name: str, option: str, header: list[str], path: Path) -> int:
    count = header.count(name)
    if count == 1:
        return header.index(name)
    if count:
        raise DataError(f"{path} has {count} columns '{name}': give each a name of its own")
    hint = nearest(name, header)
    columns = ", ".join(header) if header else "none, the file is empty"
    raise UsageError(
        f"{path} has no column '{name}' ({option}); {hint + ' Its' if hint else 'its'} "
        f"columns are: {columns}"
    )
