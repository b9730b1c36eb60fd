"""The dataset ``demo`` and the table of expected scores."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchbench_plugins.demo import LEVELS, TYPES, ceilings, expected_scores
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CATALOGUE, KADID
from scipy.stats import spearmanr

from benchbench import dataset


def human_scores(shared_data: Path) -> pd.DataFrame:
    names = ["file", "score"]
    table = pd.read_csv(shared_data / "kadid10k" / "kadid10k_label.txt", header=None, names=names)
    parts = table["file"].str.extract(r"^(?P<reference>I\d+)_(?P<type>\d+)_(?P<level>\d+)\.png$")
    return table.assign(**parts).astype({"type": int, "level": int})


def test_table_of_expected_scores_is_kadid_10k_s_means(shared_data: Path) -> None:
    rows = human_scores(shared_data).groupby(["type", "level"])["score"].agg(["mean", "std"])
    text = files("benchbench_datasets").joinpath("kadid10k_expected_mos.csv").read_text("utf-8")
    stored = {(int(r["type"]), int(r["level"])): r for r in csv.DictReader(text.splitlines())}
    assert len(rows) == len(stored) == 125
    for key, row in rows.iterrows():
        assert float(stored[key]["mean"]) == pytest.approx(row["mean"], abs=0.0006)
        assert float(stored[key]["sd"]) == pytest.approx(row["std"], abs=0.0006)
    numbers = {each.number: each.name for each in KADID}
    assert {key[0]: row["name"] for key, row in stored.items()} == numbers


def test_levels_that_change_nothing_have_the_best_scores() -> None:
    """Ties the order of our levels to KADID-10k's: what leaves an image as it is scores 4.5."""
    image = dataset("photographs").load("coffee")[150:250, 200:300]
    unchanged = [
        (each.name, level)
        for each in KADID
        for level in LEVELS
        if np.abs(distort(image, each, level, generator("", "", 0, 0)).astype(int) - image).max()
        <= 1
    ]
    scores = expected_scores()
    assert {name for name, _ in unchanged} == {
        "gaussian-blur", "motion-blur", "saturation-lab", "mean-shift",
    }  # fmt: skip
    assert min(scores[key] for key in unchanged) > 4.5
    assert ("mean-shift", 3) in unchanged


def test_table() -> None:
    demo = dataset("demo")
    table = demo.table()
    assert len(table) == demo.n_official == 420
    assert table["image"].is_unique
    assert table["group"].nunique() == 7
    assert table.groupby("distortion").size().to_dict() == dict.fromkeys(TYPES, 35)
    assert (demo.score_kind, demo.higher_is_better, demo.size) == ("expected-mos", True, "native")
    assert table.groupby(["distortion", "level"])["score"].nunique().eq(1).all()
    row = table[table["image"] == "china/jpeg/5"].iloc[0]
    assert row["score"] == 1.35
    assert (row["reference"], row["distortion"], row["level"]) == ("china", "jpeg", 5)


def test_other_pictures(shared_data: Path) -> None:
    kodak = dataset(f"demo[source=folder[path={shared_data / 'kodak'}]]")
    table = kodak.table()
    assert (len(table), table["group"].nunique(), kodak.size) == (660, 11, "native")
    row = table[table["image"] == "kodim01.png/jpeg/5"].iloc[0]
    assert (row["score"], row["reference"]) == (1.35, "kodim01.png")
    assert kodak.load("kodim01.png/jpeg/5").shape == (512, 768, 3)


def test_notes_say_what_the_scores_are_and_what_the_type_alone_reaches() -> None:
    demo = dataset("demo")
    table = demo.table()
    by_type, by_level = (
        spearmanr(table["score"], table.groupby(key)["score"].transform("mean")).statistic
        for key in ("distortion", "level")
    )
    assert ceilings() == pytest.approx((by_type, by_level))
    [note] = demo.notes
    assert "expected scores" in note
    assert "not of the image" in note
    assert f"only the type reaches SROCC {by_type:.2f}, only the level {by_level:.2f}" in note


def test_how_far_the_mean_of_type_and_level_is_from_a_single_image(shared_data: Path) -> None:
    """The figures in Demo's docstring."""
    numbers = [CATALOGUE[name].number for name in TYPES]
    rows = human_scores(shared_data)
    for chosen, stated in ((rows, 0.938), (rows[rows["type"].isin(numbers)], 0.947)):
        scores = chosen.groupby(["type", "level"])["score"]
        others = (scores.transform("sum") - chosen["score"]) / (scores.transform("size") - 1)
        assert spearmanr(others, chosen["score"]).statistic == pytest.approx(stated, abs=0.0005)


def test_pixels_are_made_as_kadid_10k_makes_them() -> None:
    demo = dataset("demo")
    clean = demo.load("rocket")
    assert np.array_equal(clean, dataset("photographs").load("rocket"))
    for name in ("gaussian-blur", "white-noise"):
        rng = generator("rocket", name, 5, 0)
        expected = distort(clean, CATALOGUE[name], 5, rng, stretch=True)
        assert np.array_equal(demo.load(f"rocket/{name}/5"), expected)


def test_digests_need_no_pixels(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = dataset("demo")
    monkeypatch.setattr(type(demo), "load", lambda self, image: pytest.fail("was made"))
    table = demo.table()
    facts = demo.inspect([*table["image"], *table["reference"].unique()])
    assert len({each.digest for each in facts}) == 427
    assert {(each.height, each.width) for each in facts} >= {(512, 512), (427, 640)}
