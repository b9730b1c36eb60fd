"""``benchbench report``: the same bytes for the same records, and nothing of a record is markup."""

from __future__ import annotations

import csv
import io
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchbench.records import Record, ScoreEntry, read_records, write_record
from benchbench.report import csv as csv_report
from benchbench.report import markdown, text
from benchbench.report.rows import tables
from tests.test_records import record


def _task(**params: Any) -> Any:
    return record().task.model_copy(update={"params": {"mode": "nr", **params},
                                            "metrics": ["srocc", "plcc"]})


def _cell(cell: str, srocc: float | None, *, name: str = "grad", control: bool = False,
          **changes: Any) -> Record:
    base = record()
    entry = ScoreEntry(value=srocc, ci95=None if srocc is None else (srocc - 0.1, srocc + 0.1),
                       reliable=False, note=None if srocc is not None else "is constant")
    given = {
        "extractor": base.extractor.model_copy(update={"name": name, "control": control}),
        "task": _task(), "scores": {"srocc": entry, "plcc": ScoreEntry(value=0.5)},
    }
    return record(cell, **{**given, **changes})


def _many() -> list[Record]:
    base = record()
    smaller = base.dataset.model_copy(update={"n": 9, "fingerprint": "sha256:9"})
    return [
        _cell("a1", 0.5), _cell("a2", 0.7, name="activation"), _cell("a3", None, name="flat"),
        _cell("a4", 0.9, name="random", control=True),
        _cell("a5", 0.7, name="activation", seed=1),
        _cell("a6", None, name="broken", status="failed", reason="ValueError: no", scores={}),
        _cell("a7", 0.1, task=_task(labels="shuffled"), control=True),
        _cell("a8", 0.3, task=base.task.model_copy(update={"params": {"mode": "fr"}})),
        _cell("a9", 0.99, name="tiny", dataset=smaller),
    ]


@pytest.mark.parametrize("render", [markdown.render, text.render, csv_report.render])
def test_the_order_of_records_does_not_matter(render: Any) -> None:
    records = _many()
    expected = render(records)
    for seed in range(8):
        random.Random(seed).shuffle(records)
        assert render(records) == expected


def test_the_order_of_rows() -> None:
    by_title = [(table.title, [row[0] for row in table.rows]) for table in tables(_many())]
    assert by_title == [
        ("iqa · live · full-reference", ["grad"]),
        ("iqa · live · no-reference",
         ["activation", "activation", "grad", "flat", "broken", "random (control)",
          "grad, shuffled labels (control)"]),
        ("iqa · live · no-reference", ["tiny"]),
    ]


def test_other_images_stand_in_another_table() -> None:
    """A run of nine images is no row of the table of thirty-eight."""
    abouts = [table.about[0] for table in tables(_many())]
    assert abouts[1].startswith("38 images of 779 official, 3 groups")
    assert abouts[2].startswith("9 images of 779 official, 3 groups")


def test_every_record_is_there_and_undefined_is_a_word() -> None:
    (_, table, _) = tables(_many())
    rows = {(row[0], row[2]): row for row in table.rows}
    assert table.header == ["extractor", "backbone", "seed", "SROCC", "95 % interval", "PLCC"]
    assert rows["activation", "0"][3:] == ["0.700", "~0.600 … 0.800", "0.500"]
    assert rows["flat", "0"][3:5] == ["undefined", "none"]
    assert rows["broken", "0"][3] == "failed"
    assert "broken · unique: failed: ValueError: no" in table.notes
    assert any(note.startswith("~ interval from fewer than 20") for note in table.notes)
    assert "nan" not in markdown.render(_many()).lower().replace("finance", "")


def test_backbones_with_other_parameters_are_told_apart() -> None:
    base = record()
    weighted = base.backbone.model_copy(update={"params": {"weights": "w.mat"}})
    (table,) = tables([_cell("a1", 0.5), _cell("a2", 0.6, backbone=weighted)])
    names = [row[1] for row in table.rows]
    assert len(set(names)) == 2
    assert any(f"{names[0]}: weights=w.mat" in line for line in [*table.about, *table.notes])


def test_a_backbone_fitted_on_the_tested_pictures_is_starred() -> None:
    marked = _cell("a1", 0.5, notes=["backbone fitted on this dataset's own references (demo)"])
    (table,) = tables([marked])
    assert [row[1] for row in table.rows] == ["unique*"]
    assert any(line.startswith("* the backbone was fitted") for line in table.about)


HOSTILE = "<script>x</script> [a](http://b) | *c* `d` # e\n\n| f | ![g](h) \\| _i_ {j}"


def test_markup_is_shown_and_not_interpreted() -> None:
    base = record()
    page = markdown.render([_cell(
        "a1", 0.5, name=HOSTILE, status="failed", reason=HOSTILE,
        dataset=base.dataset.model_copy(update={"name": HOSTILE, "notes": [HOSTILE]}),
        backbone=base.backbone.model_copy(update={"name": HOSTILE}),
        task=_task().model_copy(update={"name": HOSTILE, "metrics": [HOSTILE]}))])
    import re

    bare = re.sub(r"\\.", "", page)
    assert "script" in bare
    for mark in ("<", ">", "[", "]", "`", "*", "{", "!", "_"):
        assert mark not in bare, mark
    rows = [line for line in bare.splitlines() if line.startswith("|")]
    assert len(rows) == 3 and len({line.count("|") for line in rows}) == 1
    assert [line for line in bare.splitlines() if line.startswith("#")] == [page_title(bare)]


def page_title(page: str) -> str:
    return page.splitlines()[0]


def test_csv_holds_everything() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_report.render(_many()))))
    assert len(rows) == 9
    by_cell = {row["cell"]: row for row in rows}
    assert by_cell["a2"]["srocc"] == "0.7" and by_cell["a2"]["srocc_low"] == "0.6"
    assert by_cell["a3"]["srocc"] == "" and by_cell["a6"]["reason"] == "ValueError: no"
    assert by_cell["a4"]["control"] == "True" and by_cell["a9"]["n"] == "9"
    strange = _cell("b1", 0.5, reason=HOSTILE, status="failed")
    (row,) = csv.DictReader(io.StringIO(csv_report.render([strange])))
    assert row["reason"] == HOSTILE


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for each in _many():
        write_record(tmp_path / "out", each)
    return tmp_path / "out"


def test_the_command_writes_the_same_bytes_wherever_the_records_lie(
    out: Path, tmp_path: Path, call: Any
) -> None:
    assert call("report", out, "--format", "md,csv,text", "--out", tmp_path / "a").code == 0
    (tmp_path / "other").mkdir()
    for number, path in enumerate(sorted(out.glob("cells/*.json"), reverse=True)):
        shutil.copy(path, tmp_path / "other" / f"{number}.json")
    done = call("report", tmp_path / "other", "--format", "md,csv,text", "--out", tmp_path / "b")
    assert done.code == 0 and done.out.splitlines()[0] == f"written: {tmp_path}/b/leaderboard.md"
    for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "leaderboard.md").read_text("utf-8") == markdown.render(
        read_records(out))


def test_one_record_by_its_path_and_printing(out: Path, call: Any) -> None:
    done = call("report", out / "cells" / "a8.json")
    assert done.out == markdown.render([r for r in read_records(out) if r.cell == "a8"])


def test_wrong_calls(out: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = call("report", out, "--format", "mdd")
    assert done.code == 2 and "--format 'mdd': unknown; did you mean 'md'?" in done.err
    monkeypatch.chdir(tmp_path)
    done = call("report")
    assert done.code == 2 and "runs: no such folder; run `benchbench run` first" in done.err
    (tmp_path / "empty").mkdir()
    assert "no records below" in call("report", "empty").err
    assert call("report", "missing").code == 2
    (out / "cells" / "a8.json").write_text('{"schema": 1')
    done = call("report", out)
    assert done.code == 2 and "a8.json" in done.err and done.out == ""
