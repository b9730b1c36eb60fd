"""Tables: what cannot be used is said by row before a sweep, and facts are kept until a change."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchbench.errors import DataError
from benchbench.facts import DatasetFacts
from benchbench.interfaces import Dataset
from benchbench.names import Selector
from benchbench.registry import Made
from benchbench.tables import dataset_facts, image_ids, load_table


class Folder(Dataset):
    """Images of a folder with the table of ``table.csv``."""

    name = "folder"
    score_kind = "mos"
    inspected = 0

    def __init__(self, root: Path) -> None:
        self.root = root

    def table(self) -> pd.DataFrame:
        return pd.read_csv(self.root / "table.csv")

    def path(self, image: str) -> Path:
        return self.root / image

    def sources(self) -> list[Path]:
        return [self.root / "table.csv"]

    def inspect(self, images: Any) -> Any:
        Folder.inspected += 1
        return super().inspect(images)


class Given(Dataset):
    name = "given"

    def __init__(self, **columns: Any) -> None:
        self.columns = columns

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.columns)


@pytest.fixture
def folder(store: Path, tmp_path: Path) -> Path:
    """Four images of two references, of which one is a row as well."""
    root = tmp_path / "images"
    root.mkdir()
    for i, name in enumerate(["r0", "r1", "a0", "a1", "b1"]):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 9 + i, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{name}.png")
    (root / "table.csv").write_text(
        "image,reference,score,distortion\nr0.png,r0.png,5,none\na0.png,r0.png,3,blur\n"
        "a1.png,r1.png,2.5,blur\nb1.png,r1.png,1,noise\n"
    )
    _age(root)
    Folder.inspected = 0
    return root


def _age(root: Path) -> None:
    """Files so old that their digests are remembered."""
    then = time.time() - 60
    for path in root.iterdir():
        os.utime(path, (then, then))


def _facts(root: Path, limit: int | None = None) -> DatasetFacts:
    made = Made(Folder(root), Selector("folder"), {}, {"root": str(root)}, "test", {})
    return dataset_facts(made, limit)


def test_the_facts(folder: Path) -> None:
    facts = _facts(folder)
    assert (facts.n, facts.n_images, facts.groups) == (4, 5, 2)
    assert facts.columns == ("image", "reference", "score", "distortion", "group")
    assert facts.score_kind == "mos" and facts.higher_is_better
    assert DatasetFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_references_that_are_no_rows_come_after_the_rows(folder: Path) -> None:
    table = load_table(Folder(folder))
    assert image_ids(table) == ["r0.png", "a0.png", "a1.png", "b1.png", "r1.png"]
    assert list(table["group"]) == ["r0.png", "r0.png", "r1.png", "r1.png"]
    assert table.attrs == {"score_kind": "mos", "std_kind": None, "higher_is_better": True}


def test_a_limit_spreads_over_the_table() -> None:
    dataset = Given(image=[f"i{i:03}" for i in range(100)], score=range(100))
    assert list(load_table(dataset, 5)["score"]) == [0, 25, 50, 74, 99]
    assert len(load_table(dataset, 1)) == 1
    assert len(load_table(dataset, 1000)) == 100
    assert list(load_table(dataset, 5).index) == [0, 1, 2, 3, 4]


def test_text_numbers_become_numbers() -> None:
    table = load_table(Given(image=["a", "b"], score=["1.5", "2"]))
    assert list(table["score"]) == [1.5, 2.0] and table["score"].dtype == float


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"picture": ["a"]}, r"no column 'image', only \['picture'\]"),
        ({"image": []}, "no rows"),
        ({"image": ["a", "b", "a"]}, "'a' stands in rows 1 and 3"),
        ({"image": ["a", 7]}, "row 2: image is 7, expected one line of text"),
        ({"image": ["a", ""]}, "row 2: image is ''"),
        ({"image": ["a", "b\nc"]}, r"row 2: image is 'b\\nc'"),
        ({"image": ["a", None]}, "row 2: image is (None|nan)"),
        ({"image": ["a", "b"], "reference": ["r", None]}, "row 2: reference is (None|nan)"),
        ({"image": ["a", "b"], "reference": ["r", np.nan]}, "row 2: reference is nan"),
        ({"image": ["a", "b"], "reference": ["b", "c"]}, "row 1: reference 'b' has a reference of "
         "its own, 'c'"),
        ({"image": ["a", "b"], "score": [1.0, np.nan]}, r"row 2 \('b'\): score is .*nan"),
        ({"image": ["a", "b"], "score": [1.0, np.inf]}, r"row 2 \('b'\): score is .*inf"),
        ({"image": ["a", "b"], "score": [1.0, None]}, r"row 2 \('b'\): score"),
        ({"image": ["a", "b", "c"], "score": ["1", "good", "bad"]},
         r"row 2 \('b'\): score is 'good', expected a finite number \(2 such rows\)"),
        ({"image": ["a", "b"], "score_std": [1, "x"]}, "row 2 .*score_std is 'x'"),
        ({"image": ["a", "b"], "score": pd.array([1, None], dtype="Int64")}, "row 2"),
        ({"image": ["a", "b"], "group": ["g", None]}, r"row 2 \('b'\): it has no group"),
    ],
)
def test_an_unusable_table_is_refused_by_row(columns: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        load_table(Given(**columns))
    assert "dataset 'given'" in str(caught.value)


def test_the_file_behind_the_table_is_named(folder: Path) -> None:
    text = (folder / "table.csv").read_text()
    (folder / "table.csv").write_text(text + "a0.png,r0.png,1,blur\n")
    with pytest.raises(DataError, match=r"table\.csv\): image 'a0\.png' stands in rows 2 and 5"):
        _facts(folder)


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("a1.png", None, "row 3: .*a1.png: no such file"),
        ("r1.png", None, "reference of row 3: .*r1.png: no such file"),
        ("b1.png", b"", "row 4: .*b1.png: the file is empty"),
        ("b1.png", b"not an image", "row 4: .*b1.png: not an image"),
        ("a0.png", "half", "row 2: .*a0.png: truncated"),
    ],
)
def test_an_image_that_cannot_be_read_is_named_with_its_row(
    folder: Path, name: str, damage: Any, said: str
) -> None:
    path = folder / name
    if damage is None:
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if damage == "half" else damage)
    with pytest.raises(DataError, match=said):
        _facts(folder)


def test_a_changed_label_changes_the_fingerprint_alone(folder: Path) -> None:
    before = _facts(folder)
    text = (folder / "table.csv").read_text()
    (folder / "table.csv").write_text(text.replace("a0.png,r0.png,3,", "a0.png,r0.png,4,"))
    after = _facts(folder)
    assert after.fingerprint != before.fingerprint
    assert after.images == before.images


def test_a_changed_image_changes_both(folder: Path) -> None:
    before = _facts(folder)
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(folder / "r0.png")
    after = _facts(folder)
    assert after.fingerprint != before.fingerprint
    assert after.images != before.images


def test_another_limit_is_another_set_of_images(folder: Path) -> None:
    assert _facts(folder, 2).images != _facts(folder).images
    assert _facts(folder, 2).n == 2


def test_a_changed_direction_changes_the_fingerprint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _facts(folder)
    os.utime(folder / "table.csv")
    monkeypatch.setattr(Folder, "higher_is_better", False)
    after = _facts(folder)
    assert after.fingerprint != before.fingerprint and after.images == before.images


def test_facts_are_kept_until_a_file_changes(folder: Path) -> None:
    first = _facts(folder)
    assert _facts(folder) == first and Folder.inspected == 1
    assert _facts(folder, 2).n == 2 and Folder.inspected == 2
    os.utime(folder / "b1.png")
    assert _facts(folder) == first and Folder.inspected == 3
    assert _facts(folder) == first and Folder.inspected == 3


def test_a_change_that_keeps_size_and_time_is_seen(folder: Path) -> None:
    """As ``cp -p`` and ``rsync -t`` leave it."""
    before = _facts(folder)
    table = folder / "table.csv"
    stat = table.stat()
    table.write_text(table.read_text().replace("a0.png,r0.png,3,", "a0.png,r0.png,4,"))
    os.utime(table, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert table.stat().st_size == stat.st_size
    assert _facts(folder).fingerprint != before.fingerprint


@pytest.mark.parametrize("entry", ["{", "{}", '{"files": [], "facts": {"n": 1, "colour": 2}}',
                                   '{"files": [], "facts": {}}', '{"files": 3, "facts": {}}'])
def test_an_entry_of_another_version_is_made_anew(store: Path, folder: Path, entry: str) -> None:
    before = _facts(folder)
    (kept,) = (store / "datasets").iterdir()
    kept.write_text(entry)
    assert _facts(folder) == before


def test_missing_cells_have_a_place_in_the_fingerprint(store: Path) -> None:
    def facts(levels: Any) -> DatasetFacts:
        dataset = Given(image=["a", "b"], score=[1.0, 2.0], level=levels)
        dataset.load = lambda image: np.zeros((4, 4, 3), np.uint8)  # type: ignore[method-assign]
        made = Made(dataset, Selector("given"), {}, {"levels": str(levels)}, "test", {})
        return dataset_facts(made)

    missing = facts(pd.array([1, None], dtype="Int64"))
    assert missing.fingerprint != facts(pd.array([1, 2], dtype="Int64")).fingerprint
    assert facts(["one", None]).fingerprint == facts(["one", float("nan")]).fingerprint
