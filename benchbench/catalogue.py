"""Datasets and backbones by name, with the facts that plans are made of."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchbench import store
from benchbench.errors import BenchbenchError, DataError, UsageError, nearest
from benchbench.facts import BackboneFacts
from benchbench.identity import ENGINE, digest, library_versions
from benchbench.names import Selector
from benchbench.registry import Made, registry

log = logging.getLogger("benchbench")
_being_made: list[list[dict[str, Any]]] = []


def make_dataset(selector: Selector) -> Made:
    """A dataset by its registered name, its card's name, or the path of a card. The identities of
    the datasets that it is made of are part of its own, so that facts are not kept when their code
    changes."""
    inside: list[dict[str, Any]] = []
    _being_made.append(inside)
    try:
        made = _make(selector)
    finally:
        _being_made.pop()
    if inside:
        made = replace(made, identity={**made.identity, "datasets": inside})
    if _being_made:
        _being_made[-1].append(made.identity)
    return made


def _make(selector: Selector) -> Made:
    reg = registry()
    card = find_card(selector.name)
    if card is None:
        if selector.name not in reg.entries["dataset"]:
            known = [*reg.names("dataset"), *first_party_cards()]
            hint = nearest(selector.name, known) or f"known: {', '.join(known)}"
            raise UsageError(f"unknown dataset {selector.name!r}; {hint}, "
                             "or give the path of a .toml card")
        return reg.make("dataset", selector)
    from benchbench.cards import CardDataset
    from benchbench.identity import file_digest

    part = CardDataset(card, selector.params)
    identity = {"card": file_digest(card), "path": str(card.absolute()), "params": part.params,
                "code": part.code}
    return Made(part, selector, dict(part.params), identity, "card", {})


def find_card(name: str) -> Path | None:
    """The card of a name or path, or None. A path that is not there is a ``UsageError``."""
    if name in registry().entries["dataset"]:
        return None
    if name.endswith(".toml"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"dataset card {name}: no such file; give the path of a .toml card")
        return path
    return first_party_cards().get(name)


def first_party_cards() -> dict[str, Path]:
    """The cards that come with benchbench, by name."""
    import benchbench_datasets

    folder = Path(benchbench_datasets.__path__[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def backbone_facts(made: Made) -> BackboneFacts:
    """The facts of a backbone, from the store, or by building the model once."""
    key = digest([ENGINE, made.identity, library_versions()])
    kept: dict[str, Any] | None = store.read_json("backbones", key)
    # An entry that another version wrote may lack a key or hold one more.
    with contextlib.suppress(KeyError, TypeError):
        if kept is not None:
            return BackboneFacts.from_json(kept)
    if made.selector.name == "none":
        return BackboneFacts()
    log.info("backbone %s: building the model once to learn its layers", made.selector)
    from benchbench.describe import describe

    try:
        facts = describe(made.part)
    except BenchbenchError:
        raise
    except Exception as error:
        raise DataError(f"backbone {made.selector}: its model cannot be built and run "
                        f"({type(error).__name__}: {error}); `benchbench check` shows where"
                        ) from error
    store.write_json("backbones", key, facts.to_json())
    return facts
