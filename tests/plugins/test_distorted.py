"""The dataset ``distorted``: its table, its pixels, its digests, its answers to wrong calls."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CATALOGUE
from benchbench_plugins.distortions.distorted import Distorted
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench import UsageError, dataset


def test_table() -> None:
    made = dataset("distorted[source=photographs,with=jpeg+gaussian-blur,levels=1+5]")
    table = made.table()
    assert len(table) == 7 * 2 * 2
    assert set(table.columns) == {"image", "reference", "distortion", "level", "group"}
    assert table["image"].is_unique
    first = table.iloc[0]
    assert first["image"] == f"{first['reference']}/jpeg/1"
    assert first["group"] == first["reference"]
    assert (made.size, made.score_kind) == ("native", None)


def test_clean_rows_are_the_outliers_opposite() -> None:
    table = dataset("distorted[source=photographs,with=jpeg,clean=true]").table()
    assert len(table) == 7 * 6
    clean = table[~table["outlier"]]
    assert set(clean["distortion"]) == {"none"}
    assert set(clean["level"]) == {0}
    assert (clean["image"] == clean["reference"]).all()
    assert (table.loc[table["outlier"], "level"] > 0).all()


def test_pixels_are_those_of_the_functions() -> None:
    made = dataset("distorted[source=photographs,with=white-noise+white-noise>jpeg,seed=3]")
    clean = made.load("chelsea")
    rng = generator("chelsea", "white-noise", 2, 3)
    expected = distort(clean, CATALOGUE["white-noise"], 2, rng)
    assert np.array_equal(made.load("chelsea/white-noise/2"), expected)
    rng = generator("chelsea", "white-noise>jpeg", 2, 3)
    noisy = distort(clean, CATALOGUE["white-noise"], 2, rng)
    expected = distort(noisy, CATALOGUE["jpeg"], 2, rng)
    assert np.array_equal(made.load("chelsea/white-noise>jpeg/2"), expected)


def test_order_and_copies_do_not_matter() -> None:
    made = dataset("distorted[source=photographs,with=jitter+white-noise]")
    copy = pickle.loads(pickle.dumps(made))
    names = ["coffee/jitter/1", "flower/white-noise/5", "coffee/white-noise/2"]
    forward = {name: made.load(name) for name in names}
    assert all(np.array_equal(copy.load(name), forward[name]) for name in reversed(names))


def test_digest_is_of_the_recipe(store: Path) -> None:
    def facts(**how: object) -> list[str]:
        given = {"with": "jpeg+gaussian-blur", **how}
        text = ",".join(f"{key}={value}" for key, value in given.items())
        made = dataset(f"distorted[source=photographs,{text}]")
        names = ["coffee/jpeg/1", "coffee/jpeg/2", "coffee/gaussian-blur/1", "china/jpeg/1"]
        return [each.digest for each in made.inspect(names)]

    plain = facts()
    assert len(set(plain)) == 4
    assert facts() == plain
    for change in ({"seed": 1}, {"stretch": "true"}):
        assert not set(facts(**change)) & set(plain)
    assert facts(levels="1+2+5", clean="true") == plain


def test_size_and_digest_of_sources_pass_through(store: Path) -> None:
    made = dataset("distorted[source=photographs,with=jpeg]")
    plain = dataset("photographs")
    [clean, distorted] = made.inspect(["coffee", "coffee/jpeg/3"])
    assert [clean] == plain.inspect(["coffee"])
    assert (distorted.height, distorted.width) == (400, 600)
    assert made.path("coffee") == plain.path("coffee")
    assert made.path("coffee/jpeg/3") is None


def test_references_of_a_distorted_source_are_what_is_distorted() -> None:
    inner = "distorted[source=photographs,with=jpeg]"
    table = dataset(f"distorted[source={inner},with=gaussian-blur,levels=1]").table()
    assert len(table) == 7
    assert set(table["reference"]) == set(dataset("photographs").table()["image"])


class Labelled(Distorted):
    """A source with labels, splits and groups of its own."""

    def __init__(self) -> None:
        super().__init__("photographs", "jpeg")
        self._source.table = lambda: pd.DataFrame(  # type: ignore[method-assign]
            {"image": ["a", "b"], "label": [1, 2], "split": ["train", "test"], "group": ["x", "x"]}
        )


def test_labels_splits_and_groups_are_kept() -> None:
    table = Labelled().table()
    assert list(table["label"]) == [1] * 5 + [2] * 5
    assert set(table["split"]) == {"train", "test"}
    assert set(table["group"]) == {"x"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("with=gausian-blur", "did you mean 'gaussian-blur'"),
        ("with=something-else", "there are gaussian-blur, lens-blur"),
        ("with=jpeg+jpeg", "named twice"),
        ("with=jpeg,levels=0-3", "levels go from 1 to 5"),
        ("with=jpeg,levels=4-2", "levels go from 1 to 5"),
        ("with=jpeg,levels=all", r"expected 1-5 or 1\+3\+5"),
        ("with=imagenet-c-fog,stretch=true", "stretch=true is for KADID-10k's types"),
    ],
)
def test_wrong_parameters_are_answered(parameters: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataset(f"distorted[source=photographs,{parameters}]")


@given(
    st.text(max_size=20), st.sampled_from(list(CATALOGUE)), st.integers(1, 5), st.integers(0, 9)
)
@settings(max_examples=50, deadline=None)
def test_every_image_type_level_and_seed_has_its_own_noise(
    image: str, name: str, level: int, seed: int
) -> None:
    def draw(*key: object) -> float:
        return float(generator(*key).random())  # type: ignore[arg-type]

    first = draw(image, name, level, seed)
    assert draw(image, name, level, seed) == first
    others = {
        draw(image + "x", name, level, seed),
        draw(image, name + "x", level, seed),
        draw(image, name, level + 1, seed),
        draw(image, name, level, seed + 1),
    }
    assert len(others | {first}) == 5
