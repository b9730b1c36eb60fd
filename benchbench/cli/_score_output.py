"""The results of `benchbench score` as a table, as Markdown or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchbench.statistics.estimate import Estimate
from benchbench.statistics.mapping import LogisticFit
from benchbench.statistics.quality import QualityMetrics

HEADINGS = {
    "srocc": "SROCC",
    "krocc": "KROCC",
    "plcc": "PLCC",
    "rmse": "RMSE",
    "plcc_linear": "PLCC lin.",
    "rmse_linear": "RMSE lin.",
    "outlier_ratio": "OR",
}
# With intervals, the others' are in the JSON: a table of all of them is too wide to read.
SHOWN_INTERVALS = ("srocc", "plcc")
Rows = list[list[str]]


@dataclass(slots=True)
class Scores:
    """What was asked and what came out, by prediction."""

    file: str
    target: str
    lower_better: bool
    n: int
    group: str | None
    by_column: str | None
    n_groups: int | None = None
    metrics: dict[str, QualityMetrics] = field(default_factory=dict)
    by: dict[str, dict[str, QualityMetrics]] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)
    rank_interval: dict[str, tuple[int, int]] = field(default_factory=dict)
    comparison_note: str | None = None


def as_json(scores: Scores) -> str:
    """One object. The metrics of one prediction stand at its top, those of several by name."""
    about: dict[str, Any] = {
        "file": scores.file,
        "target": scores.target,
        "lower_better": scores.lower_better,
        "n": scores.n,
        "group": scores.group,
        "n_groups": scores.n_groups,
    }
    entries = {}
    for name, metrics in scores.metrics.items():
        entries[name] = _entry(metrics)
        if scores.by_column:
            rows = scores.by[name].items()
            entries[name]["by"] = {label: {"n": row.n} | _entry(row) for label, row in rows}
        if name in scores.letters:
            entries[name]["letters"] = scores.letters[name]
        if name in scores.rank_interval:
            entries[name]["rank_interval"] = list(scores.rank_interval[name])
    if len(entries) == 1:
        ((name, entry),) = entries.items()
        about |= {"prediction": name} | entry
    else:
        about |= {"predictions": entries, "comparison_note": scores.comparison_note}
    return json.dumps(about, indent=2, allow_nan=False, ensure_ascii=False)


def _entry(metrics: QualityMetrics) -> dict[str, Any]:
    return {
        **{name: _without_none(estimate) for name, estimate in metrics.estimates.items()},
        "mapping": None if metrics.fit is None else _mapping(metrics.fit),
    }


def _without_none(estimate: Estimate) -> dict[str, Any]:
    entry = {key: value for key, value in asdict(estimate).items() if value is not None}
    if estimate.ci95 is None:
        entry.pop("reliable")
    return {"value": estimate.value} | entry


def _mapping(fit: LogisticFit) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "kind": fit.kind,
        "parameters": list(fit.parameters),
        "monotone": fit.monotone,
        "direction": fit.direction,
        "converged": fit.converged,
        "start": fit.start,
        "starts": fit.starts,
        "rmse": fit.rmse,
        "plcc": fit.plcc,
        "note": fit.note,
    }
    return entry if fit.free is None else entry | {"free": _mapping(fit.free)}


def as_table(scores: Scores) -> str:
    """Aligned columns for a terminal."""
    return _document(scores, _aligned, "")


def as_markdown(scores: Scores) -> str:
    """GitHub's tables."""
    return _document(scores, _piped, "- ")


FORMATS: dict[str, Callable[[Scores], str]] = {
    "table": as_table,
    "md": as_markdown,
    "json": as_json,
}


def _document(scores: Scores, table: Callable[[Rows], list[str]], bullet: str) -> str:
    groups = "" if scores.n_groups is None else f", {scores.n_groups} groups ({scores.group})"
    relation = ", falls as predictions rise (--lower-better)" if scores.lower_better else ""
    notes = _Notes()
    lines = [f"{scores.file}: {scores.n} images{groups}, target {scores.target}{relation}", ""]
    lines += table(_overview(scores, notes))
    if scores.by_column:
        for name in scores.metrics:
            rows = scores.by[name]
            lines += ["", f"{name} by {scores.by_column}", ""]
            lines += table(_rows(scores.by_column, rows, notes, with_n=True))
    remarks = [*_remarks(scores), *notes.lines()]
    return "\n".join([*lines, "", *(bullet + remark for remark in remarks)])


def _remarks(scores: Scores) -> list[str]:
    """What must be known to read the tables."""
    found = ["PLCC and RMSE: after a monotone logistic mapping. lin.: without."]
    for name, metrics in scores.metrics.items():
        if metrics.fit and metrics.fit.free and not metrics.fit.free.monotone:
            free = metrics.fit.free
            found.append(
                f"{name}: the best mapping of all turns round, and is not used "
                f"(PLCC {free.plcc:.4f}, RMSE {free.rmse:#.4g})."
            )
    if scores.n_groups is not None:
        found.append("[ ]: 95 % intervals over groups; those of the other metrics with --json.")
    if scores.letters:
        found.append("Methods that share a letter cannot be told apart by SROCC.")
    if scores.comparison_note:
        found.append(scores.comparison_note)
    return found


def _overview(scores: Scores, notes: _Notes) -> Rows:
    """One row a prediction, the best SROCC first, the undefined last."""
    metrics = dict(sorted(scores.metrics.items(), key=_by_srocc))
    rows = _rows("prediction", metrics, notes, with_n=False)
    if scores.letters:
        rows[0] += ["letters", "rank"]
        for row, name in zip(rows[1:], metrics, strict=True):
            low, high = scores.rank_interval.get(name, (0, 0))
            ranks = f"{low}" if low == high else f"{low}–{high}"
            row += [scores.letters.get(name, ""), ranks if low else ""]
    return rows


def _by_srocc(item: tuple[str, QualityMetrics]) -> float:
    value = item[1].estimates["srocc"].value
    return 2.0 if value is None else -value


def _rows(heading: str, metrics: dict[str, QualityMetrics], notes: _Notes, *, with_n: bool) -> Rows:
    keys = [key for key in HEADINGS if any(key in row.estimates for row in metrics.values())]
    rows = [[heading, *(["n"] if with_n else []), *(HEADINGS[key] for key in keys)]]
    for name, row in metrics.items():
        cells = [_cell(row.estimates[key], key, notes) for key in keys]
        rows.append([name, *([str(row.n)] if with_n else []), *cells])
    return rows


def _cell(estimate: Estimate, key: str, notes: _Notes) -> str:
    if estimate.value is None:
        return "–" + notes.mark(estimate.note)
    value = f"{estimate.value:#.4g}" if key.startswith("rmse") else f"{estimate.value:.4f}"
    if estimate.ci95 is not None and key in SHOWN_INTERVALS:
        low, high = estimate.ci95
        value += f" [{low:.3f}, {high:.3f}]"
    return value + notes.mark(estimate.note)


class _Notes:
    """Numbers each different note, for a mark in a cell and a line below the table."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, note: str | None) -> str:
        if note is None:
            return ""
        return f" ({self._numbers.setdefault(note, len(self._numbers) + 1)})"

    def lines(self) -> list[str]:
        return [f"({number}) {note}" for note, number in self._numbers.items()]


def _aligned(rows: Rows) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _piped(rows: Rows) -> list[str]:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]
