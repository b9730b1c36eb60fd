"""Reading records: both layouts, each once, and everything that cannot be shown is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchbench import trust
from benchbench.errors import DataError, UsageError
from benchbench.records import Record, write_record
from benchbench.report.results import read
from tests.test_records import record


def accept(results: Path, made: Record, predictions: bytes | None = None) -> Path:
    """The record as an accepted one."""
    path = results / made.task.name / f"{made.cell}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.dumps(), encoding="utf-8")
    if predictions is not None:
        path.with_suffix(".parquet").write_bytes(predictions)
    return path


def test_both_layouts(tmp_path: Path) -> None:
    run, results = tmp_path / "run", tmp_path / "leaderboard" / "results"
    write_record(run, record("b1"))
    (run / "predictions").mkdir()
    (run / "predictions" / "b1.parquet").write_bytes(b"1")
    (run / "runs").mkdir()
    (run / "runs" / "manifest.json").write_text("{}")
    accept(results, record("a1"), b"2")
    accept(results, record("a2"))
    found = read([run, results])
    assert [(e.record.cell, e.path.name) for e in found] == [
        ("a1", "a1.json"), ("a2", "a2.json"), ("b1", "b1.json")]
    assert [e.predictions and e.predictions.read_bytes() for e in found] == [b"2", None, b"1"]
    assert [e.record.cell for e in read([results / "iqa"])] == ["a1", "a2"]
    assert [e.record.cell for e in read([tmp_path / "leaderboard"])] == ["a1", "a2"]
    assert [e.record.cell for e in read([results / "iqa" / "a2.json", results])] == ["a1", "a2"]


def test_trust_counts_while_the_files_are_those_that_were_confirmed(tmp_path: Path) -> None:
    path = accept(tmp_path, record("a1"), b"2")
    assert [e.trust for e in read([tmp_path])] == ["self-reported"]
    seal = trust.seal(path)
    assert seal is not None
    trust.write(tmp_path, {"a1": trust.Entry(
        trust.RERUN, seal, trust.seal(path.with_suffix(".parquet")), "2026-01-01")})
    for asked in (tmp_path, tmp_path / "iqa", path):
        assert [e.trust for e in read([asked])] == ["rerun in CI"]
    path.write_text(record("a1", notes=["changed"]).dumps())
    assert [e.trust for e in read([tmp_path])] == ["self-reported"]


def test_everything_that_cannot_be_shown_is_named_at_once(tmp_path: Path) -> None:
    accept(tmp_path, record("a1"))
    accept(tmp_path, record("a2", task=record().task.model_copy(update={"name": "iqu"})))
    shutil.copy(accept(tmp_path, record("a3")), tmp_path / "iqa" / "zz.json")
    accept(tmp_path / "other" / "..", record("a4")).rename(tmp_path / "iqa" / "a5.json")
    newer = json.loads(record("a6").dumps()) | {"schema": 99}
    (tmp_path / "iqa" / "a6.json").write_text(json.dumps(newer))
    nan = record("a7").dumps().replace("0.889", "NaN")
    (tmp_path / "iqa" / "a7.json").write_text(nan)
    (tmp_path / "iqa" / "a8.json").write_text("[")
    with pytest.raises(DataError) as raised:
        read([tmp_path])
    lines = str(raised.value).splitlines()
    for name, words in {
        "iqu/a2.json": "unknown task 'iqu'; did you mean 'iqa'?; install the plugin",
        "iqa/zz.json": f"cell a3 has a record in {tmp_path / 'iqa' / 'a3.json'} too",
        "iqa/a5.json": "it is of cell a4; name the file a4.json",
        "iqa/a6.json": "its schema is 99", "iqa/a7.json": "NaN is not JSON", "iqa/a8.json": "",
    }.items():
        (line,) = [line for line in lines if name in line and line.startswith("record")]
        assert words in line
    assert len(lines) == 6


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no records below"):
        read([tmp_path])
    with pytest.raises(UsageError, match="no such folder"):
        read([tmp_path / "missing"])
