"""The files of a leaderboard: written, or held against those that are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchbench.report import csv, text
from benchbench.report.board import Board
from benchbench.report.overview import MARK, pages
from benchbench.store import write_text


def _page(boards: Sequence[Board], processes: int) -> dict[str, str]:
    from benchbench.report import html

    return {"index.html": html.render(boards, processes)}


FORMATS: dict[str, Callable[[Sequence[Board], int], dict[str, str]]] = {
    "md": lambda boards, _: pages(boards),
    "html": _page,
    "csv": lambda boards, _: {"leaderboard.csv": csv.render(boards)},
    "text": lambda boards, _: {"leaderboard.txt": text.render(boards) + "\n"},
}
"""The files that each format stands for."""


def files(boards: Sequence[Board], formats: Sequence[str], processes: int = 1) -> dict[str, str]:
    """The text of every file by its name, in the order of the formats. ``processes`` may share
    the work of a page."""
    return {name: text for form in formats
            for name, text in FORMATS[form](boards, processes).items()}


def write(made: dict[str, str], out: Path) -> None:
    """Write the files. Pages that an earlier report made, of tasks without records now, go."""
    for name, content in made.items():
        write_text(out / name, content)
    for path in _stale(made, out):
        path.unlink()


def differing(made: dict[str, str], out: Path) -> list[str]:
    """What is wrong with the files in ``out``, a line each; empty where all are as they should."""
    lines = []
    for name, content in made.items():
        path = out / name
        if not path.is_file():
            lines.append(f"{path}: missing")
        elif path.read_bytes() != content.encode():
            lines.append(f"{path}: differs from what the records give")
    return lines + [f"{path}: of a task without records" for path in _stale(made, out)]


def _stale(made: dict[str, str], out: Path) -> list[Path]:
    if "README.md" not in made or not out.is_dir():
        return []
    return [path for path in sorted(out.glob("*.md")) if path.name not in made
            and path.read_bytes().startswith(MARK.encode())]
