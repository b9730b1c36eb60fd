"""``benchbench list``: every component with its plugin, and a backbone's layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("kind", "names"),
    [("datasets", {"pictures", "demo"}), ("backbones", {"net", "unique", "timm/*", "none"}),
     ("features", {"mean", "random", "pixels"}), ("tasks", {"sum", "iqa"})],
)
def test_components(toys: Path, call: Any, kind: str, names: set[str]) -> None:
    done = call("list", kind)
    assert done.code == 0
    first = [line.split()[0] for line in done.out.splitlines()]
    assert first[0] == "name" and names <= set(first)
    rows = json.loads(call("list", kind, "--json").out)
    assert [row["name"] for row in rows] == first[1:]
    assert {row["plugin"] for row in rows} >= {"toy"}
    assert all(set(row) >= {"name", "plugin", "summary"} for row in rows)


def test_layers(toys: Path, call: Any) -> None:
    done = call("list", "layers", "--backbone", "net")
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()] == [
        ["layer", "kind", "weight", "output"],
        ["first", "Conv2d", "4×3×3×3", "4×11×11"],
        ["act", "Tanh", "4×11×11"],
        ["second", "Conv2d", "6×4×3×3", "6×9×9"],
    ]
    rows = json.loads(call("list", "layers", "--backbone", "net", "--json").out)
    assert rows[0] == {"layer": "first", "kind": "Conv2d", "weight": "4×3×3×3",
                       "output": "4×11×11"}


def test_a_backbone_without_layers(call: Any, store: Path) -> None:
    assert call("list", "layers", "--backbone", "none").out == "none\n"


def test_wrong_calls(toys: Path, call: Any) -> None:
    assert "needs --backbone NAME" in call("list", "layers").err
    assert "did you mean 'net'?" in call("list", "layers", "--backbone", "ent").err
    done = call("list", "feature")
    assert done.code == 2 and "'feature' is not one of" in done.err


def test_adapters_of_cards_are_listed_as_what_they_are(call: Any) -> None:
    listed = call("plugins").out
    for name in ("matlab_tables", "excel_tables", "cifar"):
        assert f"adapter benchbench_plugins.{name}" in listed
    assert ": nothing" not in listed
