"""What cannot be run, and why: a selection, a cell, a whole request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchbench import names
from benchbench.errors import UsageError
from benchbench.interfaces import Task
from benchbench.joined import Joined
from benchbench.names import Selector
from benchbench.probes import OfReference

if TYPE_CHECKING:
    from benchbench.plan import Cell, Selection
    from benchbench.registry import Made

PRECISIONS = ("float32", "tf32", "bf16")


def check_selection(selection: Selection) -> None:
    """The command line has checked its own; a call from Python has not."""
    if selection.precision not in PRECISIONS:
        raise UsageError(f"precision {selection.precision!r}: expected {', '.join(PRECISIONS)}")
    if selection.limit is not None and selection.limit < 1:
        raise UsageError(f"limit {selection.limit}: expected at least 1 image")
    if not selection.seeds or min(selection.seeds) < 0:
        raise UsageError(f"seeds {list(selection.seeds)}: expected whole numbers from 0")


def impossible(cell: Cell, task: Task, selection: Selection) -> str | None:
    """Why the cell cannot be, or None."""
    facts = cell.source.facts
    name = cell.source.made.part.name
    assert cell.feature is not None
    if cell.gives not in task.takes:
        return f"task {task.name} takes {' or '.join(task.takes)}, not a {cell.gives}"
    missing = [column for column in task.needs if column not in facts.columns]
    if missing:
        return f"dataset {name} has no column {missing[0]!r}, which task {task.name} needs"
    asks_reference = any(isinstance(probe, OfReference) for probe in cell.feature.probes)
    if asks_reference and "reference" not in facts.columns:
        return f"dataset {name} has no references, which a full-reference extractor needs"
    size = cell.feature_bytes / 1e9
    if size > selection.max_feature_gb:
        return (f"features of shape {list(cell.feature.shape)} for {facts.n_images} images need "
                f"{size:.1f} GB, over --max-feature-gb {selection.max_feature_gb:g}; "
                "choose a smaller reduction")
    return None


def refuse_hopeless(
    cells: Sequence[Cell], features: Sequence[tuple[Selector, ...]], tasks: Sequence[Made]
) -> None:
    """A feature or task of which nothing can run is a wrong call, not a table of skipped cells."""
    for feature in features:
        wanted = {selector.name for selector in feature}
        own = [c for c in cells
               if not c.control and {s.name for s in _selectors(c.extractor)} == wanted]
        if own and all(cell.reason and not cell.error for cell in own):
            raise UsageError(f"feature {'+'.join(map(str, feature))}: {own[0].reason}")
    for task in tasks:
        own = [c for c in cells if c.task.selector.name == task.selector.name]
        if own and all(cell.reason and not cell.error for cell in own):
            raise UsageError(f"task {task.selector}: {own[0].reason}")


def _selectors(made: Made) -> list[Selector]:
    return [names.parse(item) for item in names.split(made.selector.name, "+")] if (
        isinstance(made.part, Joined)
    ) else [made.selector]
