"""``benchbench report``: the same bytes for the same records, and nothing of a record is markup."""

from __future__ import annotations

import csv
import io
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchbench.records import Record, ScoreEntry, write_record
from benchbench.report import cells, markdown, overview, text
from benchbench.report import csv as csv_report
from benchbench.report.board import Board
from benchbench.report.boards import boards
from benchbench.report.results import of_run, read
from tests.test_records import record


def _boards(records: list[Record]) -> list[Board]:
    return boards(of_run(records, Path("out")), Path("out"))


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


@pytest.mark.parametrize("render", [
    markdown.render, text.render, csv_report.render, overview.pages])
def test_the_order_of_records_does_not_matter(render: Any) -> None:
    records = _many()
    expected = render(_boards(records))
    for seed in range(8):
        random.Random(seed).shuffle(records)
        assert render(_boards(records)) == expected


def test_the_order_of_rows() -> None:
    by_title = [(board.title, [row[0] for row in cells.rows(board)[0]])
                for board in _boards(_many())]
    assert by_title == [
        ("iqa · live · full-reference", ["grad"]),
        ("iqa · live · no-reference",
         ["activation", "activation", "grad", "flat", "broken", "random (control)",
          "grad, shuffled labels (control)"]),
        ("iqa · live · no-reference", ["tiny"]),
    ]


def test_other_images_stand_in_another_table() -> None:
    """A run of nine images is no row of the table of thirty-eight."""
    abouts = [board.about[0] for board in _boards(_many())]
    assert abouts[1].startswith("38 images of 779 official, 3 groups")
    assert abouts[2].startswith("9 images of 779 official, 3 groups")


def test_every_record_is_there_and_undefined_is_a_word() -> None:
    (_, board, _) = _boards(_many())
    found, notes = cells.rows(board)
    rows = {(row[0], row[2]): row for row in found}
    assert cells.header(board) == [
        "extractor", "backbone", "seed", "SROCC", "95 % interval", "PLCC"]
    assert rows["activation", "0"][3:] == ["0.700", "~0.600 … 0.800", "0.500"]
    assert rows["flat", "0"][3:5] == ["undefined", "none"]
    assert rows["broken", "0"][3] == "failed"
    assert "broken · unique: failed: ValueError: no" in notes
    assert any(note.startswith("~ interval from fewer than 20") for note in notes)
    assert "nan" not in markdown.render(_boards(_many())).lower()


def test_backbones_with_other_parameters_are_told_apart() -> None:
    base = record()
    weighted = base.backbone.model_copy(update={"params": {"weights": "w.mat"}})
    (board,) = _boards([_cell("a1", 0.5), _cell("a2", 0.6, backbone=weighted)])
    rows, notes = cells.rows(board)
    assert [row[1] for row in rows] == ["unique (2)", "unique (1)"]
    assert "unique (2): weights=w.mat" in notes


def test_a_backbone_fitted_on_the_tested_pictures_is_starred() -> None:
    marked = _cell("a1", 0.5, notes=["backbone fitted on this dataset's own references (demo)"])
    (board,) = _boards([marked])
    assert [row[1] for row in cells.rows(board)[0]] == ["unique*"]
    assert any(line.startswith("* the backbone was fitted") for line in board.about)


HOSTILE = ("<script>x</script> [a](http://b) | *c* `d` # e\n\n| f | ![g](h) \\| _i_ {j} ```\n# k "
           "&lt; ~~l~~ $m$ @n")


def _hostile() -> list[Record]:
    base = record()
    return [_cell(
        "a1", 0.5, name=HOSTILE, status="failed", reason=HOSTILE,
        dataset=base.dataset.model_copy(update={"name": HOSTILE, "notes": [HOSTILE]}),
        backbone=base.backbone.model_copy(update={"name": HOSTILE}),
        task=_task().model_copy(update={"name": HOSTILE, "metrics": [HOSTILE]}))]


def _interpreted(page: str) -> str:
    """What a Markdown reader could take for markup: without blocks of code, escapes, our links."""
    for fence in re.findall("(?m)^(`{3,})$", page):
        page = re.sub(f"(?ms)^{fence}$.*?^{fence}$", "", page)
    page = re.sub(r'<a id="[a-z0-9-]+"></a>|<!-- [a-z `:]+ -->', "", page)
    page = re.sub(r"(?<!\\)\[((?:\\.|[^\]\[])*)\]\([A-Za-z0-9/.#-]+\)", r"\1", page)
    return re.sub(r"\\.", "", page)


def test_markup_is_shown_and_not_interpreted() -> None:
    found = _boards(_hostile())
    pages = overview.pages(found)
    assert sorted(pages) == [
        "README.md", "archive.md",
        "script-x-script-a-http-b-c-d-e-f-g-h-i-j-k-lt-l-m-n.md"]
    for page in [markdown.render(found), *pages.values()]:
        bare = _interpreted(page)
        for mark in "<>[]`*{!_&$@":
            assert mark not in bare, (mark, bare)
        assert "://" not in bare
        rows = [line for line in bare.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1
        assert all(re.match("#+ [A-Z]|#+ script", line) for line in bare.splitlines()
                   if line.startswith("#"))
    assert "script" in _interpreted(markdown.render(found))


def test_csv_holds_everything() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_report.render(_boards(_many())))))
    assert len(rows) == 9
    by_cell = {row["cell"]: row for row in rows}
    assert by_cell["a2"]["srocc"] == "0.7" and by_cell["a2"]["srocc_low"] == "0.6"
    assert by_cell["a3"]["srocc"] == "" and by_cell["a6"]["reason"] == "ValueError: no"
    assert by_cell["a4"]["control"] == "True" and by_cell["a9"]["n"] == "9"
    assert by_cell["a2"]["command"].startswith("benchbench run --features activation --task")
    strange = _cell("b1", 0.5, reason=HOSTILE, status="failed")
    (row,) = csv.DictReader(io.StringIO(csv_report.render(_boards([strange]))))
    assert row["reason"] == HOSTILE


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_text_in_a_csv_is_no_formula(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(csv_report.render(_boards([
        _cell("b1", -0.5, name=text, reason=text, status="failed")])), newline=""))
    shown = "'" + text.replace("\r", "\n")
    assert row["extractor"] == row["reason"] == shown
    assert row["srocc"] == "-0.5"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for each in _many():
        write_record(tmp_path / "out", each)
    return tmp_path / "out"


def test_the_command_writes_the_same_bytes_wherever_the_records_lie(
    out: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = tmp_path / "copy"
    (again / "cells").mkdir(parents=True)
    for path in sorted(out.glob("cells/*.json"), reverse=True):
        shutil.copy(path, again / "cells")
    formats = ("--format", "md,html,csv,text")
    assert call("report", out, *formats, "--out", out / "tables").code == 0
    monkeypatch.chdir(again)
    done = call("report", ".", *formats, "--out", "tables")
    assert done.code == 0
    assert done.out.splitlines() == [f"written: tables/{name}" for name in (
        "README.md", "iqa.md", "archive.md", "index.html", "leaderboard.csv", "leaderboard.txt")]
    for path in (again / "tables").iterdir():
        assert path.read_bytes() == (out / "tables" / path.name).read_bytes()
        assert b"\r" not in path.read_bytes()
        assert str(tmp_path).encode() not in path.read_bytes()


def test_check_names_what_differs_and_writes_nothing(out: Path, tmp_path: Path, call: Any) -> None:
    tables = tmp_path / "tables"
    words = ("report", out, "--format", "md,csv", "--out", tables)
    done = call(*words, "--check")
    assert done.code == 1 and f"{tables / 'README.md'}: missing" in done.out
    assert not tables.exists()
    assert call(*words).code == 0
    assert call(*words, "--check").code == 0
    (tables / "iqa.md").write_text("0.9")
    (tables / "old.md").write_text(overview.MARK + "# old\n")
    (tables / "notes.md").write_text("mine\n")
    done = call(*words, "--check")
    assert done.code == 1 and done.out.splitlines()[:2] == [
        f"{tables / 'iqa.md'}: differs from what the records give",
        f"{tables / 'old.md'}: of a task without records"]
    assert (tables / "iqa.md").read_text() == "0.9"
    assert call(*words).code == 0 and call(*words, "--check").code == 0
    assert (tables / "notes.md").is_file() and not (tables / "old.md").exists()
    assert call("report", out, "--check").code == 2


def test_one_record_by_its_path_and_printing(out: Path, call: Any) -> None:
    done = call("report", out / "cells" / "a8.json")
    assert done.out == markdown.render(boards(read([out / "cells" / "a8.json"])))
    assert "## iqa · live · full-reference" in done.out


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
