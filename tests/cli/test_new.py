"""``benchbench new``: what it writes passes as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from benchbench.cli import cli
from benchbench.cli.new import _NAME
from benchbench.errors import UsageError
from benchbench.names import parse

pytestmark = pytest.mark.usefixtures("fresh_registry")

KINDS = ("extractor", "task", "backbone", "dataset")


def new(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["new", *arguments])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each kind."""
    folder = tmp_path_factory.mktemp("new")
    for kind in KINDS:
        done = new(kind, f"my-{kind}", "--dir", str(folder))
        assert done.exit_code == 0, done.output
    return folder


def main_file(kind: str) -> str:
    return "my_dataset.toml" if kind == "dataset" else f"my_{kind}.py"


def test_names_with_hyphens_become_file_names(written: Path) -> None:
    expected = {main_file(kind) for kind in KINDS} | {f"test_my_{kind}.py" for kind in KINDS}
    assert {path.name for path in written.iterdir() if path.is_file()} == expected
    assert 'name = "my-extractor"' in (written / "my_extractor.py").read_text()
    assert "class MyExtractor(Extractor)" in (written / "my_extractor.py").read_text()


def test_the_extractor_is_under_30_lines(written: Path) -> None:
    assert len((written / "my_extractor.py").read_text().splitlines()) < 30


@pytest.mark.parametrize("kind", KINDS)
def test_check_passes(kind: str, written: Path) -> None:
    done = CliRunner().invoke(cli, ["check", str(written / main_file(kind))])
    assert done.exit_code == 0, done.output
    assert " 0 failed" in done.stdout


def test_the_written_tests_pass(written: Path) -> None:
    """In a process of their own, as the user would run them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."], cwd=written,
        env={**os.environ, "PYTEST_ADDOPTS": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_written_tests_fail_with_the_plugin(written: Path, tmp_path: Path) -> None:
    code = (written / "my_extractor.py").read_text()
    (tmp_path / "my_extractor.py").write_text(
        code.replace("return (self.width,)", "return (self.width + 1,)"))
    (tmp_path / "test_my_extractor.py").write_text((written / "test_my_extractor.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."], cwd=tmp_path,
        env={**os.environ, "PYTEST_ADDOPTS": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "extract gave (5,) an image" in done.stdout


def test_nothing_is_overwritten(written: Path) -> None:
    before = {path: path.read_bytes() for path in written.rglob("*") if path.is_file()}
    done = new("task", "my-extractor", "--dir", str(written))
    assert isinstance(done.exception, UsageError)
    assert "my_extractor.py exists already" in str(done.exception)
    assert {path: path.read_bytes() for path in written.rglob("*") if path.is_file()
            if path in before} == before


@pytest.mark.parametrize("name", [
    "Upper", "1st", "-x", "a--b", "a-", "a b", "a/b", "../a", "class", "test-x", "a.b", "ä", "",
])
def test_bad_names_are_refused(name: str, tmp_path: Path) -> None:
    done = new("extractor", "--dir", str(tmp_path), "--", name)
    assert isinstance(done.exception, UsageError)
    assert "expected small letters" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_taken_names_are_refused(tmp_path: Path) -> None:
    done = new("extractor", "pixels", "--dir", str(tmp_path))
    assert "is given by plugin benchbench_plugins.controls already" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = new("task", "mine", "--dir", str(tmp_path / "file" / "below"))
    assert isinstance(done.exception, UsageError)
    assert "cannot be written" in str(done.exception)


def test_writing_imports_nothing_heavy(tmp_path: Path) -> None:
    code = ("import sys; from benchbench.cli import cli; "
            "cli(['new', 'extractor', 'mine'], standalone_mode=False); "
            "assert not {'torch', 'pandas'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr


@given(st.from_regex(_NAME, fullmatch=True))
def test_every_allowed_name_is_a_selector_and_a_module(name: str) -> None:
    assert parse(name).name == name
    assert name.replace("-", "_").isidentifier()
