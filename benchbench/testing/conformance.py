"""The suites by name, and for all components of a plugin file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchbench.discovery import Plugin
from benchbench.errors import UsageError, nearest
from benchbench.names import parse
from benchbench.registry import KINDS, registry
from benchbench.testing.checks import Check


def check_component(kind: str, name: str, *, backbone: str | None = None) -> Iterator[Check]:
    """Run the suite of ``kind`` (dataset, backbone, extractor or task) on the component ``name``,
    with parameters if any. ``backbone`` is what an extractor is tried on. A component that cannot
    be made fails the check ``made``. Raises ``UsageError`` for an unknown name."""
    from benchbench.catalogue import find_card

    selector = parse(name)
    if kind != "dataset" or find_card(selector.name) is None:
        registry().entry(kind, selector.name)
    try:
        yield from _suite(kind, name, backbone)
    except Exception as error:
        yield Check(f"{kind} {name}", "made", "failed", f"{type(error).__name__}: {error}")


def check_file(path: str | Path, *, backbone: str | None = None) -> Iterator[Check]:
    """Load a plugin file and check all that it gives; what is wrong with the file itself fails the
    check ``loaded``. A family (``name/*``) needs a name below it and is skipped. The path of a
    ``.toml`` card checks that dataset. Raises ``UsageError`` where there is no such file."""
    path = Path(path).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"plugin file {path}: no such file; give the path of a .py file")
    if path.suffix == ".toml":
        yield from check_component("dataset", str(path))
        return
    plugin = registry().add_file(path)
    yield _loaded(plugin)
    for provided in list(plugin.provides):
        kind, _, name = provided.partition(" ")
        if name.endswith("/*"):
            yield Check(provided, "made", "skipped", f"a family: check {name[:-1]}NAME by name")
        else:
            yield from check_component(kind, name, backbone=backbone)


def kinds_of(name: str) -> list[str]:
    """The kinds that have a component of that name. Raises ``UsageError`` with the nearest."""
    from benchbench.catalogue import find_card, first_party_cards

    selector, reg = parse(name), registry()
    found = []
    for kind in KINDS:
        try:
            reg.entry(kind, selector.name)
        except UsageError:
            if kind == "dataset" and find_card(selector.name) is not None:
                found.append(kind)
        else:
            found.append(kind)
    if not found:
        known = [*first_party_cards(), *(known for kind in KINDS for known in reg.names(kind))]
        hint = nearest(selector.name, known) or "`benchbench plugins` lists what there is"
        raise UsageError(f"unknown component {selector.name!r}; {hint}")
    return found


def _loaded(plugin: Plugin) -> Check:
    label = f"plugin {plugin.name}"
    if plugin.problems:
        return Check(label, "loaded", "failed", "; ".join(plugin.problems))
    return Check(label, "loaded", "passed", ", ".join(plugin.provides) or "observers alone")


def _suite(kind: str, name: str, backbone: str | None) -> Iterator[Check]:
    if kind == "extractor":
        from benchbench.testing.extractors import check_extractor

        return check_extractor(name, backbone=backbone)
    if kind == "backbone":
        from benchbench.testing.backbones import check_backbone

        return check_backbone(name)
    if kind == "dataset":
        from benchbench.testing.datasets import check_dataset

        return check_dataset(name)
    from benchbench.testing.tasks import check_task

    return check_task(name)
