"""Datasets of which only a part is on disk, from the table to the record."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchbench.catalogue import make_dataset
from benchbench.cells import Selection
from benchbench.errors import DataError
from benchbench.names import Selector, parse
from benchbench.partial import Present
from benchbench.plan import make_plan
from benchbench.tables import dataset_facts, load_table
from tests.datasets.layouts import picture

CARD = """
name = "mine"
folder = "."
{official}
[table]
file = "scores.csv"
columns = {{ image = "image", reference = "reference", score = "score" }}
[score]
kind = "mos"
higher_is_better = true
"""


@pytest.fixture
def card(tmp_path: Path, store: Path) -> Path:
    """Eight images of two references; the files of three are missing, and one reference is."""
    rows = [f"d{i}.png,r{i // 4}.png,{i}" for i in range(8)]
    (tmp_path / "scores.csv").write_text("\n".join(["image,reference,score", *rows]))
    for name in ("d0", "d1", "d3", "d4", "d5", "r0"):
        picture(tmp_path / f"{name}.png", size=(40, 40))
    path = tmp_path / "mine.toml"
    path.write_text(CARD.format(official=""))
    return path


def test_without_the_flag_the_missing_files_are_counted_and_named(card: Path) -> None:
    with pytest.raises(DataError) as caught:
        dataset_facts(make_dataset(parse(str(card))))
    said = str(caught.value)
    assert said.startswith("dataset 'mine': 4 of 10 images are missing:\n  row 3: ")
    assert f"\n  reference of row 5: {card.parent / 'r1.png'}: no such file\n" in said
    assert said.endswith("add --allow-partial to go on with the rest") and "more" not in said


def test_with_the_flag_the_rows_with_image_and_reference_are_left(card: Path) -> None:
    part = Present(make_dataset(parse(str(card))).part)
    assert list(load_table(part)["image"]) == ["d0.png", "d1.png", "d3.png"]
    assert part.n_official == 8
    assert part.notes == ("3 of 8 rows: the files of the others are missing (--allow-partial)",)
    card.write_text(CARD.format(official="n_official = 20"))
    part = Present(make_dataset(parse(str(card))).part)
    assert len(load_table(part)) == 3 and part.n_official == 20


def test_the_coverage_reaches_the_plan_and_a_file_that_comes_later_is_seen(card: Path) -> None:
    selection = Selection(features="pixels", dataset=str(card), backbone="none",
                          allow_partial=True, controls=False)

    def facts() -> object:
        return make_plan(selection).cells[0].source.facts

    first = facts()
    assert (first.n, first.n_official, first.groups, first.n_images) == (3, 8, 1, 4)
    assert facts() == first
    time.sleep(0.02)
    picture(card.parent / "d2.png", size=(40, 40))
    second = facts()
    assert second.n == 4 and second.fingerprint != first.fingerprint


def test_a_complete_set_has_the_same_cells_with_and_without_the_flag(card: Path) -> None:
    for name in ("d2", "d6", "d7", "r1"):
        picture(card.parent / f"{name}.png", size=(40, 40))
    cells = [[cell.id for cell in make_plan(Selection(
        features="pixels", dataset=str(card), backbone="none", controls=False,
        allow_partial=flag)).cells] for flag in (False, True)]
    assert cells[0] == cells[1]


def test_nothing_left_is_refused(card: Path) -> None:
    (card.parent / "r0.png").unlink()
    with pytest.raises(DataError, match="none of its 8 rows has its files"):
        load_table(Present(make_dataset(parse(str(card))).part))


def test_distorted_versions_of_what_is_there(card: Path) -> None:
    made = make_dataset(Selector("distorted", {
        "source": str(card), "with": "jpeg", "levels": "1"}))
    table = load_table(Present(made.part))
    assert list(table["image"]) == ["r0.png/jpeg/1"]
