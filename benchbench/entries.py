"""Fills a record from a cell and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchbench.cells import Cell
from benchbench.names import Selector
from benchbench.partial import Present
from benchbench.records import (
    BackboneEntry,
    CostEntry,
    DatasetEntry,
    ExtractorEntry,
    Record,
    ScoreEntry,
    TaskEntry,
)


def cell_record(
    cell: Cell, *, status: Any, reason: str | None, traceback: str | None, cost: CostEntry,
    env: dict[str, Any], attempts: int, command: str, notes: list[str], outcome: Any,
    predictions: str | None, started: str, finished: str,
) -> Record:
    """The record of a cell."""
    facts, lens = cell.source.facts, cell.lens
    part = cell.source.made.part
    tested = set(outcome.outcome.predictions["image"]) if outcome else None
    marks = [mark for name in lens.facts.fitted_on if (mark := fitting_mark(name, cell, tested))]
    return Record(
        cell=cell.id, status=status, reason=reason, traceback=traceback,
        notes=[*marks, *lens.preprocessing.notes, *notes,
               *(outcome.outcome.notes if outcome else [])],
        attempts=attempts, identity=cell.identity,
        dataset=DatasetEntry(
            name=part.name, version=part.version, fingerprint=facts.fingerprint,
            params=_given(cell.source.made.selector, cell.source.made.params),
            limit=cell.source.limit, partial=isinstance(part, Present),
            share_labels=part.share_labels, score_kind=facts.score_kind, n=facts.n,
            n_tested=outcome.n_tested if outcome else 0,
            n_scored=outcome.n_scored if outcome else 0,
            n_official=facts.n_official, groups=facts.groups, notes=list(facts.notes)),
        backbone=BackboneEntry(
            name=lens.made.selector.name,
            params=_given(lens.made.selector, {**lens.made.params, **lens.made.overrides}),
            weights=lens.facts.weights, weights_digest=lens.facts.weights_digest,
            preprocessing=cell.identity["preprocessing"], parameters=lens.facts.parameters,
            fitted_on=list(lens.facts.fitted_on), notes=list(lens.facts.notes)),
        extractor=ExtractorEntry(
            name=cell.extractor.selector.name, version=cell.extractor.part.version,
            params=_given(cell.extractor.selector, cell.extractor.params),
            plugin=cell.extractor.plugin, gives=cell.gives,
            shape=list(cell.feature.shape) if cell.feature else None,
            control=cell.control),
        task=TaskEntry(
            name=cell.task.selector.name, version=cell.task.part.version,
            params=_given(cell.task.selector, cell.task.params),
            metrics=list(cell.task.part.metrics), control=cell.control),
        seed=cell.seed,
        scores={name: ScoreEntry(
            value=score.value, ci95=score.ci95, reliable=score.reliable,
            higher_is_better=score.higher_is_better, mapping=score.mapping, note=score.note)
            for name, score in (outcome.outcome.scores if outcome else {}).items()},
        details=outcome.outcome.details if outcome else {},
        cost=cost, env=env,
        features=f"sha256:{cell.features_key}" if cell.features_key else None,
        predictions=predictions, started=started, finished=finished, command=command,
    )


def fitting_mark(fitted_on: str, cell: Cell, tested: set[str] | None = None) -> str | None:
    """What the record has to say where the dataset that the backbone was fitted on shows pictures
    of this cell's dataset, or where nobody can tell. ``tested`` are the images that were tested, of
    a dataset with a split some; None stands for all."""
    from benchbench.catalogue import make_dataset
    from benchbench.names import parse

    try:
        seen = set(make_dataset(parse(fitted_on)).part.table()["image"])
        table = cell.source.made.part.table()
    except Exception as error:  # a plugin's table may raise anything; the cell's end stays its own
        return (f"whether the backbone was fitted on this dataset's pictures cannot be checked: "
                f"{fitted_on!r} cannot be read ({type(error).__name__})")
    if tested is not None:
        table = table[table["image"].isin(tested)]
    asked = set(table["image"]) | (set(table["reference"]) if "reference" in table else set())
    if not seen & asked:
        return None
    return f"backbone fitted on this dataset's own references ({fitted_on})"


def _given(selector: Selector, params: dict[str, Any]) -> dict[str, Any]:
    """Only the parameters that differ from the bare name: what a reader has to know."""
    return {k: v for k, v in _plain(params).items() if k in selector.params}


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    return {k: v.name if isinstance(v, Path) else v for k, v in params.items()}
