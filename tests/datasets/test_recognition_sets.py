"""CURE-TSR, MIT Indoor 67, ImageNet-C, CIFAR-10 and CIFAR-10-C, GTSRB and image folders."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchbench.catalogue import make_dataset
from benchbench.errors import DataError, UsageError
from benchbench.names import parse
from benchbench.tables import dataset_facts, load_table
from tests.datasets.layouts import picture, read


def test_cure_tsr_as_its_authors_lay_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cure-tsr"
    for name in ("Real_Train/ChallengeFree/01_01_00_00_0001.bmp",
                 "Real_Test/ChallengeFree/01_14_00_00_0001.bmp",
                 "Real_Test/Haze-5/01_14_12_05_0001.bmp",
                 "Real_Test/LensBlur-1/01_02_02_01_0002.bmp",
                 "Unreal_Test/Haze-5/02_14_12_05_0001.bmp"):
        picture(root / name)
    part = read("cure-tsr", tmp_path, monkeypatch)
    table = load_table(part).set_index("image")
    assert len(table) == 4 and part.size == "model"
    haze = table.loc["Real_Test/Haze-5/01_14_12_05_0001.bmp"]
    assert haze.to_dict() == {"distortion": "haze", "level": 5, "label": 13, "outlier": True,
                              "split": "test", "group": "Test/14/0001"}
    free = table[~table["outlier"]]
    assert set(free["distortion"]) == {"none"} and set(free["level"]) == {0}
    assert set(free["split"]) == {"train", "test"}
    unreal = load_table(read("cure-tsr[sequence=unreal]", tmp_path, monkeypatch))
    assert list(unreal["image"]) == ["Unreal_Test/Haze-5/02_14_12_05_0001.bmp"]
    some = load_table(read("cure-tsr[distortion=none+haze,split=test]", tmp_path, monkeypatch))
    assert sorted(some["level"]) == [0, 5]
    with pytest.raises(UsageError, match="distortion=hase: no row has it"):
        read("cure-tsr[distortion=hase]", tmp_path, monkeypatch).table()
    # Level 0 is there in both splits, level 1 in one alone.
    assert len(read("cure-tsr[level=0+1]", tmp_path, monkeypatch).table()) == 3
    with pytest.raises(UsageError, match="level=1: no row has it; there are 0"):
        read("cure-tsr[level=0+1,split=train]", tmp_path, monkeypatch).table()


def test_cure_tsr_in_the_folds_of_the_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cure-tsr-folds"
    for name in ("RealChallengeFree/train/01_01_00_00_00_05_0003.bmp",
                 "RealChallengeFree/val/01_03_00_00_00_05_0004.bmp",
                 "RealChallenge/07_01/train/01_01_07_01_00_05_0003.bmp",
                 "RealChallenge/12_05/test/01_14_12_05_00_06_0003.bmp"):
        picture(root / name)
    table = load_table(read("cure-tsr-folds", tmp_path, monkeypatch)).set_index("image")
    assert len(table) == 4
    blur = table.loc["RealChallenge/07_01/train/01_01_07_01_00_05_0003.bmp"]
    assert blur.to_dict() == {"distortion": "gaussian-blur", "level": 1, "label": 0,
                              "outlier": True, "split": "train", "group": "01_01_00_05_0003"}
    free = table.loc["RealChallengeFree/train/01_01_00_00_00_05_0003.bmp"]
    assert not free["outlier"] and free["group"] == blur["group"] and free["level"] == 0


def test_mit67_reads_the_official_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "mit67"
    for name in ("airport_inside/a b.jpg", "bar/1,2.jpg", "bar/not_in_the_split.jpg"):
        picture(root / "Images" / name)
    (root / "TrainImages.txt").write_text("airport_inside/a b.jpg\n")
    (root / "TestImages.txt").write_text("bar/1,2.jpg\r\n")
    part = read("mit67", tmp_path, monkeypatch)
    table = load_table(part)
    assert table[["image", "label", "split"]].to_numpy().tolist() == [
        ["Images/airport_inside/a b.jpg", "airport_inside", "train"],
        ["Images/bar/1,2.jpg", "bar", "test"]]
    assert part.n_official == 6700
    (root / "TestImages.txt").rename(root / "away")
    with pytest.raises(DataError, match=r"TestImages.txt: No such file or directory; put it there"):
        read("mit67", tmp_path, monkeypatch).table()
    (root / "away").rename(root / "TestImages.txt")
    with (root / "TestImages.txt").open("a") as file:
        file.write("bar/nothing/x.jpg\n")
    with pytest.raises(DataError, match=r"TestImages.txt, line 2: image .* is not named as"):
        read("mit67", tmp_path, monkeypatch).table()


@pytest.mark.parametrize("group", ["blur/", ""])
def test_imagenet_c_with_and_without_the_groups_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    root = tmp_path / "imagenet-c"
    for severity in (1, 5):
        for wnid in ("n01440764", "n15075141"):
            picture(root / f"{group}defocus_blur/{severity}/{wnid}/ILSVRC2012_val_00000293.JPEG")
    table = load_table(read("imagenet-c[level=5]", tmp_path, monkeypatch))
    assert len(table) == 2 and list(table["label"]) == [0, 999]
    assert set(table["distortion"]) == {"defocus_blur"} and set(table["level"]) == {5}
    assert set(table["group"]) == {"ILSVRC2012_val_00000293"}


def test_folders_that_nobody_asked_for_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import benchbench.cards.files as files

    for kind in ("fog", "snow"):
        for level in (1, 2):
            picture(tmp_path / f"imagenet-c/weather/{kind}/{level}/n01440764/a.JPEG")
    seen: list[str] = []
    scandir = files.os.scandir
    monkeypatch.setattr(files.os, "scandir", lambda p: (seen.append(str(p)), scandir(p))[1])
    part = read("imagenet-c[distortion=fog,level=2]", tmp_path, monkeypatch)
    root = part.root  # found by its first file
    seen.clear()
    assert list(part.table()["image"]) == ["weather/fog/2/n01440764/a.JPEG"]
    assert root and not any("snow" in path or path.endswith("fog/1") for path in seen)


def test_the_class_index_is_the_order_of_the_wordnet_ids(shared_data: Path) -> None:
    import benchbench_datasets

    path = Path(benchbench_datasets.__path__[0]) / "imagenet_classes.csv"
    with path.open() as file:
        index = {row["value"]: int(row["meaning"]) for row in csv.DictReader(file)}
    assert list(index) == sorted(index) and list(index.values()) == list(range(1000))
    with (shared_data / "imagenet_sample/labels.csv").open() as file:
        for row in csv.DictReader(file):
            assert index[row["wnid"]] == int(row["class_index"])


def batch(path: Path, labels: list[int], seed: int) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = pixels.transpose(0, 3, 1, 2).reshape(len(labels), -1)
    path.write_bytes(np.hstack([np.array(labels, np.uint8)[:, None], planes]).tobytes())
    return pixels


def test_cifar10_from_its_binary_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    root = tmp_path / "cifar10/cifar-10-batches-bin"
    train = batch(root / "data_batch_1.bin", [3, 9], 1)
    test = batch(root / "test_batch.bin", [0, 7, 7], 2)
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    made = make_dataset(parse("cifar10"))
    table = load_table(made.part)
    assert list(table["label"]) == [3, 9, 0, 7, 7]
    assert list(table["split"]) == ["train"] * 2 + ["test"] * 3
    np.testing.assert_array_equal(made.part.load("data_batch_1/00001"), train[1])
    np.testing.assert_array_equal(made.part.load("test_batch/00002"), test[2])
    assert made.part.path("test_batch/00002") is None
    facts = dataset_facts(made)
    assert (facts.n, facts.n_official) == (5, 60000)
    batch(root / "test_batch.bin", [0, 7, 7], 3)
    assert dataset_facts(make_dataset(parse("cifar10"))).images != facts.images


def test_a_batch_that_was_cut_off_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cifar10/cifar-10-batches-bin"
    batch(root / "test_batch.bin", [0, 7], 2)
    (root / "test_batch.bin").write_bytes((root / "test_batch.bin").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"test_batch.bin: 6145 bytes, expected a multiple of 3073"):
        read("cifar10", tmp_path, monkeypatch).table()


def test_cifar10_c_from_its_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "CIFAR-10-C"
    root.mkdir()
    rng = np.random.default_rng(0)
    stacks = {name: rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
              for name in ("fog", "jpeg_compression")}
    for name, stack in stacks.items():
        np.save(root / f"{name}.npy", stack)
    np.save(root / "labels.npy", np.tile(np.arange(4), 5).astype(np.uint8))
    part = read("cifar10-c", tmp_path, monkeypatch)
    table = load_table(part)
    assert len(table) == 40 and part.n_official == 950000
    assert list(table["label"]) == list(range(4)) * 10
    assert table["group"].nunique() == 4 and table.groupby("group")["label"].nunique().eq(1).all()
    image = table.query("distortion == 'jpeg_compression' and level == 3").iloc[1]
    np.testing.assert_array_equal(part.load(image["image"]), stacks["jpeg_compression"][2 * 4 + 1])
    some = load_table(read("cifar10-c[distortion=fog,level=1+5]", tmp_path, monkeypatch))
    assert len(some) == 8
    np.save(root / "fog.npy", stacks["fog"].astype(np.float32))
    with pytest.raises(DataError, match=r"fog.npy: float32 \[20, 32, 32, 3\], expected uint8"):
        import benchbench_plugins.cifar as cifar

        cifar._stack.cache_clear()
        read("cifar10-c", tmp_path, monkeypatch).table()


def test_no_pickle_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "CIFAR-10-C"
    root.mkdir()
    np.save(root / "fog.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"fog.npy: cannot be read as an array"):
        read("cifar10-c", tmp_path, monkeypatch).table()


def test_gtsrb_as_its_authors_lay_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for track in (0, 1):
        for frame in (0, 29):
            picture(tmp_path / "gtsrb/GTSRB/Final_Training/Images/00042"
                    / f"{track:05}_{frame:05}.ppm")
    table = load_table(read("gtsrb", tmp_path, monkeypatch))
    assert list(table["group"]) == ["00042/00000"] * 2 + ["00042/00001"] * 2
    assert set(table["label"]) == {"00042"}


def test_the_test_images_of_gtsrb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gtsrb"
    for number in range(3):
        picture(folder / f"GTSRB/Final_Test/Images/{number:05}.ppm")
    (folder / "GT-final_test.csv").write_text(
        "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n"
        "00000.ppm;53;54;6;5;48;49;16\r\n00001.ppm;42;45;5;5;36;40;1\r\n"
        "00002.ppm;48;52;6;6;43;47;38\r\n")
    part = read("gtsrb[part=test]", tmp_path, monkeypatch)
    table = load_table(part)
    assert list(table["label"]) == [16, 1, 38] and part.n_official == 12630
    assert table["image"][2] == "GTSRB/Final_Test/Images/00002.ppm"


def test_a_folder_of_classes_and_loose_pictures(tmp_path: Path) -> None:
    for name in ("cat/1.PNG", "dog/1.jpeg", "loose.bmp", "cat/notes/deep.png"):
        picture(tmp_path / name)
    (tmp_path / "cat/notes.txt").write_text("no picture")
    table = load_table(make_dataset(parse(f"folder[path={tmp_path}]")).part)
    assert dict(zip(table["image"], table["label"].fillna("none"), strict=True)) == {
        "cat/1.PNG": "cat", "dog/1.jpeg": "dog", "loose.bmp": "none"}
    with pytest.raises(UsageError, match="parameter 'path' is required"):
        make_dataset(parse("folder"))
    with pytest.raises(UsageError, match=r"folder: parameter path: .* is not a folder"):
        make_dataset(parse("folder[path=/no/such/place]"))
