"""Boards as Markdown: what a record holds is escaped, it is shown and never interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from benchbench.report import cells
from benchbench.report.board import Board, Row

_MARKUP = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|!~&$@"})
_FACTS = ["scored", "images/s", "peak MB", "width", "parameters", "trust", "date", "record"]


def render(boards: Iterable[Board]) -> str:
    """All boards, one below the other. A row's record holds the command that repeats it."""
    return "\n\n".join(map(_board, boards)) + "\n"


def _board(board: Board) -> str:
    header = [*cells.header(board), *_FACTS]
    found, notes = cells.rows(board)
    rows = [[*map(breakable, row), *_facts(of)]
            for row, of in zip(found, board.rows, strict=True)]
    lines = [f'## {escape(board.title)} <a id="{board.slug}"></a>', "",
             *(f"- {escape(line)}" for line in board.about), "", table(header, rows)]
    if notes:
        lines += ["", *(f"- {escape(note)}" for note in notes)]
    if board.command:
        lines += ["", "Made by:", "", code(board.command)]
    return "\n".join(lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """A table of cells that are escaped already; the first ``left`` columns are text."""
    from tabulate import tabulate

    align = ["left"] * left + ["right"] * (len(header) - left)
    return tabulate(rows, list(map(escape, header)), tablefmt="pipe", colalign=align,
                    disable_numparse=True)


def escape(text: str) -> str:
    text = " ".join(text.split()).translate(_MARKUP)
    # GitHub makes links of bare addresses.
    return text.replace("://", "\\://").replace("www.", "www\\.")


def breakable(text: str) -> str:
    """The text, escaped, with places where a narrow column may break its parameters."""
    return re.sub(r"([,+])(?=\S)", r"\1<wbr>", escape(text))


def code(text: str) -> str:
    """A block of code, whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _facts(row: Row) -> list[str]:
    if row.published:
        return [""] * len(_FACTS)
    link = f"[{escape(row.cell[:8])}]({_address(row.record)})" if row.cell and row.record else (
        escape((row.cell or "")[:8]))
    return [f"{row.n_scored} / {row.n}", _decimal(row.images_per_s), _decimal(row.peak_memory_mb),
            "" if row.width is None else str(row.width),
            f"{row.parameters:,}" if row.parameters else "", escape(row.trust), escape(row.date),
            link]


def _decimal(value: float | None) -> str:
    """Three digits or more, without an exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _address(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/.~-")
