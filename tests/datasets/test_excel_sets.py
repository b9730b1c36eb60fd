"""CSIQ and SPAQ from Excel sheets in their official layouts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchbench.errors import DataError
from benchbench.tables import load_table
from tests.datasets.layouts import csiq, picture, read

pytest.importorskip("openpyxl")
TYPES = ("noise", "blur", "contrast", "fnoise", "jpeg", "jpeg 2000")
ROWS = [(name, i, kind, level, 0.05, round(level * 0.19, 4))
        for i, name in enumerate((1600, "aerial_city")) for kind in TYPES for level in (1, 2, 5)]


def test_csiq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    csiq(tmp_path / "csiq", ROWS)
    folder = tmp_path / "csiq"
    picture(folder / "dst_imgs/awgn/1600.AWGN.1.png")
    picture(folder / "dst_imgs/jpeg2000/aerial_city.jpeg2000.5.png")
    picture(folder / "src_imgs/1600.png")
    part = read("csiq", tmp_path, monkeypatch)
    table = load_table(part)
    assert len(table) == 36 and part.n_official == 866
    assert (part.score_kind, part.higher_is_better) == ("dmos", False)
    assert list(table["score"]) == [row[5] for row in ROWS]
    assert list(table["level"]) == [row[3] for row in ROWS]
    assert part.path(table["image"][0]).name == "1600.AWGN.1.png"
    assert part.path(table["reference"][0]).is_file()
    assert part.path(table["image"][35]).is_file()


@pytest.mark.parametrize(("rows", "said"), [
    ([(1600, 1, "fog", 1, 0.1, 0.2)], "entry 1: dst_type is 'fog', which the card does not know"),
    ([(1600, 1, "blur", 1, 0.1, 1.2)], "entry 1: score 1.2 is outside the card's range 0 to 1"),
    ([(1600, 1, "blur", 1, 0.1, None)], "entry 1: dmos is '', expected a finite number"),
    ([(1600, 1, "blur", k, 0.1, 1 - k / 9) for k in (1, 5)], "a lower score is better, but"),
])
def test_a_wrong_sheet_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, rows: list, said: str
) -> None:
    csiq(tmp_path / "csiq", rows)
    with pytest.raises(DataError, match=said):
        read("csiq", tmp_path, monkeypatch).table()


def test_without_openpyxl_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    csiq(tmp_path / "csiq", ROWS)
    part = read("csiq", tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"needs openpyxl; pip install .*\[excel\]"):
        part.table()


def test_a_file_that_is_no_excel_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    csiq(tmp_path / "csiq", ROWS)
    (tmp_path / "csiq/csiq.DMOS.xlsx").write_text("no such thing")
    with pytest.raises(DataError, match="cannot be read as an Excel file"):
        read("csiq", tmp_path, monkeypatch).table()


def test_spaq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (("Image name", "MOS", "Brightness"), ("00001.jpg", 37.07, 50.1),
                ("00002.jpg", 42, 51)):
        book.active.append(row)
    folder = tmp_path / "spaq/Annotations"
    folder.mkdir(parents=True)
    book.save(folder / "MOS and Image attribute scores.xlsx")
    table = load_table(read("spaq", tmp_path, monkeypatch))
    assert list(table["image"]) == ["TestImage/00001.jpg", "TestImage/00002.jpg"]
    assert list(table["score"]) == [37.07, 42]
