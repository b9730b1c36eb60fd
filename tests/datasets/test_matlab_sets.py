"""LIVE, LIVE-MD and LIVE in the Wild from MATLAB tables in their official layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from benchbench.errors import DataError
from benchbench.tables import load_table
from tests.datasets.layouts import LIVE, cell, live, picture, read


def test_live_leaves_the_copies_of_references_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    truth = live(tmp_path / "live")
    part = read("live", tmp_path, monkeypatch)
    table = load_table(part)
    assert len(table) == part.n_official == 779
    assert table.attrs == {"score_kind": "dmos", "std_kind": None, "higher_is_better": False}
    kept = truth["orgs"] == 0
    np.testing.assert_array_equal(table["score"], truth["dmos"][kept] - 2)
    np.testing.assert_array_equal(table["score_std"], truth["std"][kept])
    assert list(table["reference"]) == [f"refimgs/{r}" for r in truth["references"][kept]]
    assert table["group"].nunique() == 29
    names = [f"{kind}/img{i}.bmp" for kind, n in LIVE.items() for i in range(1, n + 1)]
    assert list(table["image"]) == list(np.array(names)[kept])
    assert dict(table["distortion"].value_counts()) == {
        "jp2k": 169, "jpeg": 175, "wn": 145, "gblur": 145, "fastfading": 145}


def test_live_keeps_them_for_published_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    truth = live(tmp_path / "live")
    part = read("live[references=keep,scores=original]", tmp_path, monkeypatch)
    table = load_table(part)
    assert len(table) == part.n_official == 982
    assert "203 of the rows are copies" in part.notes[0]
    np.testing.assert_array_equal(table["score"], truth["dmos"])
    assert "score_std" not in table


def test_the_four_variants_of_live_have_keys_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbench.catalogue import make_dataset
    from benchbench.identity import digest
    from benchbench.names import parse

    live(tmp_path / "live")
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    names = ("live", "live[references=keep]", "live[scores=original]", "live[references=drop]")
    keys = [digest(make_dataset(parse(name)).identity) for name in names]
    assert len(set(keys)) == 3 and keys[0] == keys[3]


@pytest.mark.parametrize(("drop", "said"), [
    ("orgs", "dmos_realigned.mat: holds no variable 'orgs'; fetch the official file"),
    ("short", r"the columns differ in length \(dmos 982, std 981,"),
])
def test_a_wrong_matlab_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop: str, said: str, store: Path
) -> None:
    truth = live(tmp_path / "live")
    data = {"dmos_new": truth["dmos"], "dmos_std": truth["std"], "orgs": truth["orgs"]}
    if drop == "short":
        data["dmos_std"] = truth["std"][1:]
    else:
        del data[drop]
    savemat(tmp_path / "live/dmos_realigned.mat", data)
    with pytest.raises(DataError, match=said):
        read("live", tmp_path, monkeypatch).table()


def test_a_broken_matlab_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    live(tmp_path / "live")
    (tmp_path / "live/dmos_realigned.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(300))
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        read("live", tmp_path, monkeypatch).table()


def test_live_md_joins_both_parts_by_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    contents = ["babygirl", "palace1"]
    for part, other in (("Part 1/blurjpeg", "jpeg"), ("Part 2/blurnoise", "noise")):
        names = [f"{c}_{d}.bmp" for c in contents for d in ("blur1", f"blur1_{other}2")]
        folder = tmp_path / "live-md" / part
        for i, name in enumerate([*names, *(f"{c}.bmp" for c in contents)]):
            picture(folder / name, i)
        scores = np.arange(len(names), dtype=float)[None] + (0.5 if other == "noise" else 0.25)
        savemat(folder.parent / "Imagelists.mat", {"distimgs": cell(names)})
        savemat(folder.parent / "Scores.mat", {"DMOSscores": scores})
    part = read("live-md", tmp_path, monkeypatch)
    table = load_table(part)
    assert list(table["score"]) == [0.25, 1.25, 2.25, 3.25, 0.5, 1.5, 2.5, 3.5]
    assert table["image"][0] == "Part 1/blurjpeg/babygirl_blur1.bmp"
    assert table["reference"][7] == "Part 2/blurnoise/palace1.bmp"
    assert list(table["group"]) == ["babygirl", "babygirl", "palace1", "palace1"] * 2
    assert list(table["distortion"].unique()) == ["blurjpeg", "blurnoise"]
    assert all(part.path(image).is_file() for image in [*table["image"], *table["reference"]])
    assert part.load(table["image"][7]).shape == (10, 12, 3)


def test_clive_leaves_its_first_seven_entries_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    names = [*(f"t{i}.bmp" for i in range(1, 8)), "3.bmp", "4.JPG", "10.bmp"]
    data = tmp_path / "clive/Data"
    data.mkdir(parents=True)
    savemat(data / "AllImages_release.mat", {"AllImages_release": cell(names)})
    savemat(data / "AllMOS_release.mat", {"AllMOS_release": np.arange(10.0)[None]})
    savemat(data / "AllStdDev_release.mat", {"AllStdDev_release": np.arange(10.0)[None] / 8})
    for name in names[7:]:
        picture(tmp_path / "clive/Images" / name)
    part = read("clive", tmp_path, monkeypatch)
    table = load_table(part)
    assert list(table["image"]) == ["Images/3.bmp", "Images/4.JPG", "Images/10.bmp"]
    assert list(table["score"]) == [7, 8, 9]
    assert list(table["score_std"]) == [0.875, 1, 1.125]
    assert table.attrs["std_kind"] == "ratings" and table.attrs["higher_is_better"]
