"""How a record's cell is run again: its selection, rebuilt from the names and parameters that the
record holds. The command that it was run with is never taken apart or executed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from benchbench.cells import Selection
from benchbench.names import Selector
from benchbench.records import Record


def selection(record: Record) -> Selection:
    """The selection of this one cell. A parameter that is a file is there by its name alone."""
    data, model = record.dataset, record.backbone
    return Selection(
        features=name(record.extractor.name, record.extractor.params),
        task=name(record.task.name, record.task.params),
        dataset=name(data.name, data.params), backbone=name(model.name, model.params),
        seeds=(record.seed,), limit=data.limit, allow_partial=data.partial, controls=False,
        precision=str(record.identity.get("precision", "float32")),
    )


def command(record: Record) -> str:
    """The command that runs this one cell."""
    return words(selection(record))


def words(asked: Selection) -> str:
    """The command of a selection."""
    found = ["benchbench", "run", "--features", asked.features, "--task", asked.task,
             "--dataset", asked.dataset]
    if asked.backbone is not None:
        found += ["--backbone", asked.backbone]
    found += ["--seed", ",".join(map(str, asked.seeds))]
    if not asked.controls:
        found += ["--no-controls"]
    if asked.limit is not None:
        found += ["--limit", str(asked.limit)]
    if asked.allow_partial:
        found += ["--allow-partial"]
    if asked.precision != "float32":
        found += ["--precision", asked.precision]
    return shlex.join(found)


def name(of: str, params: Mapping[str, Any]) -> str:
    """``name[key=value]``, as it is written on the command line."""
    return str(Selector(of, {key: str(value) for key, value in params.items()}))
