"""The rows that a card's table comes from, each with the place where it stands."""

from __future__ import annotations

import csv
import importlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TextIO

from benchbench.cards.files import Wanted, walk, whole
from benchbench.cards.schema import TableCard
from benchbench.errors import DataError, nearest


class Row(NamedTuple):
    """One row: the file it stands in, its line or entry there (0 for a file of its own), its cells
    by name."""

    file: Path
    line: int
    cells: dict[str, str]
    unit: str = "line"

    @property
    def place(self) -> str:
        return f"{self.file}, {self.unit} {self.line}" if self.line else str(self.file)


def table_files(root: Path, table: TableCard) -> list[Path]:
    """The score table's files, in order."""
    return [file for name in table.file for file in files_of(root, name)]


def files_of(root: Path, name: str) -> list[Path]:
    """The file of that name; one with ``*`` stands for every file that matches."""
    return sorted(root.glob(name)) if "*" in name else [root / name]


def read_rows(root: Path, table: TableCard, wanted: Wanted) -> list[Row]:
    """Every row, before anything is left out. Raises ``DataError`` with file and line."""
    if table.adapter is not None:
        rows = _adapted(root, table, wanted)
    elif table.file:
        rows = [row for file in table_files(root, table) for row in _of_text(file, table)]
    else:
        return _of_files(root, table, wanted)
    if table.grid:
        _number(rows, table.grid)
    for column, name in table.also.items():
        if (root / name).is_file():
            _join(rows, column, root / name)
    for column, known in table.terms.items():
        for row in rows:
            row.cells[column] = _term(row, column, known)
    return rows


def adapter(name: str) -> ModuleType:
    """The adapter's module: ``rows(root, files, options)`` gives the cells of each row, and where
    images are no files of their own, ``load(root, image, options)`` gives one's pixels."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"adapter {name} cannot be imported ({error}); install what it needs or "
                        "correct the card's table.adapter") from error


def _adapted(root: Path, table: TableCard, wanted: Wanted) -> list[Row]:
    files = table_files(root, table)
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise DataError(f"{missing[0]}: no such file; put it there")
    assert table.adapter is not None
    given = adapter(table.adapter).rows(root, files, table.options)
    return [Row(files[0], number, cells, "entry") for number, cells in enumerate(given, start=1)
            if all(asked(cells[name]) for name, asked in wanted.items() if name in cells)]


def _of_files(root: Path, table: TableCard, wanted: Wanted) -> list[Row]:
    """The files that match a pattern, each once."""
    found: dict[str, Row] = {}
    for pattern in table.pattern:
        for path, groups in walk(root, pattern, wanted):
            found.setdefault(path, Row(root / path, 0, {**groups, "path": path}))
    return list(found.values())


def _of_text(file: Path, table: TableCard) -> list[Row]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as handle:
            read = _blanks if table.delimiter == " " else _delimited
            return list(read(handle, file, table))
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; put it there") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text ({error.reason} at byte {error.start}); "
                        "save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{file}: cannot be read as CSV ({error})") from error


def _delimited(handle: TextIO, file: Path, table: TableCard) -> Iterator[Row]:
    reader = csv.reader(handle, delimiter=table.delimiter, skipinitialspace=True)
    header = list(table.header) or next(reader, [])
    _check_header(header, file, table)
    for cells in reader:
        if cells:
            yield _row(file, reader.line_num, header, cells)


def _blanks(handle: TextIO, file: Path, table: TableCard) -> Iterator[Row]:
    _check_header(list(table.header), file, table)
    for line, text in enumerate(handle, start=1):
        if cells := text.split():
            yield _row(file, line, list(table.header), cells)


def _row(file: Path, line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise DataError(f"{file}, line {line}: expected {len(header)} cells, got {len(cells)}")
    named = dict(zip(header, cells, strict=True))
    named.setdefault("table_file", file.stem)
    return Row(file, line, named)


def _check_header(header: list[str], file: Path, table: TableCard) -> None:
    """Columns that are neither in the header nor a group of the pattern are refused."""
    other = {*table.also, *table.grid, "table_file", *groups_of(table)}
    for role, column in table.columns.model_dump(exclude_none=True).items():
        if "{" in column or column in other:
            continue
        if header.count(column) != 1:
            said = "stands twice" if column in header else "is missing"
            raise DataError(f"{file}, line 1: the card's column {column!r} for {role} {said}; "
                            f"the header has {', '.join(header) or 'nothing'}")


def groups_of(table: TableCard) -> set[str]:
    """The names that the patterns give values to."""
    return {name for pattern in table.pattern for name in whole(pattern).groupindex}


def _join(rows: list[Row], column: str, file: Path) -> None:
    """One value a line, in the order of the rows."""
    values = file.read_text(encoding="utf-8-sig").split()
    if len(values) != len(rows):
        raise DataError(f"{file}: {len(values)} values for {len(rows)} rows; it has to hold one a "
                        "line, in the same order")
    for row, value in zip(rows, values, strict=True):
        row.cells[column] = value


def _number(rows: list[Row], grid: Mapping[str, tuple[int, int]]) -> None:
    """Each row's place in the grid, two digits, the last counter running fastest."""
    ranges = [range(first, last + 1) for first, last in grid.values()]
    places = list(itertools.product(*ranges))
    if len(places) != len(rows):
        raise DataError(f"{rows[0].file if rows else 'table'}: {len(rows)} rows, expected "
                        f"{len(places)}; fetch it anew")
    for row, place in zip(rows, places, strict=True):
        row.cells.update({name: f"{i:02}" for name, i in zip(grid, place, strict=True)})


def _term(row: Row, column: str, known: Mapping[str, str]) -> str:
    text = row.cells.get(column, "")
    if text not in known:
        raise DataError(f"{row.place}: {column} is {text!r}, which the card does not know; "
                        f"{nearest(text, known) or 'known: ' + ', '.join(known)}")
    return known[text]
