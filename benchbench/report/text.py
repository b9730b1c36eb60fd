"""Tables for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.report.rows import Table, tables

if TYPE_CHECKING:
    from benchbench.records import Record

WIDTH = 100


def render(records: Iterable[Record], predictions: Path | None = None) -> str:
    return "\n\n".join(map(_render, tables(records, predictions)))


def _render(table: Table) -> str:
    from tabulate import tabulate

    align = ["left", "left", *["right"] * (len(table.header) - 2)]
    body = tabulate(table.rows, table.header, tablefmt="simple", colalign=align,
                    disable_numparse=True)
    notes = ["", *_wrapped(table.notes)] if table.notes else []
    return "\n".join([table.title, *_wrapped(table.about), "", body, *notes])


def _wrapped(lines: list[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, WIDTH) or [""]]
