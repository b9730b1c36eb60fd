"""From a selection to cells: the grid, what cannot be and why, and ids."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchbench import names
from benchbench.catalogue import backbone_facts, make_dataset
from benchbench.cells import Cell, Feature, Lens, Plan, Selection, Share, Source
from benchbench.compatibility import (
    check_selection,
    impossible,
    needs_label,
    refuse_hopeless,
)
from benchbench.errors import BenchbenchError, UsageError
from benchbench.identity import ENGINE, digest, library_versions
from benchbench.joined import Joined
from benchbench.names import Selector
from benchbench.partial import Present
from benchbench.preprocessing import Preprocessing
from benchbench.probes import OfReference, Probe
from benchbench.registry import Made, Registry, registry
from benchbench.tables import dataset_facts

CELL_DIGITS = 16
"""Hex digits of a cell id: 64 bits, enough for 10⁹ cells with a collision chance of 3 %."""


def make_plan(selection: Selection) -> Plan:
    """Check the whole selection and lay out its cells, before any work.

    Raises ``UsageError`` for unknown names and parameters, and where a requested feature or task
    cannot run at all.
    """
    check_selection(selection)
    reg = registry()
    features = names.parse_features(selection.features)
    tasks = [reg.make("task", s) for s in names.parse_list(selection.task)]
    for feature in features:  # wrong names are said before any model is built
        for selector in feature:
            reg.make("extractor", selector)
    sources = [_source(s, selection) for s in names.parse_list(selection.dataset)]
    seen_by = [(reg.make("backbone", names.parse(name)), own)
               for name, own in _by_backbone(reg, selection, features).items()]
    plan = Plan(selection)
    cells: dict[str, Cell] = {}
    for source in sources:
        for made, own in seen_by:
            lens = _lens(made, source)
            for cell in _grid(reg, selection, own, tasks, source, lens):
                cells.setdefault(cell.id, cell)
    plan.cells = list(cells.values())
    refuse_hopeless(plan.cells, features, tasks)
    return plan


def _by_backbone(
    reg: Registry, selection: Selection, features: list[tuple[Selector, ...]]
) -> dict[str, list[tuple[Selector, ...]]]:
    """The features that each backbone makes: every one with each that was asked for, or else each
    with its own."""
    if selection.backbone is not None:
        return {str(name): features for name in names.parse_list(selection.backbone)}
    found: dict[str, list[tuple[Selector, ...]]] = {}
    for feature in features:
        own = {str(s): part.backbone if part.needs_backbone else "none"
               for s in feature for part in [reg.make("extractor", s).part]}
        wanted = set(own.values()) - {"none"} or {"none"}
        if len(wanted) > 1:
            said = ", ".join(f"{name} with {backbone}" for name, backbone in own.items())
            raise UsageError(f"feature {'+'.join(own)}: its parts are run with different backbones "
                             f"({said}); choose one with --backbone")
        found.setdefault(wanted.pop(), []).append(feature)
    return found


def _source(selector: Selector, selection: Selection) -> Source:
    """A dataset, with those that it joins where all of its rows are wanted."""
    made = make_dataset(selector)
    if selection.allow_partial:
        made = replace(made, part=Present(made.part), identity={**made.identity, "partial": True})
    facts = dataset_facts(made, selection.limit)
    members: dict[str, Source] = {}
    if selection.limit is None or facts.n < selection.limit:
        whole = replace(selection, limit=None)
        members = {name: _source(names.parse(name), whole) for name in made.part.members()}
    return Source(made, facts, selection.limit, members)


def _lens(made: Made, source: Source) -> Lens:
    facts = backbone_facts(made)
    preprocessing = Preprocessing.of(facts.preprocessing, made.overrides, source.facts.size)
    other = preprocessing.crop != preprocessing.model_size
    return Lens(made, replace(facts, other_size=other), preprocessing)


def _grid(
    reg: Registry, selection: Selection, features: list[tuple[Selector, ...]],
    tasks: list[Made], source: Source, lens: Lens,
) -> Iterator[Cell]:
    wanted = [(made, made.part.control) for f in features for made in _extractors(reg, f, lens)]
    if selection.controls:
        asked = {made.selector.name for made, _ in wanted}
        wanted += [(made, True) for made in _controls(reg) if made.selector.name not in asked
                   and (lens.made.selector.name != "none" or not made.part.needs_backbone)]
    # A score is not learned, so that shuffled labels say nothing of it.
    shuffled = next((made for made, control in wanted
                     if not control and made.part.gives == "vector"), None)
    for extractor, control in wanted:
        for task in tasks:
            variants = [(v, control) for v in task.part.expand(extractor.part.gives, source.facts)]
            if extractor is shuffled and selection.controls:
                variants += [(v, True) for v in task.part.controls()]
            for changes, is_control in variants:
                varied = _vary(reg, "task", task, changes)
                for seed in selection.seeds:
                    yield _cell(selection, source, lens, extractor, varied, seed, is_control)


def _extractors(reg: Registry, feature: tuple[Selector, ...], lens: Lens) -> list[Made]:
    """The extractors that one requested feature stands for with this backbone."""
    if len(feature) > 1:
        parts = [reg.make("extractor", selector) for selector in feature]
        joined = Joined([p.part for p in parts], [str(p.selector) for p in parts])
        return [Made(joined, Selector(joined.name), {}, {"joined": [p.identity for p in parts]},
                     parts[0].plugin, {})]
    made = reg.make("extractor", feature[0])
    return [_vary(reg, "extractor", made, changes) for changes in made.part.expand(lens.facts)]


def _controls(reg: Registry) -> Iterator[Made]:
    for name in reg.names("extractor"):
        try:
            if reg.entry("extractor", name)[0].load().control:  # type: ignore[attr-defined]
                yield reg.make("extractor", Selector(name))
        except BenchbenchError:  # a broken plugin harms nothing; `benchbench plugins` names it
            continue


def _vary(reg: Registry, kind: str, made: Made, changes: Any) -> Made:
    if not changes:
        return made
    params = {**made.selector.params, **{k: str(v) for k, v in changes.items()}}
    return reg.make(kind, Selector(made.selector.name, params))


def _cell(
    selection: Selection, source: Source, lens: Lens, extractor: Made, task: Made, seed: int,
    control: bool,
) -> Cell:
    if not extractor.part.needs_backbone:
        lens = _none(source)
    pixels_only = lens.made.selector.name == "none"
    seen: dict[str, Any] = {
        "engine": ENGINE,
        "backbone": {**lens.made.identity, "weights": lens.facts.weights},
        "preprocessing": {} if pixels_only else lens.preprocessing.to_json(),
        "precision": "float32" if pixels_only else selection.precision,
        "extractor": extractor.identity,
    }
    dataset = {"name": source.made.part.name, "version": source.made.part.version,
               "fingerprint": source.facts.fingerprint}
    identity = {**seen, "dataset": dataset, "task": task.identity, "seed": seed}
    cell = Cell(digest(identity)[:CELL_DIGITS], identity, source, lens, extractor, task, seed,
                control=control)
    try:
        feature = _feature(extractor, lens)
    except UsageError as error:
        return replace(cell, reason=str(error))
    except Exception as error:
        said = str(error) if isinstance(error, BenchbenchError) else (
            f"{type(error).__name__}: {error}")
        return replace(cell, reason=said, error=traceback.format_exc())
    shares = _shares(source, lens, feature, seen)
    key = shares[0].key if not shares[0].prefix else digest([[s.prefix, s.key] for s in shares])
    cell = replace(cell, feature=feature, shares=shares, features_key=key)
    return replace(cell, reason=impossible(cell, task.part, selection))


def _shares(
    source: Source, lens: Lens, feature: Feature, seen: dict[str, Any]
) -> tuple[Share, ...]:
    """The features of each joined dataset, under the key that they have where it stands alone; of
    the whole where one of them alone lacks the references or labels that are asked for."""
    labelled = any(needs_label(probe) for probe in feature.probes)
    compares = any(isinstance(probe, OfReference) for probe in feature.probes)
    leaves = list(source.leaves())
    if any((labelled and leaf.facts.classes is None)
           or (compares and "reference" not in leaf.facts.columns) for _, leaf in leaves):
        leaves = [("", source)]
    found = []
    for prefix, leaf in leaves:
        sees = {**seen, "images": leaf.facts.images, "libraries": library_versions()}
        if labelled:
            sees["labels"] = leaf.facts.fingerprint
        found.append(Share(prefix, leaf, lens, feature, sees, digest(sees)))
    return tuple(found)


def _feature(extractor: Made, lens: Lens) -> Feature:
    probes = tuple(extractor.part.probes(lens.facts))
    shape = tuple(extractor.part.shape(lens.facts))
    if not all(isinstance(side, int) and side > 0 for side in shape):
        raise BenchbenchError(f"extractor {extractor.selector}: shape() gave {shape}, "
                              "expected whole numbers above 0")
    wrong = next((probe for probe in probes if not isinstance(probe, Probe)), None)
    if wrong is not None:
        raise BenchbenchError(f"extractor {extractor.selector}: probes() gave {wrong!r}, "
                              "expected a list of probes")
    return Feature(extractor, probes, shape)


def _none(source: Source) -> Lens:
    return _lens(registry().make("backbone", Selector("none")), source)
