"""An adapter for cards: rows from a sheet of an Excel file (``table.adapter``).

``options`` has ``sheet`` (the first where it is left out) and ``header``, the number of the row
that names the columns. A whole number reads as it is shown, so that the image ``1600`` keeps its
name. Needs openpyxl: ``pip install "benchbench-harness[excel]"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchbench import DataError


def rows(root: Path, files: Sequence[Path], options: Mapping[str, Any]) -> list[dict[str, str]]:
    """The cells of each row, as text. ``DataError`` names the file and the sheet."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataError(f"{files[0]}: reading Excel files needs openpyxl; "
                        'pip install "benchbench-harness[excel]"') from error
    try:
        book = load_workbook(files[0], read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets many kinds of errors of a broken file through
        raise DataError(f"{files[0]}: cannot be read as an Excel file ({error}); "
                        "fetch it anew") from error
    try:
        name = options.get("sheet", book.sheetnames[0])
        if name not in book.sheetnames:
            raise DataError(f"{files[0]}: holds no sheet {name!r}, only "
                            f"{', '.join(book.sheetnames)}; fetch the official file")
        first = options.get("header", 1)
        lines = book[name].iter_rows(min_row=first, values_only=True)
        header = [str(cell).strip() if cell is not None else "" for cell in next(lines, ())]
        return [
            {column: _text(cell) for column, cell in zip(header, line, strict=False) if column}
            for line in lines
            if any(cell is not None for cell in line)
        ]
    finally:
        book.close()


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return "" if cell is None else str(cell).strip()
