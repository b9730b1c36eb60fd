"""``cross``: several datasets joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchbench.catalogue import make_dataset
from benchbench.errors import DataError, UsageError
from benchbench.names import parse
from benchbench.tables import dataset_facts, load_table
from tests.datasets.layouts import picture

CARD = """
name = "{name}"
folder = "."
size = "{size}"
n_official = 2
[table]
file = "{name}.csv"
columns = {{ image = "image", reference = "ref", score = "score", split = "split" }}
[score]
kind = "{kind}"
higher_is_better = {direction}
"""


@pytest.fixture
def sets(tmp_path: Path, store: Path) -> Path:
    for name, kind, direction in (("a", "mos", "true"), ("b", "dmos", "false")):
        (tmp_path / f"{name}.csv").write_text(
            f"image,ref,score,split\n{name}1.png,r.png,1,test\n{name}2.png,r.png,2,train\n")
        (tmp_path / f"{name}.toml").write_text(
            CARD.format(name=name, kind=kind, direction=direction, size="native"))
        picture(tmp_path / f"{name}1.png", 1)
        picture(tmp_path / f"{name}2.png", 2)
    picture(tmp_path / "r.png", 3)
    picture(tmp_path / "loose/c.png", 4)
    return tmp_path


def test_rows_ids_splits_groups_and_directions(sets: Path) -> None:
    a, b = sets / "a.toml", sets / "b.toml"
    made = make_dataset(parse(f"cross[fit={a},test={b}]"))
    table = load_table(made.part)
    assert list(table["image"]) == [f"{a}:a1.png", f"{a}:a2.png", f"{b}:b1.png", f"{b}:b2.png"]
    assert list(table["source"]) == [str(a)] * 2 + [str(b)] * 2
    assert list(table["split"]) == ["test", "train", "test", "test"]
    assert list(table["score"]) == [1, 2, -1, -2]
    assert list(table["outlier"]) == [False, False, True, True]
    assert list(table["distortion"]) == ["none", "none", str(b), str(b)]
    assert list(table["level"]) == [0, 0, 1, 1]
    assert list(table["group"]) == [f"{a}:r.png"] * 4  # both test on the same reference
    assert table.attrs == {"score_kind": "mos", "higher_is_better": True, "std_kind": None}
    assert made.part.n_official == 4 and "sign changed" in made.part.notes[0]
    facts = dataset_facts(made)
    assert (facts.n, facts.n_images, facts.groups) == (4, 6, 1)
    assert facts.notes[1] == (
        "2 of the pictures to test on, or of their references, are pictures to fit on as well: "
        f"{a}:a2.png as {b}:b2.png, {a}:r.png as {b}:r.png")


def test_the_same_picture_in_several_sets(tmp_path: Path, store: Path) -> None:
    """It is one group where sets of one side share it; over both sides it is said."""
    for folder, seeds in {"a": (1, 2), "b": (2, 3), "c": (4, 5), "d": (5, 6, 3, 1)}.items():
        for i, seed in enumerate(seeds):
            picture(tmp_path / folder / f"{i}.png", seed)
    a, b, c, d = (f"folder[path={tmp_path / name}]" for name in "abcd")
    made = make_dataset(parse(f"cross[fit={a}+{b},test={c}+{d}]"))
    group = load_table(made.part).set_index("image")["group"]
    assert group[f"{a}:1.png"] == group[f"{b}:0.png"] and group[f"{c}:1.png"] == group[f"{d}:0.png"]
    assert group.nunique() == 8 and group[f"{b}:1.png"] != group[f"{d}:2.png"]
    said = dataset_facts(made).notes
    assert len(said) == 1 and said[0].startswith("2 of the pictures")
    assert said[0].endswith(f"{b}:1.png as {d}:2.png, {a}:0.png as {d}:3.png")
    assert dataset_facts(make_dataset(parse(f"cross[fit={a},test={c}]"))).notes == ()


def test_near_and_far(sets: Path) -> None:
    a, b, loose = sets / "a.toml", sets / "b.toml", f"folder[path={sets / 'loose'}]"
    joined = f"cross[fit={a},test={b}+{loose}"
    table = load_table(make_dataset(parse(f"{joined},far={loose}]")).part)
    assert list(table["shift"]) == ["", "", "near", "near", "far"]
    assert "shift" not in load_table(make_dataset(parse(f"{joined}]")).part)
    with pytest.raises(UsageError, match=r"cross\[far=.*a.toml\]: .*a.toml is not among the sets"):
        make_dataset(parse(f"{joined},far={a}]"))


def test_pictures_and_digests_are_those_of_the_sets(sets: Path) -> None:
    a, b = sets / "a.toml", sets / "b.toml"
    cross = make_dataset(parse(f"cross[fit={a},test={b}]")).part
    whole = make_dataset(parse(str(b))).part
    np.testing.assert_array_equal(cross.load(f"{b}:b2.png"), whole.load("b2.png"))
    assert cross.path(f"{b}:b2.png") == whole.path("b2.png")
    found = cross.inspect([f"{b}:b2.png", f"{a}:a1.png", f"{b}:b1.png"])
    assert found[0] == whole.inspect(["b2.png"])[0] and found[0] == cross.inspect(
        [f"{a}:a2.png"])[0]
    assert set(whole.sources()) < set(cross.sources())
    with pytest.raises(DataError, match="no image 'c:1'; ids are <source>"):
        cross.load("c:1")


def test_sets_without_scores_and_with_names_in_brackets(sets: Path) -> None:
    loose = f"folder[path={sets / 'loose'}]"
    noisy = f"distorted[source={loose},with=jpeg+white-noise,levels=1]"
    cross = make_dataset(parse(f"cross[fit={loose},test={noisy}+{sets / 'a.toml'}]")).part
    table = load_table(cross)
    assert list(table["source"].unique()) == [loose, noisy, str(sets / "a.toml")]
    assert "score" not in table and cross.score_kind is None and cross.size == "model"
    assert list(table["split"]) == ["train", "test", "test", "test", "test"]
    assert list(table["distortion"]) == ["none", "jpeg", "white-noise", *[str(sets / "a.toml")] * 2]
    assert list(table["level"]) == [0, 1, 1, 1, 1] and table["level"].dtype.kind in "if"
    assert table["reference"][0] == table["image"][0]


def test_what_is_in_one_set_is_told_from_what_is_in_others(sets: Path) -> None:
    """The outlier task reports each of the other sets."""
    from benchbench.interfaces import Features
    from benchbench.registry import registry

    rng = np.random.default_rng(0)
    for folder, n, first in (("in", 60, 0), ("near", 9, 100), ("far", 9, 200)):
        for i in range(n):
            picture(sets / folder / f"{i}.png", first + i, size=(4, 4))
    near, far = (f"folder[path={sets / name}]" for name in ("near", "far"))
    inside = f"parts[source=folder[path={sets / 'in'}]]"
    table = load_table(make_dataset(parse(f"cross[fit={inside},test={near}+{far}]")).part)
    assert set(table["split"]) == {"train", "val", "test"}
    shift = table["source"].map({inside: 0.0, near: 0.5, far: 9.0}).to_numpy()[:, None]
    rows = rng.normal(size=(len(table), 3)) + shift
    task = registry().make("task", parse("ood[mode=one-class]")).part
    found = task.evaluate(Features(rows), table, 0).details["conditions"]
    aurocs = {row["distortion"]: row["auroc"] for row in found}
    assert set(aurocs) == {near, far} and aurocs[far] > 0.99 > aurocs[near]


def test_a_set_named_twice_is_refused(sets: Path) -> None:
    with pytest.raises(UsageError, match="a set is named twice"):
        make_dataset(parse(f"cross[fit={sets / 'a.toml'},test={sets / 'a.toml'}]"))
