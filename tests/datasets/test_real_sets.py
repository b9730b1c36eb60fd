"""Real files: images in their official layouts, and labels as others publish them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from benchbench.cards import CardDataset
from benchbench.catalogue import make_dataset
from benchbench.errors import DataError
from benchbench.names import parse
from benchbench.partial import Present
from benchbench.registry import Made
from benchbench.tables import dataset_facts, load_table
from tests.datasets.layouts import read


def card(tmp_path: Path, folder: Path, text: str) -> CardDataset:
    """A card of one's own over ``folder``."""
    path = tmp_path / "own.toml"
    path.write_text(f'name = "own"\nfolder = "{folder.as_posix()}"\n{text}')
    return CardDataset(path)


def facts(part: object, name: str) -> object:
    return dataset_facts(Made(part, parse(name), {}, {"test": name}, "test", {}))


def test_the_live_subset(tmp_path: Path, shared_data: Path, store: Path) -> None:
    part = card(tmp_path, shared_data / "live", """
        [table]
        file = "labels.csv"
        columns = { image = "image", reference = "reference", score = "dmos", \
score_std = "dmos_std", distortion = "distortion" }
        [score]
        kind = "dmos"
        higher_is_better = false
        range = [-10, 120]
        std = "mean"
        """)
    found = facts(part, "live-subset")
    assert (found.n, found.n_images, found.groups) == (38, 41, 3)
    table = load_table(part)
    assert Counter(table["distortion"]) == {"gblur": 13, "jpeg": 11, "wn": 14}
    assert part.load("refimgs/monarch.bmp").shape == (512, 768, 3)


def test_the_piece_of_tid2013(
    shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read("tid2013", shared_data, monkeypatch)
    table = load_table(whole)
    assert len(table) == 3000 and table["distortion"].value_counts().eq(125).all()
    assert (table["score"].min(), table["score"].max()) == (0.24242, 7.21429)
    assert (whole.score_kind, whole.higher_is_better) == ("mos", True)
    with pytest.raises(DataError, match=r"dataset 'tid2013': 3021 of 3025 images are missing:\n"
                       r"  row 1: .*I01_01_1.bmp: no such file\n(.*\n){4}  and 3016 more\n"
                       ".*--allow-partial"):
        facts(whole, "tid2013")
    found = facts(Present(read("tid2013", shared_data, monkeypatch)), "tid2013")
    assert (found.n, found.n_official, found.n_images) == (1, 3000, 2)
    assert any("1 of 3000 rows" in note for note in found.notes)


def test_the_mean_scores_of_kadid_go_down_with_the_level(
    tmp_path: Path, shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kadid10k"
    folder.mkdir()
    (folder / "images").symlink_to(shared_data / "kadid10k/images")
    lines = (shared_data / "kadid10k/kadid10k_label.txt").read_text().split("\n")
    rows = [line.split(", ") for line in lines if line]
    (folder / "dmos.csv").write_text("dist_img,ref_img,dmos,var\n" + "".join(
        f"{name},{name[:3]}.png,{score},0.5\n" for name, score in rows))
    whole = read("kadid10k", tmp_path, monkeypatch)
    table = load_table(whole)
    assert len(table) == 10125 and table["group"].nunique() == 81
    assert (table["score"].min(), table["score"].max()) == (1, 4.93)
    means = table.groupby(["distortion", "level"])["score"].mean()
    assert means["gaussian-blur", 1] == pytest.approx(4.612, abs=5e-4)
    assert means["contrast", 3] == pytest.approx(4.290, abs=5e-4)
    part = Present(read("kadid10k", tmp_path, monkeypatch))
    found = facts(part, "kadid10k")
    assert (found.n, found.n_official, found.n_images, found.groups) == (4, 10125, 5, 1)
    assert part.load("images/I01_15_05.png").shape == (384, 512, 3)


def test_the_wrong_direction_of_real_scores_is_found(
    tmp_path: Path, shared_data: Path, store: Path
) -> None:
    text = """
        [table]
        file = "kadid10k_label.txt"
        header = ["name", "score"]
        pattern = 'images/I(?P<reference>\\d\\d)_(?P<type>\\d\\d)_(?P<level>\\d\\d)\\.png'
        columns = { image = "images/{name}", score = "score", distortion = "type", level = "level" }
        [levels]
        except = ["18", "25"]
        [score]
        kind = "dmos"
        higher_is_better = """
    folder = shared_data / "kadid10k"
    assert len(card(tmp_path, folder, text + "true").table()) == 10125
    with pytest.raises(DataError, match="scores get better with the level in 23 of 23 distortions"):
        card(tmp_path, folder, text + "false").table()


PLAIN = """
[table]
file = "{file}"
delimiter = {delimiter}
header = {header}
columns = {{ image = "name", score = "score", score_std = "std" }}
[score]
kind = "{kind}"
higher_is_better = {direction}
range = {range}
"""


@pytest.mark.parametrize(("file", "n", "kind", "direction", "range_", "ends"), [
    ("liqe_clive_all.txt", 1162, "mos", "true", [0, 100], (3.42, 92.43)),
    ("liqe_kadid10k_all.txt", 10125, "mos", "true", [1, 5], (1.0, 4.93)),
    ("liqe_live_all.txt", 779, "mos", "true", [0, 120], (0.0, 114.41)),
    ("liqe_csiq_all.txt", 866, "mos", "true", [0, 1], (0.0, 1.0)),
])
def test_labels_as_others_publish_them(
    tmp_path: Path, shared_data: Path, file: str, n: int, kind: str, direction: str,
    range_: list[float], ends: tuple[float, float],
) -> None:
    table = load_table(card(tmp_path, shared_data / "label_tables", PLAIN.format(
        file=file, delimiter='"\\t"', header='["name", "score", "std"]', kind=kind,
        direction=direction, range=range_)))
    assert len(table) == n and (table["score_std"] >= 0).all()
    assert (table["score"].min(), table["score"].max()) == pytest.approx(ends, abs=0.005)


def test_the_turned_csiq_labels_are_the_official_ones_the_other_way_round(
    tmp_path: Path, shared_data: Path, store: Path
) -> None:
    folder = shared_data / "label_tables"
    official = load_table(card(tmp_path, folder, """
        [table]
        file = "csiq_ref_dist_dmos.txt"
        delimiter = "\\t"
        header = ["reference", "number", "type", "level", "std", "dmos"]
        columns = { image = "dst_imgs/{type}/{reference}.{type}.{level}.png", score = "dmos", \
score_std = "std", distortion = "type", level = "level", group = "reference" }
        [levels]
        [score]
        kind = "dmos"
        higher_is_better = false
        range = [0, 1]
        """))
    assert len(official) == 866 and official["group"].nunique() == 30
    assert Counter(official["distortion"]) == {
        "noise": 150, "blur": 150, "contrast": 116, "fnoise": 150, "jpeg": 150, "jpeg2000": 150}
    assert "1600" in set(official["group"])
    turned = load_table(card(tmp_path, folder, PLAIN.format(
        file="liqe_csiq_all.txt", delimiter='"\\t"', header='["name", "score", "std"]', kind="mos",
        direction="true", range=[0, 1])))
    names = turned["image"].str.replace("awgn/", "noise/").str.replace("AWGN", "noise")
    score = dict(zip(names.str.lower(), turned["score"], strict=True))
    both = [score[image.lower()] for image in official["image"]]
    assert pearsonr(both, official["score"]).statistic < -0.999


def test_real_koniq_labels(
    tmp_path: Path, shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "koniq10k"
    folder.mkdir()
    (folder / "koniq10k_distributions_sets.csv").symlink_to(
        shared_data / "label_tables/koniq10k_distributions_sets.csv")
    part = read("koniq10k", tmp_path, monkeypatch)
    table = load_table(part)
    assert len(table) == part.n_official == 10073
    assert Counter(table["split"]) == {"train": 7058, "val": 1000, "test": 2015}
    assert (table["score"].min(), table["score"].max()) == pytest.approx((3.91, 88.39), abs=0.005)


def test_kadid_s_two_label_files_agree(tmp_path: Path, shared_data: Path) -> None:
    first = load_table(card(tmp_path, shared_data / "label_tables", """
        [table]
        file = "kadid10k_names_with_mos.txt"
        delimiter = "\\t"
        header = ["name", "mos"]
        columns = { image = "images/{name}", score = "mos" }
        [score]
        kind = "mos"
        higher_is_better = true
        """)).set_index("image")["score"]
    second = load_table(card(tmp_path, shared_data / "label_tables", PLAIN.format(
        file="liqe_kadid10k_all.txt", delimiter='"\\t"', header='["name", "score", "std"]',
        kind="mos", direction="true", range=[1, 5]))).set_index("image")["score"]
    np.testing.assert_allclose(first, second[first.index], atol=1e-9)


def test_gtsrb_is_grouped_by_track(
    shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = load_table(read("gtsrb", shared_data, monkeypatch))
    assert len(table) == 3440 and table["label"].nunique() == 43
    assert (table["label"].value_counts() == 80).all()
    tracks = {(p.parent.name, p.name[:5]) for p in (shared_data / "gtsrb").glob("*/*.png")}
    assert set(table["group"]) == {"/".join(track) for track in tracks}
    assert table.groupby("group")["label"].nunique().eq(1).all()


def test_cifar10_as_folders(
    shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = read("cifar10[layout=folders]", shared_data, monkeypatch)
    table = load_table(part)
    assert len(table) == 2000 and set(table["split"]) == {"test"}
    assert Counter(table["label"]) == dict.fromkeys(range(10), 200)
    assert {label for image, label in zip(table["image"], table["label"], strict=True)
            if "/frog/" in image} == {6}
    assert part.load(table["image"][0]).shape == (32, 32, 3)


def test_folders_of_pictures(shared_data: Path) -> None:
    kodak = make_dataset(parse(f"folder[path={shared_data / 'kodak'}]")).part
    table = load_table(kodak)
    assert len(table) == 11 and "label" not in table and kodak.size == "model"
    assert kodak.load("kodim04.png").shape == (768, 512, 3)
    signs = make_dataset(parse(f"folder[path={shared_data / 'gtsrb'}]")).part
    assert load_table(signs)["label"].nunique() == 43


def test_the_imagenet_sample(tmp_path: Path, shared_data: Path) -> None:
    part = card(tmp_path, shared_data / "imagenet_sample", """
        size = "model"
        [table]
        file = "labels.csv"
        columns = { image = "images/{file}", label = "class_index" }
        """)
    table = load_table(part)
    assert list(table["label"]) == list(range(0, 1000, 5))
    assert all(part.path(image).is_file() for image in table["image"])


def test_scores_against_level_in_real_tid2013(
    shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = load_table(read("tid2013", shared_data, monkeypatch))
    found = {kind: spearmanr(rows["level"], rows["score"]).statistic
             for kind, rows in table.groupby("distortion")}
    assert found["gaussian-blur"] < -0.9 and found["jpeg2000"] < -0.9
    assert found["contrast"] > -0.5  # its level is no severity
