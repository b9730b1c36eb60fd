"""``benchbench show``: a record by its id, its first digits or its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchbench.records import read_records, write_record
from tests.test_records import record

TOY = ("--task", "sum", "--dataset", "pictures", "--backbone", "net", "--no-controls")


@pytest.fixture
def out(toys: Path, tmp_path: Path, call: Any) -> Path:
    folder = tmp_path / "out"
    call("run", *TOY, "--device", "cpu", "--features", "mean[scale=2],raises", "--out", folder)
    return folder


def test_a_cell_that_is_ok(out: Path, call: Any) -> None:
    cell = next(r.cell for r in read_records(out) if r.status == "ok")
    for name in (cell, cell[:6], out / "cells" / f"{cell}.json"):
        done = call("show", name, "--out", out)
        assert done.code == 0
        lines = done.out.splitlines()
        assert lines[0] == f"{cell[:8]}  mean[scale=2.0] · net · pictures · sum"
        assert lines[1] == "status    ok (attempt 1)"
        assert any(line.startswith("error ") for line in lines)
        assert "24 of 24 images scored, 6 groups, sha256:" in done.out
        assert "features  shape [6] by toy" in lines
        assert "note      a note of the task" in lines
        assert "cost      sweep " in done.out
        assert lines[-1].startswith("repeat    benchbench run --task sum --dataset pictures")


def test_a_cell_that_failed(out: Path, call: Any) -> None:
    cell = next(r.cell for r in read_records(out) if r.status == "failed")
    done = call("show", cell, "--out", out)
    assert done.code == 0
    assert "reason    ValueError: the extractor is at a loss" in done.out
    assert done.out.rstrip().endswith("ValueError: the extractor is at a loss")
    assert "Traceback (most recent call last)" in done.out


def test_the_whole_record(out: Path, call: Any) -> None:
    for found in read_records(out):
        assert json.loads(call("show", found.cell, "--out", out, "--json").out) == json.loads(
            found.dumps())


def test_wrong_calls(tmp_path: Path, call: Any) -> None:
    for cell in ("3fa1", "3fa2"):
        write_record(tmp_path, record(cell))
    done = call("show", "3f", "--out", tmp_path)
    assert done.code == 2 and "2 records begin so, 3fa1 and 3fa2 among them" in done.err
    for name in ("77", "*", "../3fa1", ""):
        done = call("show", name, "--out", tmp_path)
        assert done.code == 2 and "no record in" in done.err
    (tmp_path / "cells" / "3fa1.json").write_text("{")
    done = call("show", "3fa1", "--out", tmp_path)
    assert done.code == 2 and "remove the file to compute the cell again" in done.err
