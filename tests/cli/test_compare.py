"""``benchbench compare``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.toys import execute, selection


def test_two_runs_as_a_table_and_as_json(
    toys: Path, store: Path, tmp_path: Path, call: Any
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    execute(a, selection("mean", task="iqa[mode=fr]"))
    execute(b, selection("mean,spread", task="iqa[mode=fr]"))
    printed = call("compare", a, b)
    assert printed.code == 0
    assert "the same cell" in printed.out
    assert "only in B" in printed.out
    rows = json.loads(call("compare", a, b, "--json").out)
    assert {row["extractor"]: row["difference"] for row in rows} == {"mean": 0.0, "spread": None}


def test_a_folder_without_records_is_a_wrong_call(
    toys: Path, store: Path, tmp_path: Path, call: Any
) -> None:
    (tmp_path / "a").mkdir()
    found = call("compare", tmp_path / "a", tmp_path / "a")
    assert found.code == 2
    assert "no records" in found.err
