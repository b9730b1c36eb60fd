"""TID2013, TID2008, KADID-10k, MDID, PIPAL, KonIQ-10k and FLIVE in their official layouts."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from benchbench.cards import CardDataset
from benchbench.errors import DataError, UsageError
from benchbench.tables import load_table
from tests.datasets.layouts import picture, read


def tid(folder: Path, types: int, levels: int) -> None:
    """Scores of a TID set: 9 - level and a little of the type; mixed letter case."""
    lines, stds = [], []
    for reference in range(1, 26):
        for kind in range(1, types + 1):
            for level in range(1, levels + 1):
                first = "I" if reference == 1 and kind == 1 else "i"
                lines.append(f"{8 - level + kind / 100:.5f} {first}{reference:02}_{kind:02}_{level}"
                             f".{'BMP' if kind == 2 else 'bmp'}")
                stds.append(f"{level / 10}")
    folder.mkdir(parents=True)
    (folder / "mos_with_names.txt").write_text("\r\n".join(lines) + "\r\n")
    (folder / "mos_std.txt").write_text("\n".join(stds) + "\n")


@pytest.mark.parametrize(("name", "types", "levels"), [("tid2013", 24, 5), ("tid2008", 17, 4)])
def test_tid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, name: str, types: int, levels: int
) -> None:
    folder = tmp_path / name
    tid(folder, types, levels)
    picture(folder / "distorted_images/i01_01_1.bmp")  # the table says I01_01_1.bmp
    picture(folder / "distorted_images/I25_02_1.bmp")  # the table says i25_02_1.BMP
    picture(folder / "reference_images/i25.bmp")
    picture(folder / "reference_images/I01.BMP")
    part = read(name, tmp_path, monkeypatch)
    table = load_table(part)
    assert len(table) == part.n_official == 25 * types * levels
    assert table["group"].nunique() == 25 and table["distortion"].nunique() == types
    assert set(table["level"]) == set(range(1, levels + 1))
    assert list(table["score_std"][:levels]) == [level / 10 for level in range(1, levels + 1)]
    first, last = table.iloc[0], table[table["image"].str.endswith("i25_02_1.BMP")].iloc[0]
    assert (first["distortion"], last["distortion"]) == (
        "additive-gaussian-noise", "colour-component-noise")
    assert part.path(first["image"]).name == "i01_01_1.bmp"
    assert part.path(first["reference"]).name == "I01.BMP"
    assert part.path(last["image"]).name == "I25_02_1.bmp"
    assert part.path(last["reference"]).name == "i25.bmp"


def test_two_files_that_differ_in_case_alone_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    folder = tmp_path / "tid2013"
    tid(folder, 24, 5)
    a = picture(folder / "distorted_images/I01_01_1.bmp", 1)
    b = picture(folder / "distorted_images/i01_01_1.bmp", 2)
    if a.samefile(b):
        pytest.skip("this file system does not tell letter case apart")
    part = read("tid2013", tmp_path, monkeypatch)
    assert part.path("distorted_images/I01_01_1.bmp") == a
    assert part.path("distorted_images/i01_01_1.BMP").name == "i01_01_1.BMP"  # none, not a guess


@pytest.mark.parametrize(("old", "new", "said"), [
    ("i01_03_1.bmp", "i01_3_1.bmp", r"line 11: image '.*/i01_3_1.bmp' is not named as the card"),
    ("i01_03_1.bmp", "i01_03_2.bmp", "line 12: image .* stands in .*line 11 too; ids must be uni"),
    ("i01_03_1.bmp", "i01_29_1.bmp", "line 11: distortion is '29', which the card does not know"),
    ("7.03000 i01_03", "9.1 i01_03", "line 11: score 9.1 is outside the card's range 0 to 9"),
    ("7.03000 i01_03", "x i01_03", "line 11: mos is 'x', expected a finite number"),
    ("7.03000 i01_03", "7.03000 1 i01_03", "line 11: expected 2 cells, got 3"),
])
def test_a_wrong_table_is_refused_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, old: str, new: str, said: str
) -> None:
    tid(tmp_path / "tid2013", 24, 5)
    file = tmp_path / "tid2013/mos_with_names.txt"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=said) as caught:
        read("tid2013", tmp_path, monkeypatch).table()
    assert str(file) in str(caught.value)


def test_a_table_the_wrong_way_round_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    tid(tmp_path / "tid2013", 24, 5)
    file = tmp_path / "tid2013/mos_with_names.txt"
    pairs = [line.split() for line in file.read_text().splitlines()]
    file.write_text("\n".join(f"{9 - float(mos)} {name}" for mos, name in pairs))
    with pytest.raises(DataError, match="a higher score is better, but scores get better with the "
                       r"level in 21 of 21 distortions \(additive-gaussian-noise, "):
        read("tid2013", tmp_path, monkeypatch).table()


def test_levels_that_are_no_severity_do_not_speak_for_the_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    tid(tmp_path / "tid2013", 24, 5)
    file = tmp_path / "tid2013/mos_with_names.txt"
    pairs = [line.split() for line in file.read_text().splitlines()]
    turned = {"15", "16", "17"}  # rise with the level, as they may
    file.write_text("\n".join(
        f"{9 - float(mos) if name[4:6] in turned else mos} {name}" for mos, name in pairs))
    assert len(read("tid2013", tmp_path, monkeypatch).table()) == 3000


def test_deviations_of_another_length_are_refused_and_missing_ones_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    tid(tmp_path / "tid2013", 24, 5)
    file = tmp_path / "tid2013/mos_std.txt"
    file.write_text("0.1\n" * 2999)
    with pytest.raises(DataError, match=r"mos_std.txt: 2999 values for 3000 rows"):
        read("tid2013", tmp_path, monkeypatch).table()
    file.unlink()
    part = read("tid2013", tmp_path, monkeypatch)
    assert "score_std" not in part.table()
    assert part.notes == ("mos_std.txt is missing, so there is no column 'std'",)


def test_a_label_file_that_changes_after_its_first_use_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    tid(tmp_path / "tid2013", 24, 5)
    read("tid2013", tmp_path, monkeypatch).table()
    file = tmp_path / "tid2013/mos_with_names.txt"
    file.write_text(file.read_text().replace("7.03000 i01_03", "7.04000 i01_03"))
    with pytest.raises(DataError, match=r"at first use it was sha256:.*if the new file is meant, "
                       "remove ") as caught:
        read("tid2013", tmp_path, monkeypatch).table()
    # A copy elsewhere may be another release.
    (tmp_path / "other").mkdir()
    copytree(tmp_path / "tid2013", tmp_path / "other/tid2013")
    assert len(read("tid2013", tmp_path / "other", monkeypatch).table()) == 3000
    Path(str(caught.value).rpartition("remove ")[2]).unlink()
    assert len(read("tid2013", tmp_path, monkeypatch).table()) == 3000


def test_the_digest_of_a_label_file_that_cannot_be_used_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    tid(tmp_path / "tid2013", 24, 5)
    file = tmp_path / "tid2013/mos_with_names.txt"
    good = file.read_text()
    file.write_text("99" + good[good.index(" "):])
    with pytest.raises(DataError, match="line 1: score 99 is outside"):
        read("tid2013", tmp_path, monkeypatch).table()
    file.write_text(good)
    assert len(read("tid2013", tmp_path, monkeypatch).table()) == 3000


def test_kadid_s_dmos_is_better_when_higher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    folder = tmp_path / "kadid10k"
    rows = [f"I{r:02}_{t:02}_{k:02}.png,I{r:02}.png,{5 - k * 0.75},{k / 4}"
            for r in (1, 81) for t in range(1, 26) for k in range(1, 6)]
    folder.mkdir()
    (folder / "dmos.csv").write_text("\n".join(["dist_img,ref_img,dmos,var", *rows]) + "\n")
    part = read("kadid10k", tmp_path, monkeypatch)
    table = load_table(part)
    assert (part.n_official, part.score_kind, part.higher_is_better) == (10125, "mos", True)
    assert table["distortion"].nunique() == 25 and list(table["group"].unique()) == [
        "images/I01.png", "images/I81.png"]
    np.testing.assert_allclose(table["score_std"][:5], np.sqrt(np.arange(1, 6) / 4))
    names = {row.image[11:13]: row.distortion for row in table.itertuples()}
    assert (names["09"], names["10"], names["18"]) == ("jpeg2000", "jpeg", "mean-shift")


def test_mdid_numbers_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    folder = tmp_path / "mdid"
    folder.mkdir()
    (folder / "mos.txt").write_text("".join(f"{i / 200:.4f}\n" for i in range(1600)))
    (folder / "mos_std.txt").write_text("1.5\n" * 1600)
    table = load_table(read("mdid", tmp_path, monkeypatch))
    assert len(table) == 1600 and table["group"].nunique() == 20
    row = table.iloc[81]
    assert row["image"] == "distortion_images/img02_02.bmp" and row["score"] == 0.405
    assert row["reference"] == "reference_images/img02.bmp" and row["score_std"] == 1.5


def test_mdid_with_a_line_too_few_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    (tmp_path / "mdid").mkdir()
    (tmp_path / "mdid/mos.txt").write_text("1\n" * 1599)
    with pytest.raises(DataError, match=r"mos.txt: 1599 rows, expected 1600"):
        read("mdid", tmp_path, monkeypatch).table()


@pytest.mark.parametrize("where", ["Train_Dist", "Distortion_3"])
def test_pipal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, where: str
) -> None:
    folder = tmp_path / "pipal"
    (folder / "Train_Label").mkdir(parents=True)
    for name in ("A0001", "A0002"):
        (folder / f"Train_Label/{name}.txt").write_text(
            f"{name}_00_00.bmp,1444.5\n{name}_06_03.bmp,1301\n")
        picture(folder / f"Train_Ref/{name}.bmp")
        picture(folder / f"{where}/{name}_06_03.bmp")
    part = read("pipal", tmp_path, monkeypatch)
    table = load_table(part)
    assert list(table["score"]) == [1444.5, 1301, 1444.5, 1301]
    assert list(table["distortion"]) == ["00", "06"] * 2
    assert part.path(table["image"][3]) == folder / f"{where}/A0002_06_03.bmp"
    assert part.path(table["reference"][3]).is_file()


def test_koniq_in_both_of_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    folder = tmp_path / "koniq10k"
    folder.mkdir()
    (folder / "koniq10k_distributions_sets.csv").write_text(
        "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set\n"
        "1.jpg,0,0,0.2,0.7,0.1,105,77.38,0.52,training\n"
        "2.jpg,0,0,0.2,0.7,0.1,96,68.7,0.58,validation\n")
    (folder / "koniq10k_scores_and_distributions.csv").write_text(
        '"image_name","c1","c2","c3","c4","c5","c_total","MOS","SD","MOS_zscore"\n'
        '"1.jpg",0,0,25,73,7,105,3.83,0.52,77.38\n')
    table = load_table(read("koniq10k", tmp_path, monkeypatch))
    assert list(table["split"]) == ["train", "val"] and "score_std" not in table
    assert list(table["image"]) == ["1024x768/1.jpg", "1024x768/2.jpg"]
    other = load_table(read("koniq10k[scores=distributions,resolution=512x384]", tmp_path,
                            monkeypatch))
    assert (other["score"][0], other["score_std"][0]) == (3.83, 0.52)
    assert other["image"][0] == "512x384/1.jpg" and "split" not in other


def test_flive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    folder = tmp_path / "flive"
    folder.mkdir()
    (folder / "labels_image.csv").write_text(
        "name,mos\nvoc_emotic_ava/JPEGImages__2009_005181.jpg,74.5\nEE371R/cj23478+019.jpg,60\n")
    picture(folder / "database/EE371R/cj23478+019.jpg")
    part = read("flive", tmp_path, monkeypatch)
    table = load_table(part)
    assert list(table["score"]) == [74.5, 60] and part.n_official == 39807
    assert part.path(table["image"][1]).is_file()


def test_a_level_that_one_split_alone_lacks_is_said(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "image,level,split\na.png,1,train\nb.png,2,train\nc.png,1,test\n")
    (tmp_path / "own.toml").write_text("""
        name = "own"
        [table]
        file = "rows.csv"
        columns = { image = "image", level = "level", split = "split" }
        """)
    path = tmp_path / "own.toml"
    assert len(CardDataset(path, {"level": "1+2"}).table()) == 3
    with pytest.raises(UsageError, match="level=2: no row has it with the others asked for; "
                       "there are 1"):
        CardDataset(path, {"level": "1+2", "split": "test"}).table()
