"""Boards for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from benchbench.report import cells
from benchbench.report.board import Board

WIDTH = 100


def render(boards: Iterable[Board]) -> str:
    return "\n\n".join(map(_render, boards))


def _render(board: Board) -> str:
    from tabulate import tabulate

    header = cells.header(board)
    rows, notes = cells.rows(board)
    align = ["left", "left", *["right"] * (len(header) - 2)]
    body = tabulate(rows, header, tablefmt="simple", colalign=align, disable_numparse=True)
    below = ["", *_wrapped(notes)] if notes else []
    return "\n".join([board.title, *_wrapped(board.about), "", body, *below])


def _wrapped(lines: list[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, WIDTH) or [""]]
