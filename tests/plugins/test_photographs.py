"""The pictures inside the wheels."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from benchbench_plugins import photographs
from skimage import data
from sklearn.datasets import load_sample_image

from benchbench import DataError, UsageError, dataset


def test_seven_natural_photographs_in_colour() -> None:
    table = dataset("photographs").table()
    assert sorted(table["image"]) == [
        "astronaut", "chelsea", "china", "coffee", "flower", "motorcycle", "rocket",
    ]  # fmt: skip
    assert (table["group"] == table["image"]).all()
    for name in table["image"]:
        pixels = dataset("photographs").load(name)
        assert np.ptp(pixels.astype(int), axis=2).mean() > 10, f"{name} is grey"


def test_pixels_are_those_of_the_packages() -> None:
    natural = dataset("photographs[set=natural]")
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        assert np.array_equal(natural.load(name), getattr(data, name)()), name
    for name in ("china", "flower"):
        assert np.array_equal(natural.load(name), load_sample_image(f"{name}.jpg")), name
    assert np.array_equal(natural.load("motorcycle"), data.stereo_motorcycle()[0])
    grey = dataset("photographs[set=other]").load("camera")
    assert np.array_equal(grey, data.camera()[..., None].repeat(3, axis=2))


def test_sets_are_disjoint_and_all_is_both() -> None:
    names = {
        kind: set(dataset(f"photographs[set={kind}]").table()["image"])
        for kind in ("natural", "other", "all")
    }
    assert not names["natural"] & names["other"]
    assert names["all"] == names["natural"] | names["other"]
    assert len(names["other"]) == 9


def test_every_picture_is_there_and_readable(store: object) -> None:
    every = dataset("photographs[set=all]")
    facts = every.inspect(list(every.table()["image"]))
    assert len({each.digest for each in facts}) == 16
    assert all(min(each.height, each.width) >= 300 for each in facts)


def test_neither_package_is_imported() -> None:
    code = (
        "import sys; from benchbench import dataset; d = dataset('photographs[set=all]');"
        "[d.path(n) for n in ('coffee', 'china')];"
        "sys.exit(any(m in sys.modules for m in ('skimage', 'sklearn', 'torch', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_set_and_image() -> None:
    with pytest.raises(UsageError, match="did you mean 'natural'"):
        dataset("photographs[set=natura]")
    with pytest.raises(DataError, match="no image 'cofee'; did you mean 'coffee'"):
        dataset("photographs").path("cofee")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(photographs, "find_spec", nothing)
    with pytest.raises(DataError, match="'skimage', which is not installed"):
        dataset("photographs").path("coffee")
