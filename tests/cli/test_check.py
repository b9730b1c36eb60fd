"""``benchbench check``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchbench.cli import cli, main

pytestmark = pytest.mark.usefixtures("fresh_registry")

TWO = '''
from benchbench import Extractor, Pixels, hookimpl

class First(Extractor):
    name = "first"
    summary = "the first pixel"
    needs_backbone = False
    def probes(self, facts):
        return [Pixels()]
    def shape(self, facts):
        return (3,)
    def extract(self, signals):
        return signals[Pixels()][:, :, 0, 0].float()

class Second(First):
    name = "second"
    def shape(self, facts):
        return (4,)

@hookimpl
def benchbench_extractors():
    return [First, Second]
'''


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments])


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """What the shell sees."""
    monkeypatch.setattr(sys, "argv", ["benchbench", "check", *arguments])
    try:
        main()
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def test_a_component_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    done = check("pixels")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "extractor pixels on none"
    assert lines[-1] == "17 checks, 0 failed"
    assert {line.index(line.split()[1]) for line in lines[1:-1]} == {12}  # aligned
    assert exit_code(monkeypatch, "pixels") == 0


def test_parameters_and_a_backbone_are_taken() -> None:
    done = check("random[width=7]", "--kind", "extractor", "--backbone", "none")
    assert done.exit_code == 0, done.output
    assert "  passed    shape           (7,)" in done.stdout


def test_a_plugin_file_is_checked_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "two.py"
    file.write_text(TWO)
    done = check(str(file))
    assert done.exit_code == 1
    assert "passed    loaded          extractor first, extractor second" in done.stdout
    assert "extractor first on none" in done.stdout
    assert "shape() says (4,), extract gave (3,) an image" in done.stdout
    assert done.stdout.splitlines()[-1] == "35 checks, 2 failed"  # shape and image_size
    assert exit_code(monkeypatch, str(file)) == 1


def test_a_file_that_cannot_be_loaded_fails(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import nowhere_at_all\n")
    done = check(str(file))
    assert done.exit_code == 1
    assert "failed    loaded          ModuleNotFoundError: No module named" in done.stdout


def test_a_component_that_cannot_be_made_fails(tmp_path: Path) -> None:
    file = tmp_path / "unmade.py"
    file.write_text(TWO.replace("    needs_backbone", "    def __init__(self):\n        1 / 0\n"
                                                       "    needs_backbone"))
    done = check(str(file))
    assert done.exit_code == 1
    assert "failed    made" in done.stdout and "division by zero" in done.stdout


def test_a_family_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "family.py"
    file.write_text(
        "from benchbench import Backbone, hookimpl\nclass B(Backbone):\n    name = 'fam/*'\n"
        "    summary = 's'\n@hookimpl\ndef benchbench_backbones():\n    return [B]\n")
    done = check(str(file))
    assert done.exit_code == 0, done.output
    assert "a family: check fam/NAME by name" in done.stdout


@pytest.mark.parametrize(("arguments", "reason"), [
    (["pixel"], "unknown component 'pixel'; did you mean 'pixels'?"),
    (["pixels", "--kind", "task"], "pixels is a extractor; leave out --kind task"),
    (["nothing/there.py"], "no such file; give the path of a .py file"),
    (["nothing/there.toml"], "no such file"),
    (["pixels[b]"], "is not key=value"),
])
def test_wrong_calls_exit_with_2(
    arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code(monkeypatch, *arguments) == 2
    assert reason in capsys.readouterr().err
