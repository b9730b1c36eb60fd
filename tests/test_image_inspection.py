"""What is known of image files before a sweep: digests, sizes, complaints, and the memory of it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchbench import DataError, Dataset, images
from benchbench.images import inspect_dataset, inspect_files


@pytest.fixture
def pixels() -> np.ndarray:
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, 255 - x * 2 - y], axis=2).astype(np.uint8)


def test_digest_is_of_the_bytes_and_size_of_the_picture(
    store: Path, tmp_path: Path, pixels: np.ndarray
) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "a.png"]
    for path in paths[:2]:
        Image.fromarray(pixels).save(path)
    found = inspect_files(paths)
    assert [each.digest for each in found] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]
    assert {(each.height, each.width) for each in found} == {(40, 60)}


def test_all_bad_files_are_counted_and_five_named(tmp_path: Path, pixels: np.ndarray) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for path in paths[:2]:
        Image.fromarray(pixels).save(path)
    with pytest.raises(DataError) as caught:
        inspect_files(paths)
    text = str(caught.value)
    assert text.startswith("7 of 9 images cannot be used:")
    assert [f"{i}.png: no such file" in text for i in range(9)] == [False] * 2 + [True] * 5 + [
        False
    ] * 2
    assert "entry 3: " in text
    assert text.endswith("and 2 more")


def test_what_was_found_is_remembered_until_the_file_changes(
    store: Path, tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = _count_reads(monkeypatch)
    monkeypatch.setattr("benchbench.digests._RACY_NS", 0)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    first = inspect_files([path])
    assert inspect_files([path]) == first
    assert len(reads) == 1
    Image.fromarray(255 - pixels).save(path)
    assert inspect_files([path]) != first
    assert len(reads) == 2


def test_same_size_and_time_of_modification_do_not_hide_a_change(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchbench.digests._RACY_NS", 0)
    path = tmp_path / "a.bmp"
    Image.new("RGB", (8, 8), "red").save(path)
    before = path.stat()
    first = inspect_files([path])
    time.sleep(0.02)
    Image.new("RGB", (8, 8), "blue").save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert inspect_files([path]) != first


def test_a_file_changed_just_now_is_not_trusted_later(
    store: Path, tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = _count_reads(monkeypatch)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    inspect_files([path])
    inspect_files([path])
    assert len(reads) == 2


def test_unusable_memory_is_said_and_does_no_harm(
    store: Path, tmp_path: Path, pixels: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    first = inspect_files([path])
    store.mkdir(exist_ok=True)
    (store / "digests.sqlite").write_bytes(b"this is no database" * 100)
    assert inspect_files([path]) == first
    assert "digests.sqlite: not usable" in caplog.text


def test_memory_is_one_file_in_the_store(
    store: Path, tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchbench.digests._RACY_NS", 0)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    inspect_files([path])
    with sqlite3.connect(store / "digests.sqlite") as memory:
        [row] = memory.execute("select path, height, width from images").fetchall()
    assert row == (str(path), 40, 60)


class Mixed(Dataset):
    """Two images on disk, the third in memory."""

    name = "mixed"

    def __init__(self, folder: Path, pixels: np.ndarray) -> None:
        self._folder, self._pixels = folder, pixels

    def table(self) -> pd.DataFrame:
        return pd.DataFrame({"image": ["a.png", "b.png", "made"], "reference": ["r.png"] * 3})

    def path(self, image: str) -> Path | None:
        return None if image == "made" else self._folder / image

    def load(self, image: str) -> np.ndarray:
        return self._pixels if image == "made" else super().load(image)


def test_a_dataset_s_images_by_file_or_by_pixels(tmp_path: Path, pixels: np.ndarray) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    made = inspect_dataset(Mixed(tmp_path, pixels), ["made", "a.png"])
    other = inspect_dataset(Mixed(tmp_path, 255 - pixels), ["made", "a.png"])
    assert made[1] == other[1]
    assert made[0] != other[0]
    assert (made[0].height, made[0].width) == (40, 60)
    turned = inspect_dataset(Mixed(tmp_path, pixels.reshape(60, 40, 3)), ["made"])
    assert turned[0].digest != made[0].digest


def test_a_bad_image_is_named_with_its_row(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(DataError) as caught:
        inspect_dataset(Mixed(tmp_path, pixels[..., 0]), ["a.png", "b.png", "made", "r.png"])
    text = str(caught.value)
    assert "3 of 4 images cannot be used:" in text
    assert "row 2: " in text
    assert "row 3: image 'made': loaded as uint8 [40, 60], expected uint8" in text
    assert "reference of row 1: " in text


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    reads: list[Path] = []
    read = images._read

    def counting(path: Path) -> bytes:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(images, "_read", counting)
    return reads
