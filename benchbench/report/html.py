"""Boards as one self-contained HTML page.

The page needs no network and no server. What a record holds is data in it: the browser gets it as
JSON and shows it as text, and the page's policy lets nothing run but the page's own script. The
same boards give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from benchbench.report.mean_rank import mean_ranks
from benchbench.report.names import backbone_labels, heading
from benchbench.report.scatter import POINTS, Drawing, draw

if TYPE_CHECKING:
    from benchbench.report.board import Board, Estimate, Row

SCATTERS = 1000
"""So many rows of a page carry points at most: the first of each board, as many of every board."""

PLAIN = ("cell", "extractor", "backbone", "seed", "control", "status", "reason", "letters", "rank",
         "n", "n_scored", "images_per_s", "peak_memory_mb", "width", "parameters", "trust", "date",
         "record", "published", "source")


def render(boards: Sequence[Board], processes: int = 1) -> str:
    """The page. Reads the predictions that the rows name; raises nothing for unreadable ones.
    ``processes`` may share the fitting of many curves."""
    from jinja2 import Environment
    from markupsafe import Markup

    css = _part("page.css")
    script = "".join(map(_part, ("charts.js", "page.js", "filter.js")))
    policy = ("default-src 'none'; base-uri 'none'; form-action 'none'; "
              f"script-src {_hash(script)}; style-src {_hash(css)}")
    shell = Environment(autoescape=True, keep_trailing_newline=True).from_string(
        _part("page.html.j2"))
    return shell.render(policy=policy, css=Markup(css), script=Markup(script),
                        data=Markup(_json(_data(boards, processes))))


def _data(boards: Sequence[Board], processes: int) -> dict[str, Any]:
    commands: dict[str, int] = {}
    depth = _depth(boards)
    found = draw([Drawing(board.score_kind, tuple(
        row.predictions for row in filter(_scored, board.rows))[:depth]) for board in boards],
        processes)
    labels, _ = backbone_labels(row.backbone for board in boards for row in board.rows)
    return {"fields": [*PLAIN, "scores", "command", "scatter"], "points": POINTS,
            "boards": [_board(*each, depth, commands)
                       for each in zip(boards, found, strict=True)],
            "labels": {name: label for name, label in labels.items() if name != label},
            "commands": list(commands), "means": _means(boards)}


def _board(
    board: Board, drawn: dict[str, Any], depth: int, commands: dict[str, int]
) -> dict[str, Any]:
    scatters = iter(drawn["scatters"])
    beyond = {"why": f"the page holds the points of a board's first {depth} rows: no scatter"}
    rows = [[*(_small(getattr(row, name)) for name in PLAIN), _scores(board, row),
             commands.setdefault(row.command, len(commands)),
             next(scatters, beyond) if _scored(row) else None] for row in board.rows]
    reasons = {f"{row.extractor} · {row.backbone}: {row.status}: {row.reason}"
               for row in board.rows}  # on the page they stand in the rows
    return {"slug": board.slug, "task": board.task, "dataset": board.dataset, "mode": board.mode,
            "version": board.version, "groups": board.groups, "kind": board.score_kind,
            "metrics": [heading(metric) for metric in board.metrics],
            "lower": [int(any(not row.scores[metric].higher_is_better for row in board.rows
                              if metric in row.scores)) for metric in board.metrics],
            "command": board.command, "about": list(board.about),
            "notes": [note for note in board.notes if note not in reasons],
            "archived": board.archived,
            "points": drawn["points"], "rows": rows}


def _means(boards: Sequence[Board]) -> list[dict[str, Any]]:
    return [{"title": " · ".join(filter(None, (found.task, found.mode))),
             "metric": heading(found.metric), "datasets": list(found.datasets),
             "methods": [[m.extractor, m.backbone, int(m.control), *map(_small, (
                 m.mean, m.low, m.high))] for m in found.methods]}
            for found in mean_ranks(boards)]


def _depth(boards: Sequence[Board]) -> int:
    """The greatest depth at which no more than ``SCATTERS`` rows carry points."""
    sizes = [sum(map(_scored, board.rows)) for board in boards]
    depth = max(sizes, default=0)
    while sum(min(depth, size) for size in sizes) > SCATTERS:
        depth -= 1
    return depth


def _scored(row: Row) -> bool:
    return row.status == "ok" and not row.published


def _scores(board: Board, row: Row) -> list[list[Any] | None]:
    return [_estimate(row.scores[metric]) if metric in row.scores else None
            for metric in board.metrics]


def _estimate(found: Estimate) -> list[Any]:
    return [_small(found.value), _small(found.low), _small(found.high), int(found.reliable),
            found.note]


def _small(value: Any) -> Any:
    """Numbers with six digits, flags as 0 and 1; the rest as it is."""
    if isinstance(value, bool):
        return int(value)
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _json(data: Any) -> str:
    """JSON that ends no script element, whatever it holds."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _part(name: str) -> str:
    return files("benchbench.report").joinpath(name).read_text("utf-8")
