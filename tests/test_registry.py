"""Broken plugins are listed with their reason and harm nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchbench.cli import cli
from benchbench.discovery import Plugin
from benchbench.errors import BenchbenchError, UsageError
from benchbench.names import parse
from benchbench.registry import Registry, registry

pytestmark = pytest.mark.usefixtures("fresh_registry")

GOOD = '''
from benchbench import Extractor, Pixels, hookimpl

class Good(Extractor):
    name = "{name}"
    summary = "good"
    def __init__(self, width: int = 2, path_: str = "x"):
        self.width, self.path = width, path_
    def probes(self, facts):
        return [Pixels()]
    def shape(self, facts):
        return (self.width,)
    def extract(self, signals):
        return signals[Pixels()].float().flatten(1)[:, :self.width]

@hookimpl
def benchbench_extractors():
    return [Good]
'''

BROKEN = {
    "import_error": ("import not_a_module_at_all\n", "No module named 'not_a_module_at_all'"),
    "syntax": ("def broken(:\n", "SyntaxError"),
    "exits": ("raise SystemExit('bye')\n", "SystemExit: bye"),
    "unknown_hook": (
        "from benchbench import hookimpl\n@hookimpl\ndef benchbench_extractor():\n    return []\n",
        "unknown hook 'benchbench_extractor'; did you mean 'benchbench_extractors'?"),
    "wrong_argument": (
        "from benchbench import hookimpl\n@hookimpl\ndef benchbench_tasks(wrong):\n    return []\n",
        "wrong"),
    "hook_raises": (
        "from benchbench import hookimpl\n@hookimpl\ndef benchbench_tasks():\n    1 / 0\n",
        "hook benchbench_tasks: ZeroDivisionError: division by zero"),
    "hook_exits": (
        "import sys\nfrom benchbench import hookimpl\n@hookimpl\ndef benchbench_tasks():\n"
        "    sys.exit(3)\n",
        "hook benchbench_tasks: SystemExit: 3"),
    "gives_none": (
        "from benchbench import hookimpl\n@hookimpl\ndef benchbench_tasks():\n    pass\n",
        "hook benchbench_tasks: TypeError"),
    "wrong_kind": (
        "from benchbench import Task, hookimpl\nclass T(Task):\n    name = 't'\n"
        "@hookimpl\ndef benchbench_extractors():\n    return [T]\n",
        "neither a Component nor a Extractor class with a name"),
    "nameless": (
        "from benchbench import Extractor, hookimpl\nclass E(Extractor):\n    pass\n"
        "@hookimpl\ndef benchbench_extractors():\n    return [E]\n",
        "neither a Component nor a Extractor class with a name"),
    "taken": (GOOD.format(name="pixels"),
              "extractor name 'pixels' is taken by plugin benchbench_plugins.controls; rename it"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin folder that holds one good plugin, which comes last."""
    path = tmp_path / "plugins"
    path.mkdir()
    (path / "zz_good.py").write_text(GOOD.format(name="good"))
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(path))
    return path


def listed() -> dict[str, dict[str, object]]:
    """What ``benchbench plugins --json`` says, by plugin name."""
    done = CliRunner().invoke(cli, ["plugins", "--json"])
    assert done.exit_code == 0, done.output
    return {plugin["name"]: plugin for plugin in json.loads(done.stdout)}


def find(name: str) -> Plugin:
    return next(plugin for plugin in registry().plugins if plugin.name == name)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_and_harms_nothing(name: str, folder: Path) -> None:
    code, reason = BROKEN[name]
    (folder / f"{name}.py").write_text(code)
    plugins = listed()
    [problem] = plugins[name]["problems"]  # type: ignore[misc]
    assert reason in problem
    assert plugins[name]["provides"] == []
    assert plugins[name]["traceback"]
    others = [plugin["problems"] for other, plugin in plugins.items() if other != name]
    assert others == [[]] * len(others)
    assert plugins["zz_good"]["provides"] == ["extractor good"]
    assert registry().make("extractor", parse("good[width=3]")).part.width == 3


@pytest.mark.parametrize("name", BROKEN)
def test_strict_raises_instead(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / f"{name}.py").write_text(BROKEN[name][0])
    monkeypatch.setenv("BENCHBENCH_STRICT", "1")
    with pytest.raises((Exception, SystemExit)) as caught:
        Registry()
    said = f"{caught.type.__name__}: {caught.value}"
    assert BROKEN[name][1].removeprefix("hook benchbench_tasks: ") in said


def test_strict_accepts_what_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHBENCH_STRICT", "1")
    assert "good" in Registry().names("extractor")


def test_readable_listing_names_the_reason(folder: Path) -> None:
    (folder / "exits.py").write_text(BROKEN["exits"][0])
    output = CliRunner().invoke(cli, ["plugins"]).stdout
    [line] = [line for line in output.splitlines() if line.startswith("exits ")]
    assert line.split()[1] == "broken"
    assert "! SystemExit: bye" in output


def test_an_unknown_hook_leaves_the_others_of_its_plugin(folder: Path) -> None:
    code = GOOD.format(name="half") + "\n@hookimpl\ndef benchbench_dataset():\n    return []\n"
    (folder / "half.py").write_text(code)
    assert listed()["half"]["provides"] == ["extractor half"]
    assert "unknown hook 'benchbench_dataset'" in find("half").problems[0]
    assert "partly broken" in CliRunner().invoke(cli, ["plugins"]).stdout


def test_a_taken_name_leaves_the_others_of_its_hook(folder: Path) -> None:
    code = GOOD.format(name="pixels").replace("return [Good]", "return [Good, Other]")
    code += "\nclass Other(Good):\n    name = 'other'\n"
    (folder / "two.py").write_text(code)
    assert listed()["two"]["provides"] == ["extractor other"]
    assert registry().entry("extractor", "pixels")[0].plugin.origin == "first-party"


MISSING = {
    "no module": ("nowhere_at_all:Thing", "No module named 'nowhere_at_all'"),
    "no attribute": ("json:Thing", "module 'json' has no attribute 'Thing'"),
    "wrong class": ("json:JSONDecoder", "json:JSONDecoder is not a subclass of Extractor"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_lazy_component_that_is_missing(case: str, folder: Path) -> None:
    target, reason = MISSING[case]
    (folder / "lazy.py").write_text(
        "from benchbench import Component, hookimpl\n@hookimpl\ndef benchbench_extractors():\n"
        f"    return [Component('lazy', '{target}', 'lazy')]\n")
    assert "lazy" in registry().names("extractor")  # known by name, without an import
    with pytest.raises(BenchbenchError, match="lazy"):
        registry().make("extractor", parse("lazy"))
    [problem] = listed()["lazy"]["problems"]  # type: ignore[misc]
    assert reason in problem
    assert "extractor 'lazy' of plugin lazy" in problem


def test_a_lazy_module_may_raise_anything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "_inner.py").write_text("raise SystemExit('inner')\n")
    monkeypatch.syspath_prepend(str(folder))
    (folder / "lazy.py").write_text(
        "from benchbench import Component, hookimpl\n@hookimpl\ndef benchbench_extractors():\n"
        "    return [Component('lazy', '_inner:Thing', 'lazy')]\n")
    with pytest.raises(BenchbenchError, match="SystemExit: inner"):
        registry().make("extractor", parse("lazy"))


def test_a_missing_plugin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "not-there"
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(path))
    assert listed()[str(path)]["problems"] == [
        f"plugin folder {path} does not exist; check --plugin-dir"]


def test_the_same_file_name_in_two_folders(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "zz_good.py").write_text(GOOD.format(name="second"))
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", os.pathsep.join([str(folder), str(other)]))
    first, second = [plugin for plugin in registry().plugins if plugin.name == "zz_good"]
    assert first.problems == []
    assert second.problems == ["plugin name 'zz_good' is taken; rename the file"]


def test_private_files_and_tests_are_no_plugins(folder: Path) -> None:
    for name in ("_helper.py", "test_good.py", "conftest.txt"):
        (folder / name).write_text("1 / 0\n")
    assert [p.name for p in registry().plugins if p.origin.startswith("file ")] == ["zz_good"]


def test_a_file_is_added_once(folder: Path, tmp_path: Path) -> None:
    found = registry().add_file(folder / "zz_good.py")
    assert found is find("zz_good")
    (tmp_path / "extra.py").write_text(GOOD.format(name="extra"))
    extra = registry().add_file(tmp_path / "extra.py")
    assert extra.provides == ["extractor extra"]
    assert registry().add_file(tmp_path / "extra.py") is extra


def test_observers_are_isolated(folder: Path) -> None:
    (folder / "a_observer.py").write_text(
        "from benchbench import hookimpl\n@hookimpl\ndef benchbench_cell_finished(record):\n"
        "    raise SystemExit(record)\n")
    (folder / "b_observer.py").write_text(
        "from benchbench import hookimpl\nseen = []\n@hookimpl\n"
        "def benchbench_cell_finished(record):\n    seen.append(record)\n")
    assert registry().notify("the record") == ["observer a_observer: SystemExit: the record"]
    assert registry().manager.get_plugin("b_observer").seen == ["the record"]


def test_unknown_names_are_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match="unknown extractor 'goood'; did you mean 'good'"):
        registry().make("extractor", parse("goood"))
    with pytest.raises(UsageError, match=r"unknown parameter 'widht'; did you mean 'width'"):
        registry().make("extractor", parse("good[widht=3]"))
    with pytest.raises(UsageError, match="got 'wide', expected a whole number"):
        registry().make("extractor", parse("good[width=wide]"))


def test_identity_knows_parameters_and_code(folder: Path) -> None:
    first = registry().make("extractor", parse("good")).identity
    assert first["params"] == {"width": 2, "path": "x"}
    assert registry().make("extractor", parse("good[path=y]")).identity["params"]["path"] == "y"
    again = registry().make("extractor", parse("good")).identity
    assert again == first
    file = folder / "zz_good.py"
    file.write_text(file.read_text() + "# another line\n")
    from benchbench.identity import code_digest

    code_digest.cache_clear()  # what a new process would see
    assert registry().make("extractor", parse("good")).identity["code"] != first["code"]


@pytest.fixture(autouse=True)
def _clean_modules() -> Iterator[None]:
    """Modules that a test imported are forgotten."""
    import sys

    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("benchbench_file_", "_inner")):
            del sys.modules[name]
