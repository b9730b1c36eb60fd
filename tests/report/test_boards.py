"""Which rows stand together: versions, what is superseded, commands, the overview, mean ranks."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from benchbench.records import CostEntry, Record, ScoreEntry
from benchbench.report import overview, text
from benchbench.report.board import Board, Estimate, Row
from benchbench.report.boards import boards
from benchbench.report.mean_rank import mean_ranks
from benchbench.report.names import backbone_labels
from benchbench.report.results import of_run
from tests.test_records import record


def _of(*records: Record) -> list[Board]:
    return boards(of_run(records, Path("run")), Path("tables"))


def _version(cell: str, version: str, **changes: Any) -> Record:
    return record(cell, task=record().task.model_copy(update={"version": version}), **changes)


def _identity(**changes: Any) -> dict[str, Any]:
    return {"engine": "1", "extractor": {"name": "grad", "version": "1", "code": "c1",
                                         "params": {"version": "kept"}},
            "preprocessing": {"size": "native"}, "seed": 0, **changes}


def test_versions_of_a_task_stand_apart_and_older_ones_in_the_archive() -> None:
    found = _of(_version("a1", "9"), _version("a2", "10"), _version("a3", "1.2"))
    assert [(b.version, b.archived, [r.cell for r in b.rows]) for b in found] == [
        ("10", False, ["a2"]), ("9", True, ["a1"]), ("1.2", True, ["a3"])]
    assert len({board.slug for board in found}) == 3
    pages = overview.pages(found)
    assert "0.889" in pages["iqa.md"] and pages["iqa.md"].count("\n## ") == 1
    assert pages["archive.md"].count("\n## ") == 2
    assert "Version 9 of the task" in pages["archive.md"]


def test_a_later_record_of_the_same_method_supersedes() -> None:
    code = _identity(engine="2", extractor={"name": "grad", "version": "2", "code": "c2",
                                            "params": {"version": "kept"}})
    old = record("a1", identity=_identity(), finished="2026-01-01T00:00:00+00:00")
    new = record("a2", identity=code, finished="2026-01-02T00:00:00+00:00")
    standing, past = _of(new, old)
    assert [row.cell for row in standing.rows] == ["a2"]
    assert [row.cell for row in past.rows] == ["a1"]
    assert past.archived and past.slug != standing.slug
    assert text.render(_of(old, new)) == text.render(_of(new, old))


@pytest.mark.parametrize("changes", [
    {"identity": _identity(seed=1), "seed": 1},
    {"identity": _identity(preprocessing={"size": "model"})},
    {"identity": _identity(extractor={"name": "grad", "params": {"version": "other"}})},
    {"identity": _identity(), "status": "failed", "reason": "no"},
    {"identity": _identity(), "finished": None},
    {"identity": _identity(), "finished": "2026-01-01T00:00:00+00:00"},
])
def test_another_method_a_failure_and_what_is_not_later_supersede_nothing(
    changes: dict[str, Any]
) -> None:
    old = record("a1", identity=_identity(), finished="2026-01-01T00:00:00+00:00")
    new = record("a2", **{"finished": "2026-01-02T00:00:00+00:00", **changes})
    (board,) = _of(old, new)
    assert {row.cell for row in board.rows} == {"a1", "a2"}


def test_a_row_says_all_there_is() -> None:
    base = record()
    cost = CostEntry(images_per_s=13.0, peak_memory_mb=812.0)
    extractor = base.extractor.model_copy(update={"shape": [3, 4], "params": {"reduce": "filter"}})
    backbone = base.backbone.model_copy(update={"parameters": 7})
    made = record("a1", cost=cost, extractor=extractor, backbone=backbone,
                  finished="2026-01-02T03:04:05+00:00")
    (board,) = _of(made)
    (row,) = board.rows
    assert row == Row(
        "a1", "grad[reduce=filter]", "unique", 0, False, "ok", None,
        {"srocc": Estimate(0.889, 0.8, 0.9)}, n=38, n_scored=38, images_per_s=13.0,
        peak_memory_mb=812.0, width=12, parameters=7, trust="self-reported", date="2026-01-02",
        record="../run/cells/a1.json", command=row.command)
    assert shlex.split(row.command) == [
        "benchbench", "run", "--features", "grad[reduce=filter]", "--task", "iqa[mode=nr]",
        "--dataset", "live", "--backbone", "unique", "--seed", "0", "--no-controls"]


def test_one_command_makes_the_whole_table() -> None:
    base = record()
    none = base.backbone.model_copy(update={"name": "none"})
    control = base.extractor.model_copy(update={"name": "pixels", "control": True})
    (board,) = _of(
        record("a1"), record("a2", seed=1),
        record("a3", extractor=base.extractor.model_copy(update={"name": "psnr"}), backbone=none),
        record("a4", extractor=control, backbone=none))
    assert shlex.split(board.command) == [
        "benchbench", "run", "--features", "grad,psnr", "--task", "iqa[mode=nr]",
        "--dataset", "live", "--backbone", "unique", "--seed", "0,1"]


def _board(dataset: str, values: dict[str, float], letters: dict[str, str] | None = None,
           groups: int = 30) -> Board:
    rows = [Row(name, name, "net", 0, name.startswith("control"), "ok", None,
                {"srocc": Estimate(value, value - 0.1, value + 0.1)}, (letters or {}).get(name, ""))
            for name, value in sorted(values.items(), key=lambda item: -item[1])]
    return Board(f"iqa-{dataset}", "iqa", dataset, "", "1", "mos", ("srocc",), rows=rows,
                 page="iqa.md", groups=groups, n=10)


def test_the_overview_names_what_cannot_be_told_apart_and_a_control_above() -> None:
    tied = _board("live", {"a": 0.9, "b": 0.8, "c": 0.1}, {"a": "a1b", "b": "ba", "c": "a"})
    few = _board("csiq", {"a": 0.5, "control x": 0.6}, groups=7)
    page = overview.overview([tied, few])
    lines = [line for line in page.splitlines() if line.startswith("| [iqa]")]
    assert "a · net" in lines[0] and "SROCC 0.900" in lines[0] and "b · net" in lines[0]
    assert "c · net" not in lines[0], "a1 and a are two letters"
    assert "no ranking is claimed: 7 groups; the control control x · net stands above" in lines[1]
    assert "Mean rank" not in page


def test_mean_ranks_are_those_of_the_tables_and_need_three() -> None:
    values = [{"a": 0.9, "b": 0.8, "c": 0.8, "d": 1.0}, {"a": 0.5, "b": 0.6, "c": 0.1},
              {"a": 0.5, "b": 0.4, "c": 0.1}, {"a": 0.5, "b": 0.4, "c": 0.3}]
    tables = [_board(f"set{i}", each) for i, each in enumerate(values)]
    assert mean_ranks(tables[:2]) == []
    (found,) = mean_ranks(tables)
    expected = np.mean([rankdata([-v[name] for name in "abc"]) for v in values], axis=0)
    assert {m.extractor: m.mean for m in found.methods} == dict(zip("abc", expected, strict=True))
    assert all(1 <= m.low <= m.mean <= m.high <= 3 for m in found.methods)
    assert found.datasets == ("set0", "set1", "set2", "set3")
    page = overview.overview(tables)
    assert "Mean rank over 4 tables: iqa" in page and "1.25" in page


def test_failed_rows_show_as_failed() -> None:
    (board,) = _of(record("a1"), record("a2", status="oom", reason="too big", scores={}))
    assert "oom" in text.render([board]) and "too big" in text.render([board])
    assert [row.status for row in board.rows] == ["ok", "oom"]


def test_a_score_without_a_value_is_a_word() -> None:
    (board,) = _of(record("a1", scores={"srocc": ScoreEntry(value=None, note="is constant")}))
    assert "undefined" in text.render([board])


def test_the_legend_keeps_the_brackets_of_nested_parameters() -> None:
    labels, legend = backbone_labels(["vae[source=parts[source=gtsrb]]*", "none"])
    assert labels == {"vae[source=parts[source=gtsrb]]*": "vae*", "none": "none"}
    assert legend == ["vae*: source=parts[source=gtsrb]"]
