"""Boards as cells of text, the same for a terminal and for Markdown."""

from __future__ import annotations

from benchbench.report.board import Board, Estimate, Row
from benchbench.report.names import backbone_labels, heading


def header(board: Board) -> list[str]:
    """The names of the columns that say how good a method is."""
    names = ["extractor", "backbone", *(["seed"] if several_seeds(board) else [])]
    for place, metric in enumerate(board.metrics):
        names += [heading(metric)] + (["95 % interval"] if place == 0 else [])
    names += [] if board.metrics else ["status"]
    return [*names, *(["ties", "rank"] if ranked(board) else [])]


def rows(board: Board) -> tuple[list[list[str]], list[str]]:
    """A row of text for each of the board's, under `header`, and the notes below the table."""
    labels, legend = backbone_labels(r.backbone for r in board.rows if not r.published)
    sources = {source: f"published [{number}]" for number, source in enumerate(
        dict.fromkeys(row.source for row in board.rows if row.published), 1)}
    seeds, ranks = several_seeds(board), ranked(board)
    made = []
    for row in board.rows:
        backbone = sources[row.source] if row.published else labels[row.backbone]
        cells = [row.extractor + (" (control)" if row.control else ""), backbone]
        if seeds:
            cells.append("" if row.published else str(row.seed))
        cells += _scores(board, row)
        if ranks:
            cells += [row.letters, "–".join(map(str, row.rank or ()))]
        made.append(cells)
    return made, [*legend, *board.notes, *(f"{mark}: {text}" for text, mark in sources.items())]


def several_seeds(board: Board) -> bool:
    return len({row.seed for row in board.rows if not row.published}) > 1


def ranked(board: Board) -> bool:
    return any(row.rank for row in board.rows)


def _scores(board: Board, row: Row) -> list[str]:
    if row.status != "ok":
        return [row.status, *[""] * len(board.metrics)]
    cells = []
    for place, metric in enumerate(board.metrics):
        score = row.scores.get(metric)
        empty = row.published and score is None
        cells.append("" if empty else number(score))
        if place == 0:
            cells.append("" if row.published else interval(score))
    return cells


def number(score: Estimate | None) -> str:
    """Three decimals, or ``undefined``; never a NaN."""
    if score is None or score.value is None:
        return "undefined"
    return f"{score.value:.3f}"


def interval(score: Estimate | None) -> str:
    """``low … high``, ``~`` in front where it is unreliable, ``none`` where there is none."""
    if score is None or score.low is None or score.high is None:
        return "none"
    return f"{'' if score.reliable else '~'}{score.low:.3f} … {score.high:.3f}"
