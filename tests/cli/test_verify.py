"""``benchbench verify`` and ``benchbench submit`` as commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchbench import trust
from tests.toys import execute, selection
from tests.verification.laid_out import record_of, tamper


def test_submit_then_verify(
    tmp_path: Path, toys: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(tmp_path / "runs", selection("mean,spread"))
    results = tmp_path / "results"
    done = call("submit", tmp_path / "runs", "--to", results)
    assert (done.code, done.out) == (0, f"2 new, 0 there already, 0 refused in {results}\n")
    done = call("verify", results, "--write")
    assert (done.code, done.out) == (
        0, "2 records: 2 recomputed from predictions, 0 problems\n")
    monkeypatch.setenv("CI", "true")
    done = call("verify", results, "--rerun", 1, "--write")
    assert done.code == 0
    assert "1 of 2: run again, to the same scores (" in done.out
    assert sorted(entry.trust for entry in trust.read(results).values()) == [
        trust.RECOMPUTED, trust.RERUN]
    shown = call("show", record_of(results).stem[:5], "--out", results)
    assert shown.code == 0 and "dataset   pictures 1: 24 of 24 images scored" in shown.out


def test_a_problem_is_one_line_and_exit_code_1(tmp_path: Path, toys: Path, call: Any) -> None:
    execute(tmp_path / "runs", selection("mean,spread"))
    call("submit", tmp_path / "runs", "--to", tmp_path / "results")
    path = record_of(tmp_path / "results")
    tamper(path, lambda data: data["scores"]["error"].update(value=0.0))
    done = call("verify", tmp_path / "results", "--write")
    assert done.code == 1
    first, second, third = done.out.splitlines()
    assert first.startswith(f"{path}: score error: expected ")
    assert second == "2 records: 1 recomputed from predictions, 1 problem"
    assert third == "nothing written while there are problems"
    done = call("submit", tmp_path / "runs", "--to", tmp_path / "results")
    assert done.code == 1
    assert done.out.startswith(f"refused: {path}: accepted already with other content")


def test_names_do_not_reach_the_terminal_as_commands(
    tmp_path: Path, toys: Path, call: Any
) -> None:
    execute(tmp_path / "runs", selection("mean"))
    call("submit", tmp_path / "runs", "--to", tmp_path / "results")
    tamper(record_of(tmp_path / "results"), lambda data: data["dataset"].update(
        name="\x1b[2Jnothing", fingerprint="\x1b[31m"))
    done = call("verify", tmp_path / "results")
    assert done.code == 1
    assert "\x1b" not in done.out
    assert "[2Jnothing" in done.out


def test_wrong_calls(tmp_path: Path, toys: Path, call: Any) -> None:
    assert call("verify").code == 2
    assert call("verify", tmp_path / "none").code == 2
    done = call("verify", tmp_path)
    assert done.code == 2 and "give a run's folder" in done.err
    done = call("submit", tmp_path)
    assert done.code == 2 and "give the --out folder of a run" in done.err
