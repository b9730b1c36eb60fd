"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchbench.report.rows import Table, tables

if TYPE_CHECKING:
    from benchbench.records import Record


def render(records: Iterable[Record]) -> str:
    return "\n\n".join(map(_render, tables(records)))


def _render(table: Table) -> str:
    from tabulate import tabulate

    align = ["left", "left", *["right"] * (len(table.header) - 2)]
    body = tabulate(table.rows, table.header, tablefmt="simple", colalign=align,
                    disable_numparse=True)
    return "\n".join([table.title, *table.about, "", body, *table.notes])
