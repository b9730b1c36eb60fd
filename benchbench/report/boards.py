"""Boards from records: which rows stand together, in which order, and what is past."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchbench.identity import canonical, digest
from benchbench.records import Record
from benchbench.repeat import command, selection, words
from benchbench.report.board import Board, Estimate, Row
from benchbench.report.names import (
    backbone_name,
    extractor_name,
    fitted_on_test,
    slug,
    table_name,
)
from benchbench.report.published import published_rows
from benchbench.report.ranking import Ranks, noise, rank
from benchbench.report.results import Entry

FEWEST_GROUPS = 6
"""Under this many groups the statistics give no interval."""
LONGEST_SLUG = 60
"""Characters of a table's anchor, before its digest."""
VERSIONS = ("engine", "version", "code", "weights")
"""Parts of an identity that change while a method stays the same."""


def boards(
    entries: Iterable[Entry], out: Path | None = None, processes: int = 1
) -> list[Board]:
    """One board a task, dataset, protocol, version and set of images; archived ones last.

    Every record is in one of them, failed ones too. On archived boards stand older versions of a
    task, and rows of whose method there is a later record on the same board. ``out`` is the folder
    that paths of records are relative to. ``processes`` may share the work of ranking many boards.
    """
    tables: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in entries:
        tables.setdefault(_key(entry.record), []).append(entry)
    newest: dict[str, tuple[Any, ...]] = {}
    for found in tables.values():
        task = found[0].record.task
        newest[task.name] = max(newest.get(task.name, ()), _version(task.version))
    standing, past = [], []
    for key, found in sorted(tables.items(), key=lambda item: _sortable(item[0])):
        current, superseded = _superseded(found)
        standing.append((key, current))
        if superseded:
            past.append((key, superseded))
    ranks = rank([found for _, found in standing], processes)
    made = []
    for (key, found), ranked in zip(standing, ranks, strict=True):
        board = _board(key, found, ranked, out)
        latest = newest[found[0].record.task.name]
        if _version(board.version) < latest:
            board.archived = True
            board.about.append(f"Version {board.version} of the task: a newer one gives other "
                               "scores.")
        else:
            board.rows += published_rows(found[0].record.task.name, found[0].record.dataset.name,
                                         str(found[0].record.task.params.get("mode", "")),
                                         board.metrics)
        made.append(board)
    for key, found in past:
        board = _board(key, found, Ranks({}), out)
        board.slug += "-superseded"
        board.about.append("Superseded: there is a later record of each of these methods.")
        board.archived = True
        made.append(board)
    return sorted(made, key=lambda board: board.archived)


def estimate(entry: Any) -> Estimate:
    """A record's score as an estimate."""
    low, high = entry.ci95 or (None, None)
    return Estimate(entry.value, low, high, entry.reliable, entry.note, entry.higher_is_better)


def _key(record: Record) -> tuple[Any, ...]:
    return (*table_name(record), record.task.version, -record.dataset.n,
            record.dataset.fingerprint)


def _sortable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    *names, version, size, fingerprint = key
    return (*names, tuple((-each[0], -each[1], each[2]) for each in _version(version)), size,
            fingerprint)


def _version(text: str) -> tuple[Any, ...]:
    """Numbers in a version are compared as numbers: 10 comes after 9."""
    return tuple((int(part.isdecimal()), int(part) if part.isdecimal() else 0, part)
                 for part in re.findall(r"[0-9]+|[^0-9.]+", text))


def _superseded(found: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The entries that stand, and those of whose method a record was finished later.

    A later failure supersedes no record that is ok, and what has no date supersedes nothing.
    """
    methods: dict[str, list[Entry]] = {}
    for entry in found:
        methods.setdefault(_method(entry.record), []).append(entry)
    past = set()
    for same in methods.values():
        for old in same:
            if any(old.record.finished and new.record.finished
                   and new.record.finished > old.record.finished
                   and (new.record.status == "ok" or old.record.status != "ok") for new in same):
                past.add(old.record.cell)
    return ([e for e in found if e.record.cell not in past],
            [e for e in found if e.record.cell in past])


def _method(record: Record) -> str:
    """What a method is, whatever its code: its names, parameters, preprocessing and seed."""
    return canonical([
        record.extractor.name, record.extractor.params, record.backbone.name,
        record.backbone.params, record.task.params, record.seed, _bare(record.identity)])


def _bare(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: each if key == "params" else _bare(each)
                for key, each in part.items() if key not in VERSIONS}
    return [_bare(each) for each in part] if isinstance(part, list) else part


def _board(
    key: tuple[Any, ...], entries: list[Entry], ranks: Ranks, out: Path | None
) -> Board:
    task, dataset, mode, version = key[:4]
    entries = sorted(entries, key=lambda entry: _order(entry.record))
    records = [entry.record for entry in entries]
    first = records[0].dataset
    metrics = next((r.task.metrics for r in records if r.task.metrics), [])
    anchor = slug(f"{task} {dataset} {mode}")[:LONGEST_SLUG].rstrip("-")
    return Board(
        f"{anchor}-{digest(list(map(str, key)))[:6]}", task, dataset, mode, version,
        first.score_kind, tuple(metrics), _about(records), _notes(records, ranks),
        [_row(entry, ranks, out) for entry in entries],
        page=_page(records[0].task.name), command=_command(records), n=first.n,
        n_official=first.n_official, groups=first.groups)


def _page(task: str) -> str:
    name = slug(task)
    return f"task-{name}.md" if name in ("readme", "archive") else f"{name}.md"


def _about(records: Sequence[Record]) -> list[str]:
    d = records[0].dataset
    coverage = f" of {d.n_official} official" if d.n_official else ""
    kind = f", scores: {d.score_kind}" if d.score_kind else ""
    # The dataset's first note is what nobody may miss; the others are in the records.
    about = [f"{d.n} images{coverage}, {d.groups} groups{kind}", *d.notes[:2]]
    if any(map(fitted_on_test, records)):
        about.append("* the backbone was fitted on this dataset's own reference pictures.")
    return about


def _notes(records: Sequence[Record], ranks: Ranks) -> list[str]:
    notes = [*noise(records), *ranks.notes]
    if ranks.by_cell:
        notes.append("ties: rows that share a letter cannot be told apart (95 %, all pairs "
                     "together); rank: where the row may stand.")
    if any(s.ci95 and not s.reliable for r in records for s in r.scores.values()):
        notes.append("~ interval from fewer than 20 groups: unreliable, no ranking is claimed.")
    if records[0].dataset.groups < FEWEST_GROUPS and any(r.status == "ok" for r in records):
        notes.append(f"No intervals: they need {FEWEST_GROUPS} groups or more.")
    return notes + [f"{extractor_name(r)} · {backbone_name(r)}: {r.status}: {r.reason}"
                    for r in records if r.status != "ok"]


def _row(entry: Entry, ranks: Ranks, out: Path | None) -> Row:
    record = entry.record
    shape = record.extractor.shape or []
    width = 1
    for size in shape:
        width *= size
    found = ranks.by_cell.get(record.cell)
    return Row(
        record.cell, extractor_name(record), backbone_name(record), record.seed,
        record.extractor.control, record.status, record.reason,
        {name: estimate(score) for name, score in record.scores.items()},
        found.letters if found else "", (found.lowest, found.highest) if found else None,
        record.dataset.n_tested or record.dataset.n, record.dataset.n_scored,
        record.cost.images_per_s, record.cost.peak_memory_mb, width if shape else None,
        record.backbone.parameters, entry.trust, (record.finished or "")[:10],
        _relative(entry.path, out), command(record), predictions=entry.predictions)


def _relative(path: Path, out: Path | None) -> str:
    """From ``out``, with slashes; empty where it has no way there."""
    try:
        return Path(os.path.relpath(path, out)).as_posix() if out is not None else ""
    except ValueError:  # another drive
        return ""


def _command(records: Sequence[Record]) -> str:
    """One command that makes the table: all its features and backbones, with the controls. Where
    precisions differ, one a line."""
    methods = [r for r in records if not r.extractor.control and not r.task.control] or records
    asked: dict[str, list[Any]] = {}
    for record in methods:
        one = selection(record)
        asked.setdefault(one.precision, []).append(one)
    lines = []
    for _, found in sorted(asked.items()):
        names = [sorted({getattr(one, part) for one in found})
                 for part in ("features", "task", "dataset", "backbone")]
        features, task, dataset, backbone = names
        seeds = sorted({seed for one in found for seed in one.seeds})
        lines.append(words(replace(
            found[0], features=",".join(features), task=",".join(task), dataset=",".join(dataset),
            backbone=",".join([b for b in backbone if b != "none"] or backbone),
            seeds=tuple(seeds), controls=True)))
    return "\n".join(lines)


def _order(record: Record) -> tuple[Any, ...]:
    """Methods before controls, ok before failed, best first; then by name, so that the order does
    not depend on the order of files."""
    primary = record.scores.get(record.task.metrics[0]) if record.task.metrics else None
    value = primary.value if primary is not None else None
    sign = -1 if primary is None or primary.higher_is_better else 1
    return (record.extractor.control, record.status != "ok", value is None,
            sign * value if value is not None else 0.0,
            extractor_name(record), backbone_name(record), record.seed, record.cell)
