"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.report.rows import Table, tables

if TYPE_CHECKING:
    from benchbench.records import Record

_MARKUP = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|!"})


def render(records: Iterable[Record], predictions: Path | None = None) -> str:
    """A Markdown page. What a record holds is escaped: it is shown, never interpreted."""
    return "\n\n".join(map(_render, tables(records, predictions))) + "\n"


def _render(table: Table) -> str:
    from tabulate import tabulate

    align = ["left", "left", *["right"] * (len(table.header) - 2)]
    rows = [[escape(cell) for cell in row] for row in table.rows]
    header = [escape(cell) for cell in table.header]
    body = tabulate(rows, header, tablefmt="pipe", colalign=align, disable_numparse=True)
    lines = [f"## {escape(table.title)}", "", *map(escape, table.about), "", body]
    if table.notes:
        lines += ["", *(f"- {escape(note)}" for note in table.notes)]
    return "\n".join(lines)


def escape(text: str) -> str:
    return " ".join(text.split()).translate(_MARKUP)
