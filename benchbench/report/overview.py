"""The pages of a leaderboard: an overview, one a task, and the archive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from benchbench.report.board import Board, Row
from benchbench.report.cells import interval, number
from benchbench.report.markdown import breakable, code, escape, render, table
from benchbench.report.mean_rank import MeanRanks, mean_ranks
from benchbench.report.names import heading

MARK = "<!-- made by `benchbench report`: changes here are lost -->\n\n"
"""How a page begins."""
NAMED = 3
"""So many rows that cannot be told apart from the first are named."""
INTRODUCTION = """\
The first row of each table, controls apart. No mean is taken over datasets. Every row of the task
pages links to its record, which holds the command that repeats it. Commands name files of weights
without their folders."""
PAST = """\
Older versions of tasks, and rows of whose method there is a later record. They are never ranked
with rows of the other pages."""


def pages(boards: Sequence[Board]) -> dict[str, str]:
    """Text by file name: ``README.md``, one page a task, ``archive.md``."""
    standing = [board for board in boards if not board.archived]
    past = [board for board in boards if board.archived]
    found = {"README.md": overview(standing, bool(past))}
    for page in sorted({board.page for board in standing}):
        own = [board for board in standing if board.page == page]
        found[page] = f"# {escape(own[0].task.partition('[')[0])}\n\n{render(own)}"
    found["archive.md"] = f"# Archive\n\n{PAST}\n\n" + (
        render(past) if past else "Nothing is archived.\n")
    return {name: MARK + text for name, text in found.items()}


def overview(boards: Sequence[Board], archive: bool = False) -> str:
    """What stands first in each table, and how each is made."""
    rows = [_line(board) for board in boards]
    header = ["task", "dataset", "first row", "score", "95 % interval", "cannot be told apart from",
              "rows", "newest"]
    parts = ["# Leaderboard", INTRODUCTION, table(header, rows, 3) if rows else "No records yet."]
    parts += [part for found in mean_ranks(boards) for part in _mean(found)]
    parts += ["## How to make each table"]
    for board in boards:
        parts += [f"{escape(board.title)}:", code(board.command)]
    parts += ["These pages, from the records:",
              code("benchbench report leaderboard/results --format md,html,csv --out leaderboard")]
    if archive:
        parts += ["Older versions and superseded rows: [archive](archive.md)."]
    return "\n\n".join(parts) + "\n"


def _line(board: Board) -> list[str]:
    own = [row for row in board.rows if not row.published]
    link = f"[{breakable(_protocol(board))}]({board.page}#{board.slug})"
    newest = escape(max((row.date for row in own), default=""))
    best = first(board)
    if best is None:
        return [link, breakable(board.dataset), "none scored", "", "", "", str(len(own)), newest]
    metric = board.metrics[0]
    score = best.scores[metric]
    return [link, breakable(board.dataset), breakable(_method(best)),
            escape(f"{heading(metric)} {number(score)}"), escape(interval(score)),
            breakable(_apart(board, best)), str(len(own)), newest]


def first(board: Board) -> Row | None:
    """The first row that is no control and has a value of the primary metric."""
    return next((row for row in board.rows if _value(board, row) is not None
                 and not row.control and not row.published), None)


def _apart(board: Board, best: Row) -> str:
    """The rows that share a letter with the first; or why that cannot be said."""
    above = [row for row in board.rows if row.control and _better(board, row, best)]
    said = f"; the control {_method(above[0])} stands above it" if above else ""
    if not best.letters:
        few = board.groups < 20
        return ("no ranking is claimed" + (f": {board.groups} groups" if few else "")) + said
    others = [_method(row) + (" (control)" if row.control else "") for row in board.rows
              if row is not best and set(_letters(row)) & set(_letters(best))]
    more = len(others) - NAMED
    named = ", ".join(others[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return (named or "none: it stands alone") + said


def _letters(row: Row) -> list[str]:
    """A letter may carry a number: ``ab1`` are a and b1."""
    return re.findall(r"[A-Za-z][0-9]*", row.letters)


def _better(board: Board, row: Row, than: Row) -> bool:
    value, other = _value(board, row), _value(board, than)
    if value is None or other is None:
        return False
    rising = than.scores[board.metrics[0]].higher_is_better
    return value > other if rising else value < other


def _value(board: Board, row: Row) -> float | None:
    score = row.scores.get(board.metrics[0]) if board.metrics and row.status == "ok" else None
    return score.value if score is not None else None


def _method(row: Row) -> str:
    """The backbone by its bare name: its parameters stand on the page of the task."""
    mark = "*" if row.backbone.endswith("*") else ""
    return f"{row.extractor} · {row.backbone.partition('[')[0].rstrip('*')}{mark}"


def _protocol(board: Board) -> str:
    return " · ".join(filter(None, (board.task, board.mode)))


def _mean(found: MeanRanks) -> Iterable[str]:
    n = len(found.datasets)
    protocol = " · ".join(filter(None, (found.task, found.mode)))
    yield f"## Mean rank over {n} tables: {escape(protocol)}"
    yield escape(
        f"By {heading(found.metric)}, among the {len(found.methods)} methods that have a value in "
        f"each of {', '.join(found.datasets)}. The interval is over resampled tables: {n} tables "
        "are few.")
    yield table(["extractor", "backbone", "mean rank", "95 % interval"], [
        [breakable(m.extractor + (" (control)" if m.control else "")), breakable(m.backbone),
         f"{m.mean:.2f}", f"{m.low:.2f} … {m.high:.2f}"] for m in found.methods])
