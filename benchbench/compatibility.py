"""What cannot be run, and why: a selection, a cell, a whole request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchbench import names
from benchbench.errors import BenchbenchError, UsageError
from benchbench.interfaces import Task
from benchbench.joined import Joined
from benchbench.names import Selector
from benchbench.parameters import choices, signature
from benchbench.probes import Activation, Gradient, Images, OfReference, Pixels, Probe
from benchbench.registry import registry

if TYPE_CHECKING:
    from benchbench.cells import Cell, Selection
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
        return (f"dataset {name} has no column {missing[0]!r}, which task {task.name} needs; "
                "choose a dataset that has it, or another task")
    asks_reference = any(isinstance(probe, OfReference) for probe in cell.feature.probes)
    if asks_reference and "reference" not in facts.columns:
        return (f"dataset {name} has no references, which a full-reference extractor needs; choose "
                "a dataset with references, or an extractor that needs none, such as activation")
    if facts.unequal is not None and _compares_places(cell):
        return (f"dataset {name}: {facts.unequal}; an extractor that compares place by place needs "
                "one size for both; resize or crop them alike")
    small = _too_small(cell)
    if small is not None:
        return small
    unlabelled = _unlabelled(cell)
    if unlabelled is not None:
        return unlabelled
    size = cell.feature_bytes / 1e9
    if size > selection.max_feature_gb:
        smaller = _smaller(cell, selection.max_feature_gb * 1e9)
        return (f"features of shape {list(cell.feature.shape)} for {facts.n_images} images need "
                f"{size:.1f} GB, over --max-feature-gb {selection.max_feature_gb:g}; "
                f"{smaller or 'choose a smaller reduction'}")
    return None


def _compares_places(cell: Cell) -> bool:
    """Whether something with places is asked of references, at sizes of their own."""
    assert cell.feature is not None
    native = cell.lens.preprocessing.size == "native"
    inner = [p.probe for p in cell.feature.probes if isinstance(p, OfReference)]
    return any(isinstance(p, Pixels) or (native and (
        isinstance(p, Images) or (isinstance(p, Activation) and p.pool == "none"))) for p in inner)


def _too_small(cell: Cell) -> str | None:
    """Why the smallest image, or what the preprocessing leaves of it, is too small."""
    if cell.source.facts.smallest is None:
        return None
    image, height, width = cell.source.facts.smallest
    prepared = cell.lens.preprocessing.output_size(height, width)
    for what, least, size in (
        (f"extractor {cell.extractor.selector}", cell.extractor.part.least_side, (height, width)),
        (f"backbone {cell.lens.made.selector}", cell.lens.made.part.least_side, prepared),
    ):
        if min(size) < least:
            here = "" if size == (height, width) else f", prepared as {size[0]}x{size[1]}"
            return (f"dataset {cell.source.made.part.name}: image {image!r} is {height}x{width} "
                    f"(height x width){here}; {what} needs at least {least} pixels a side; "
                    f"use larger images or another {what.split()[0]}")
    return None


def _unlabelled(cell: Cell) -> str | None:
    """Why the loss ``label`` cannot be had, where it is asked for."""
    assert cell.feature is not None
    if not any(needs_label(probe) for probe in cell.feature.probes):
        return None
    data, name = cell.source.facts, cell.source.made.part.name
    others = [loss for loss in cell.lens.facts.losses if loss != "label"]
    advice = f"; take loss={others[0]}" if others else ""
    if data.classes is None:
        return (f"loss 'label' needs a whole number from 0 in the column 'label' for every image, "
                f"which dataset {name} has not{advice}")
    known = cell.lens.facts.outputs.get("logits", (data.classes,))[-1]
    if data.classes > known:
        return (f"dataset {name} has labels up to {data.classes - 1}, the backbone "
                f"{known} classes, so there is no loss 'label'{advice}")
    return None


def needs_label(probe: Probe) -> bool:
    """Whether the probe depends on the images' labels, not on their pixels alone."""
    if isinstance(probe, OfReference):
        return needs_label(probe.probe)
    return isinstance(probe, Gradient) and probe.loss == "label"


def _smaller(cell: Cell, limit: float) -> str | None:
    """The largest features that fit, among those one choice of a parameter away."""
    made, facts, images = cell.extractor, cell.lens.facts, cell.source.facts.n_images
    if isinstance(made.part, Joined):
        return None
    best, advice = 0.0, None
    for name, (annotation, _) in signature(type(made.part)).items():
        for choice in choices(annotation):
            changed = Selector(made.selector.name, {**made.selector.params, name: str(choice)})
            try:
                part = registry().make("extractor", changed).part
                part.probes(facts)
                shape = part.shape(facts)
            except BenchbenchError:  # no choice for this backbone
                continue
            size = 4 * math.prod(shape) * images
            if best < size <= limit:
                best, advice = size, f"{name}={choice} gives {list(shape)}"
    return f"{advice}, {best / 1e9:.2g} GB" if advice else None


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
