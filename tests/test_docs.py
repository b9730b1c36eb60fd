"""docs/plugins.md names every hook and contract member, and its examples work."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import benchbench
from benchbench import hookspecs, interfaces, testing
from benchbench.registry import registry
from benchbench.testing import assert_conforms, check_file

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "plugins.md"
TEXT = GUIDE.read_text(encoding="utf-8")
CODE_WORDS = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", " ".join(re.findall(r"`[^`\n]+`", TEXT))))
PROBES = [getattr(benchbench, name) for name in benchbench.__all__
          if isinstance(getattr(benchbench, name), type)
          and issubclass(getattr(benchbench, name), benchbench.Probe)]
VALUES = (benchbench.BackboneFacts, benchbench.DatasetFacts, benchbench.Layer, benchbench.Features,
          benchbench.ImageFacts, benchbench.Outcome, benchbench.Score, benchbench.Component)


def section(title: str) -> set[str]:
    """The words in code of one second-level section."""
    body = TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", " ".join(re.findall(r"`[^`\n]+`", body))))


def members(cls: type) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


def test_every_hook_is_described() -> None:
    hooks = {name for name in dir(hookspecs) if name.startswith("benchbench_")}
    assert len(hooks) == 5
    assert hooks <= section("Hooks")


@pytest.mark.parametrize("kind", ["Dataset", "Backbone", "Extractor", "Task"])
def test_every_contract_member_is_described(kind: str) -> None:
    assert members(getattr(interfaces, kind)) - section(kind) == set()


def test_what_all_components_share_is_described() -> None:
    assert members(interfaces.Part) - section("What all components have") == set()


@pytest.mark.parametrize("probe", PROBES, ids=lambda p: p.__name__)
def test_every_probe_is_described_with_its_fields(probe: type) -> None:
    fields = {field.name for field in dataclasses.fields(probe)}
    assert ({probe.__name__} | fields) - section("Extractor") == set()


@pytest.mark.parametrize("value", VALUES, ids=lambda v: v.__name__)
def test_every_value_is_described_with_its_fields(value: type) -> None:
    fields = {field.name for field in dataclasses.fields(value)}
    assert ({value.__name__} | fields) - CODE_WORDS == set()


def test_every_public_name_is_described() -> None:
    headings = set(re.findall(r"^#+ (\w+)$", TEXT, re.MULTILINE))
    assert set(benchbench.__all__) - CODE_WORDS - headings == set()


def test_every_name_of_the_suite_is_described() -> None:
    assert set(testing.__all__) - CODE_WORDS - {"ToyPictures", "assert_conforms"} == set()
    assert "assert_conforms" in TEXT


def examples() -> list[tuple[str, str]]:
    found = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    return [(re.search(r"``([\w-]+)``", code).group(1), code) for code in found]  # type: ignore[union-attr]


def test_there_is_an_example_of_every_hook() -> None:
    code = "\n".join(code for _, code in examples())
    assert {name for name in dir(hookspecs) if f"def {name}(" in code} == {
        name for name in dir(hookspecs) if name.startswith("benchbench_")}


def test_first_examples_are_as_short_as_promised() -> None:
    by_name = dict(examples())
    assert by_name["spread"].count("\n") < 30
    assert by_name["my-net"].count("\n") <= 25


@pytest.mark.usefixtures("fresh_registry")
@pytest.mark.parametrize(("name", "code"), examples(), ids=[name for name, _ in examples()])
def test_examples_conform(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "example.py"
    file.write_text(code, encoding="utf-8")
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(tmp_path))
    plugin = next(p for p in registry().plugins if p.path == file)
    assert plugin.problems == []
    assert_conforms(check_file(file))


@pytest.mark.usefixtures("fresh_registry")
def test_the_observer_sees_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "observer.py").write_text(
        dict(examples())["BENCHBENCH_FINISHED_LOG"], encoding="utf-8")
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(tmp_path))
    monkeypatch.setenv("BENCHBENCH_FINISHED_LOG", str(tmp_path / "log"))

    class Finished:
        cell, status, reason = "3fa1", "failed", "disk full"

    assert registry().notify(Finished()) == []
    assert (tmp_path / "log").read_text() == "3fa1 failed disk full\n"
