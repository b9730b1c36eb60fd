"""Published figures as rows apart: read from ``published_*.csv`` among the dataset cards.

A file has one figure a line: ``task, dataset, mode, method, metric, value, source``. Figures of one
method from one source are one row, which says that it is published; the source is a note of the
table. Nothing here is measured, and none of it enters a record.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from benchbench.report.names import heading


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


def published_rows(
    task: str, dataset: str, mode: str, metrics: Sequence[str], header: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
    """Rows for a table with this header and these metrics, and a note for each source.

    What published figures lack (a seed, intervals, ties) stays empty. A method none of whose
    figures is among the metrics is left out.
    """
    rows: list[list[str]] = []
    sources: dict[str, str] = {}
    places = {metric: list(header).index(heading(metric)) for metric in metrics}
    for entry in published():
        if (entry.task, entry.dataset, entry.mode) != (task, dataset, mode):
            continue
        if not any(metric in entry.values for metric in metrics):
            continue
        mark = sources.setdefault(entry.source, f"published [{len(sources) + 1}]")
        row = [entry.method, mark, *[""] * (len(header) - 2)]
        for metric, place in places.items():
            row[place] = f"{entry.values[metric]:.3f}" if metric in entry.values else ""
        rows.append(row)
    return rows, [f"{mark}: {source}" for source, mark in sources.items()]
