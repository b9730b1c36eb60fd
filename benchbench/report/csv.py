"""Boards as CSV: one flat row a record."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from benchbench.report.board import Board, Row

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Where a text begins with one of these, spreadsheets take it for a formula."""


def flat(boards: Iterable[Board]) -> list[dict[str, Any]]:
    """One flat row a record, for CSV and data frames; the same order as in the tables."""
    return [_flat(board, row) for board in boards for row in board.rows if not row.published]


def render(boards: Iterable[Board]) -> str:
    """One row a record. Text that a spreadsheet would calculate gets a ``'`` in front."""
    rows = flat(boards)
    header = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(map(_harmless, header)), restval="",
                            lineterminator="\n")
    writer.writeheader()
    writer.writerows({_harmless(k): _harmless(v) for k, v in row.items()} for row in rows)
    return stream.getvalue()


def _flat(board: Board, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": board.task, "mode": board.mode, "dataset": board.dataset,
        "score_kind": board.score_kind, "extractor": row.extractor,
        "backbone": row.backbone.rstrip("*"), "control": row.control, "seed": row.seed,
        "status": row.status, "reason": row.reason,
        "fitted_on_test_references": row.backbone.endswith("*"),
        "n": board.n, "n_tested": row.n, "n_scored": row.n_scored,
        "n_official": board.n_official, "groups": board.groups,
    }
    for metric in board.metrics:
        score = row.scores.get(metric)
        found |= {metric: score.value if score else None,
                  f"{metric}_low": score.low if score else None,
                  f"{metric}_high": score.high if score else None}
    low, high = row.rank or (None, None)
    return found | {
        "ties": row.letters, "rank_low": low, "rank_high": high,
        "images_per_s": row.images_per_s, "peak_memory_mb": row.peak_memory_mb,
        "feature_width": row.width, "parameters": row.parameters, "task_version": board.version,
        "archived": board.archived, "trust": row.trust, "date": row.date, "record": row.record,
        "command": row.command, "cell": row.cell,
    }


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = f"'{value}" if value.startswith(FORMULA) else value
    return value.replace("\r", "\n")  # an old line end that the writer would not quote
