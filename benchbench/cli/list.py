"""``benchbench list``"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from benchbench.cli.options import environment_options
from benchbench.errors import UsageError

KINDS = {"datasets": "dataset", "backbones": "backbone", "features": "extractor", "tasks": "task"}


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, "layers"]))
@click.option("--backbone", help="The backbone whose layers to list.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@environment_options
def command(kind: str, backbone: str | None, as_json: bool) -> None:
    """List datasets, backbones, features or tasks, or the layers of a backbone."""
    if kind == "layers":
        if backbone is None:
            raise UsageError("list layers: needs --backbone NAME; `benchbench list backbones`")
        rows = _layers(backbone)
    else:
        rows = _components(KINDS[kind])
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo(_table(rows))


def _components(kind: str) -> list[dict[str, Any]]:
    from benchbench.registry import registry

    rows = [
        {"name": entry.name, "plugin": entry.plugin.name, "summary": entry.summary}
        for _, entry in sorted(registry().entries[kind].items())
    ]
    if kind == "extractor":
        return [{"name": row["name"], "plugin": row["plugin"],
                 "backbone": _own_backbone(row["name"]), "summary": row["summary"]} for row in rows]
    return _datasets(rows) if kind == "dataset" else rows


def _own_backbone(name: str) -> str:
    """The backbone that an extractor runs with where none is named; empty for a broken one."""
    from benchbench.errors import BenchbenchError
    from benchbench.registry import registry

    try:
        part: Any = registry().entry("extractor", name)[0].load()
    except BenchbenchError:
        return ""
    return part.backbone if part.needs_backbone else "none"


def _datasets(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Datasets with what is on disk of them: made ones first, then the cards."""
    from benchbench.cards.schema import read_card
    from benchbench.catalogue import first_party_cards

    shown = [{"name": row["name"], "state": "made here", "score": "", "images": "",
              "plugin": row["plugin"], "summary": row["summary"]} for row in rows]
    for name, path in first_party_cards().items():
        row = {"name": name, "state": "", "score": "", "images": "", "plugin": "card",
               "summary": ""}
        try:
            card, _ = read_card(path)
        except UsageError:  # a card that wants a parameter
            said = tomllib.loads(path.read_text(encoding="utf-8")).get("summary", "")
            shown.append({**row, "state": "any", "summary": said})
            continue
        kind = card.score.kind if card.score else ""
        shown.append({**row, "state": _state(path), "score": kind, "images": card.n_official or "",
                      "summary": card.summary})
    return shown


def _state(path: Path) -> str:
    """What is there of a card; where nothing is, of the other values of its parameters."""
    from benchbench.cards.files import card_places
    from benchbench.cards.schema import read_card
    from benchbench.cards.state import card_state

    declared = tomllib.loads(path.read_text(encoding="utf-8")).get("parameters", {})
    other = [{name: value} for name, values in declared.items() for value in values[1:]]
    for given in ({}, *other):
        card, _ = read_card(path, given)
        state = card_state(card, card_places(card.folder, path))
        if state.word != "absent":
            how = "".join(f" with {name}={value}" for name, value in given.items())
            return f"{state}{how}"
    return "absent"


def _layers(backbone: str) -> list[dict[str, Any]]:
    from benchbench.catalogue import backbone_facts
    from benchbench.names import parse
    from benchbench.registry import registry

    facts = backbone_facts(registry().make("backbone", parse(backbone)))
    return [
        {"layer": layer.name, "kind": layer.kind, "weight": _shape(layer.weight),
         "output": _shape(layer.output)}
        for layer in facts.layers
    ]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else "×".join(map(str, shape)) or "1"


def _table(rows: list[dict[str, Any]]) -> str:
    """Left-aligned columns, without importing a table library for a list."""
    if not rows:
        return "none"
    columns = list(rows[0])
    widths = {c: max(len(c), *(len(str(row[c])) for row in rows)) for c in columns}
    lines = [{c: c for c in columns}, *rows]
    return "\n".join("  ".join(str(line[c]).ljust(widths[c]) for c in columns).rstrip()
                     for line in lines)
