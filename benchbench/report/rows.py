"""Records as tables of rows: grouped by task, dataset and protocol, best first, controls last."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.report.names import (
    backbone_labels,
    backbone_name,
    extractor_name,
    fitted_on_test,
    heading,
    table_name,
    with_params,
)
from benchbench.report.published import published_rows
from benchbench.report.ranking import Rank, noise, rank

if TYPE_CHECKING:
    from benchbench.records import Record, ScoreEntry


FEWEST_GROUPS = 6
"""Under this many groups the statistics give no interval."""


@dataclass(slots=True)
class Table:
    """One table: a title, lines of explanation, the header and rows of text."""

    title: str
    about: list[str]
    header: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def tables(records: Iterable[Record], predictions: Path | None = None) -> list[Table]:
    """One table a task, dataset and protocol, and of one dataset only the same images and labels
    (not those of another ``--limit``). Every record is in one of them, failed ones too. Letters and
    rank intervals come from the folder of ``predictions``."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(_table_key(record), []).append(record)
    return [_table(key[:3], found, predictions) for key, found in sorted(groups.items())]


def flat(records: Iterable[Record]) -> list[dict[str, Any]]:
    """One flat row a record, for CSV and data frames; the same order as in the tables."""
    rows = []
    for record in sorted(records, key=lambda r: (_table_key(r), _order(r))):
        task, dataset, mode = table_name(record)
        row: dict[str, Any] = {
            "task": task, "mode": mode, "dataset": dataset,
            "score_kind": record.dataset.score_kind, "extractor": extractor_name(record),
            "backbone": with_params(record.backbone.name, record.backbone.params),
            "control": record.extractor.control,
            "seed": record.seed, "status": record.status, "reason": record.reason,
            "fitted_on_test_references": fitted_on_test(record),
            "n": record.dataset.n, "n_scored": record.dataset.n_scored,
            "n_official": record.dataset.n_official, "groups": record.dataset.groups,
        }
        for metric in record.task.metrics:
            score = record.scores.get(metric)
            low, high = score.ci95 if score is not None and score.ci95 else (None, None)
            row |= {metric: score.value if score else None,
                    f"{metric}_low": low, f"{metric}_high": high}
        row |= {"images_per_s": record.cost.images_per_s,
                "peak_memory_mb": record.cost.peak_memory_mb,
                "feature_width": math.prod(record.extractor.shape or []) or None,
                "parameters": record.backbone.parameters, "cell": record.cell}
        rows.append(row)
    return rows


def _table_key(record: Record) -> tuple[Any, ...]:
    return (*table_name(record), -record.dataset.n, record.dataset.fingerprint)


def _table(name: tuple[Any, ...], records: list[Record], predictions: Path | None) -> Table:
    task, dataset, mode = name
    records = sorted(records, key=_order)
    first = records[0]
    metrics = next((r.task.metrics for r in records if r.task.metrics), [])
    about = [_about(first)]
    # The dataset's first note is what nobody may miss; the others are in the records.
    about += first.dataset.notes[:2]
    if any(fitted_on_test(record) for record in records):
        about.append("* the backbone was fitted on this dataset's own reference pictures.")
    several_seeds = len({record.seed for record in records}) > 1
    header = ["extractor", "backbone", *(["seed"] if several_seeds else [])]
    for place, metric in enumerate(metrics):
        header += [heading(metric)] + (["95 % interval"] if place == 0 else [])
    labels, legend = backbone_labels(records)
    rows = [_row(record, labels, metrics, several_seeds) for record in records]
    notes = [*legend, *noise(records)]
    ranks = rank(records, predictions) if predictions is not None else {}
    if ranks:
        header += ["ties", "rank"]
        for row, record in zip(rows, records, strict=True):
            row += _rank(ranks.get(record.cell))
        notes.append("ties: rows that share a letter cannot be told apart (95 %, all pairs "
                     "together); rank: where the row may stand.")
    if any(s.ci95 and not s.reliable for r in records for s in r.scores.values()):
        notes.append("~ interval from fewer than 20 groups: unreliable, no ranking is claimed.")
    if first.dataset.groups < FEWEST_GROUPS and any(r.status == "ok" for r in records):
        notes.append(f"No intervals: they need {FEWEST_GROUPS} groups or more.")
    notes += [f"{extractor_name(r)} · {backbone_name(r)}: {r.status}: {r.reason}"
              for r in records if r.status != "ok"]
    mode_given = str(first.task.params.get("mode", ""))
    apart, sources = published_rows(first.task.name, dataset, mode_given, metrics, header)
    rows, notes = [*rows, *apart], [*notes, *sources]
    return Table(f"{task} · {dataset}{f' · {mode}' if mode else ''}", about, header, rows, notes)


def _about(record: Record) -> str:
    d = record.dataset
    coverage = f" of {d.n_official} official" if d.n_official else ""
    kind = f", scores: {d.score_kind}" if d.score_kind else ""
    return f"{d.n} images{coverage}, {d.groups} groups{kind}"


def _row(
    record: Record, labels: dict[str, str], metrics: Sequence[str], several_seeds: bool
) -> list[str]:
    name = extractor_name(record) + (" (control)" if record.extractor.control else "")
    row = [name, labels[backbone_name(record)], *([str(record.seed)] if several_seeds else [])]
    if record.status != "ok":
        return [*row, record.status, *[""] * len(metrics)]
    for place, metric in enumerate(metrics):
        score = record.scores.get(metric)
        row += [number(score)] + ([interval(score)] if place == 0 else [])
    return row


def _rank(found: Rank | None) -> list[str]:
    return ["", ""] if found is None else [found.letters, f"{found.lowest}–{found.highest}"]


def number(score: ScoreEntry | None) -> str:
    """Three decimals, or ``undefined``; never a NaN."""
    if score is None or score.value is None:
        return "undefined"
    return f"{score.value:.3f}"


def interval(score: ScoreEntry | None) -> str:
    """``low … high``, ``~`` in front where it is unreliable, ``none`` where there is none."""
    if score is None or score.ci95 is None:
        return "none"
    return f"{'' if score.reliable else '~'}{score.ci95[0]:.3f} … {score.ci95[1]:.3f}"


def _order(record: Record) -> tuple[Any, ...]:
    """Methods before controls, ok before failed, best first; then by name, so that the order does
    not depend on the order of files."""
    primary = record.scores.get(record.task.metrics[0]) if record.task.metrics else None
    value = primary.value if primary is not None else None
    sign = -1 if primary is None or primary.higher_is_better else 1
    return (record.extractor.control, record.status != "ok", value is None,
            sign * value if value is not None else 0.0,
            extractor_name(record), backbone_name(record), record.seed, record.cell)
