"""Published figures as rows apart: read from ``published_*.csv`` among the dataset cards.

A file has one figure a line: ``task, dataset, mode, method, metric, value, source``. Figures of one
method from one source are one row, which says that it is published. Nothing here is measured, and
none of it enters a record.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from benchbench.report.board import Estimate, Row


@dataclass(slots=True)
class Published:
    """One method's figures by metric, from one source, for a task's mode on a dataset."""

    task: str
    dataset: str
    mode: str
    method: str
    source: str
    values: dict[str, float] = field(default_factory=dict)


@cache
def published() -> tuple[Published, ...]:
    """All published rows, in the order of their files."""
    found: dict[tuple[str, ...], Published] = {}
    for file in sorted(files("benchbench_datasets").iterdir(), key=lambda entry: entry.name):
        if not (file.name.startswith("published_") and file.name.endswith(".csv")):
            continue
        for line in csv.DictReader(file.read_text("utf-8").splitlines()):
            task, dataset, mode = line["task"], line["dataset"], line["mode"]
            key = task, dataset, mode, line["method"], line["source"]
            found.setdefault(key, Published(*key)).values[line["metric"]] = float(line["value"])
    return tuple(found.values())


def published_rows(task: str, dataset: str, mode: str, metrics: Sequence[str]) -> list[Row]:
    """Rows for a board with these metrics; they have a source, and no cell, interval or tie.

    A method none of whose figures is among the metrics is left out.
    """
    return [
        Row(None, entry.method, "", 0, False, "ok", None,
            {metric: Estimate(value) for metric, value in entry.values.items()
             if metric in metrics},
            published=True, source=entry.source)
        for entry in published()
        if (entry.task, entry.dataset, entry.mode) == (task, dataset, mode)
        and any(metric in entry.values for metric in metrics)
    ]
