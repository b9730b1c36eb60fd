"""Cards: a dataset of one's own from a TOML file and a CSV, and every mistake in them by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.cards import CardDataset, read_card
from benchbench.catalogue import make_dataset
from benchbench.errors import DataError, UsageError
from benchbench.names import Selector, parse
from benchbench.tables import dataset_facts, load_table

CARD = """
name = "mine"
summary = "two pictures"
folder = "pictures"
n_official = 10
notes = ["made for a test"]

[table]
file = "scores.csv"
delimiter = ";"

[table.columns]
image = "file"
reference = "of"
score = "opinion"
score_std = "spread"
distortion = "kind"

[score]
kind = "dmos"
higher_is_better = false
range = [0, 100]
std = "ratings"
"""
SCORES = """\
file;of;opinion;spread;kind;unused
a1.png; a.png;10.5;1.5;"blur; heavy";x
a2.png;a.png;-0;2;noise;y
sub/b1.png;a.png;1e2;0;noise;
"""


@pytest.fixture
def card(store: Path, tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    for i, name in enumerate(["a.png", "a1.png", "a2.png", "sub/b1.png"]):
        Image.fromarray(np.full((6, 8, 3), 20 * i, np.uint8)).save(pictures / name)
    (pictures / "scores.csv").write_text(SCORES, encoding="utf-8-sig")
    path = tmp_path / "mine.toml"
    path.write_text(CARD)
    return path


def test_the_dataset_that_a_card_describes(card: Path) -> None:
    dataset = CardDataset(card)
    assert (dataset.name, dataset.score_kind, dataset.higher_is_better) == ("mine", "dmos", False)
    assert (dataset.std_kind, dataset.n_official, dataset.size) == ("ratings", 10, "native")
    assert dataset.notes == ("made for a test",)
    table = load_table(dataset)
    assert list(table.columns) == ["image", "reference", "score", "score_std", "distortion",
                                   "group"]
    assert list(table["score"]) == [10.5, 0.0, 100.0]
    assert list(table["distortion"]) == ["blur; heavy", "noise", "noise"]
    assert list(table["reference"]) == ["a.png"] * 3
    assert dataset.load("sub/b1.png")[0, 0].tolist() == [60, 60, 60]


def test_a_card_s_path_is_as_good_as_a_name(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_dataset(parse(str(card)))
    facts = dataset_facts(made)
    assert (facts.n, facts.n_images, facts.groups, facts.n_official) == (3, 4, 1, 10)
    monkeypatch.chdir(card.parent)
    assert dataset_facts(make_dataset(Selector("./mine.toml"))).fingerprint == facts.fingerprint
    with pytest.raises(UsageError, match=r"unknown parameter 'n' \(its parameters: distortion\)"):
        make_dataset(Selector(str(card), {"n": "3"}))
    with pytest.raises(UsageError, match=r"other.toml: no such file"):
        make_dataset(Selector("other.toml"))


def test_the_folder_may_lie_below_the_data_root(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "cards"
    elsewhere.mkdir()
    moved = card.rename(elsewhere / "mine.toml")
    with pytest.raises(DataError, match=r"scores.csv was not found in .*cards/pictures; set --"):
        CardDataset(moved).table()
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    assert len(CardDataset(moved).table()) == 3
    monkeypatch.setenv("BENCHBENCH_DATA", str(elsewhere))
    with pytest.raises(DataError, match="or "):
        CardDataset(moved).table()


def test_how_to_obtain_the_data_is_the_card_s_word(card: Path) -> None:
    card.write_text('obtain = "ask the authors"\n' + CARD.replace("pictures", "none"))
    with pytest.raises(DataError, match=r"; ask the authors$"):
        CardDataset(card).table()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "mine"', "name = mine", "not valid TOML .*line 2"),
        ('name = "mine"', "", "key 'name': Field required"),
        ('name = "mine"', 'name = ""', "key 'name': String should have at least 1 char"),
        ('name = "mine"', "name = 3", "key 'name': Input should be a valid string"),
        ("summary", "sumary", r"unknown key 'sumary'; did you mean 'summary'\? \(known there: n"),
        ("delimiter", "separator", r"unknown key 'table.separator'; .*\(known there: file, del"),
        ("distortion =", "distorsion =", "unknown key 'table.columns.distorsion'; did you mean 'd"),
        ('file = "scores.csv"', "", "key 'table': needs file, pattern or adapter"),
        ('image = "file"', "", "key 'table.columns.image': Field required"),
        ('delimiter = ";"', 'delimiter = "; "', "key 'table.delimiter': String should have at"),
        ('kind = "dmos"', 'kind = "jnd"', "key 'score.kind': .*'mos', 'dmos' or 'expected-mos'"),
        ("higher_is_better = false", "", "key 'score.higher_is_better': Field required"),
        ("range = [0, 100]", "range = [100, 0]", r"key 'score': range has to be \[lowest, high"),
        ("range = [0, 100]", "range = [0]", "key 'score.range"),
        ('std = "ratings"', 'std = "error"', "key 'score.std': .*'ratings' or 'mean'"),
        ("n_official = 10", "n_official = 0", "key 'n_official': .*greater than or equal to 1"),
        ('folder = "pictures"', 'size = "big"', "key 'size': .*'native' or 'model'"),
    ],
)
def test_a_wrong_card_is_refused_by_key(card: Path, old: str, new: str, said: str) -> None:
    assert CARD.count(old) == 1
    card.write_text(CARD.replace(old, new))
    with pytest.raises(DataError, match=said) as caught:
        read_card(card)
    assert str(caught.value).startswith(f"card {card}: ")


def test_scores_without_a_direction_are_refused(card: Path) -> None:
    card.write_text(CARD[: CARD.index("[score]")])
    with pytest.raises(DataError, match=r"needs a \[score\] section: its kind and direction"):
        read_card(card)


def test_a_card_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(DataError, match="not valid TOML"):
        read_card(tmp_path / "c.toml")
    with pytest.raises(DataError, match="No such file"):
        read_card(tmp_path / "d.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("opinion", "mos", "line 1: the card's column 'opinion' for score is missing; the header "
         "has file, of, mos, "),
        ("unused", "opinion", "line 1: the card's column 'opinion' for score stands twice"),
        ("10.5", "good", "line 2: opinion is 'good', expected a finite number"),
        (";2;", ";nan;", "line 3: spread is 'nan', expected a finite number"),
        ("-0", "", "line 3: opinion is '', expected a finite number"),
        ("1e2", "101", "line 4: score 101 is outside the card's range 0 to 100"),
        ("-0", "-0.1", "line 3: score -0.1 is outside"),
        (";y", "", "line 3: expected 6 cells"),
        (";y", ";y;z", "line 3: expected 6 cells"),
        ("sub/b1.png", "", "row 3: image is ''"),
        ("sub/b1.png", "a1.png", "line 4: image 'a1.png' stands in .*line 2 too"),
        (" a.png", "", "row 1: reference is ''"),
    ],
)
def test_a_wrong_table_is_refused_by_line(card: Path, old: str, new: str, said: str) -> None:
    assert SCORES.count(old) == 1
    file = card.parent / "pictures" / "scores.csv"
    file.write_text(SCORES.replace(old, new))
    with pytest.raises(DataError, match=said) as caught:
        load_table(CardDataset(card))
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the header has nothing"),
        (SCORES.splitlines()[0].encode(), "no rows"),
        (SCORES.replace("noise", "no\xefse").encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_a_table_that_is_none(card: Path, data: bytes, said: str) -> None:
    (card.parent / "pictures" / "scores.csv").write_bytes(data)
    with pytest.raises(DataError, match=said):
        load_table(CardDataset(card))


@pytest.mark.parametrize(
    ("name", "said"),
    [("a2.png", "row 2: .*a2.png: no such file"), ("a.png", "reference of row 1: .*a.png: no")],
)
def test_a_missing_image_is_named_before_any_sweep(card: Path, name: str, said: str) -> None:
    (card.parent / "pictures" / name).unlink()
    with pytest.raises(DataError, match=said):
        dataset_facts(make_dataset(Selector(str(card))))


def test_ids_know_the_data_and_not_the_card_s_path(card: Path, tmp_path: Path) -> None:
    def facts(path: Path) -> Any:
        return dataset_facts(make_dataset(Selector(str(path))))

    first = facts(card)
    copy = tmp_path / "copy.toml"
    copy.write_text(CARD + "\n# a comment\n")
    assert facts(copy) == first
    copy.write_text(CARD.replace("higher_is_better = false", "higher_is_better = true"))
    turned = facts(copy)
    assert turned.images == first.images and turned.fingerprint != first.fingerprint


def test_live(shared_data: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real images with real human scores."""
    monkeypatch.setenv("BENCHBENCH_DATA", str(shared_data))
    made = make_dataset(Selector("live-subset"))
    facts = dataset_facts(made)
    assert (facts.n, facts.n_images, facts.groups, facts.n_official) == (38, 41, 3, 38)
    assert (facts.score_kind, facts.higher_is_better, facts.std_kind) == ("dmos", False, None)
    table = load_table(made.part)
    assert (table["score"].min(), table["score"].max()) == (3.921213, 105.364168)
    assert set(table["distortion"]) == {"gblur", "jpeg", "wn"}
    assert made.part.load("refimgs/parrots.bmp").shape == (512, 768, 3)
