"""ImageNet-C's frost: where its photographs are found, and what is made of them."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchbench_plugins.distortions import frost
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import LEVELS, find
from PIL import Image

from benchbench import DataError, dataset
from tests.oracles.imagecorruptions_values import crop, grid, statistics

VALUES: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "oracles" / "imagecorruptions.json").read_text("utf-8")
)
FROST = find("imagenet-c-frost")
TRIES = 40


@pytest.fixture
def photographs() -> tuple[Path, ...]:
    """The package's own."""
    try:
        return frost.textures()
    except DataError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frost, "_installed", tuple)


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with pictures that are no frost."""
    folder = tmp_path / "frost"
    folder.mkdir()
    for number, name in enumerate(frost.NAMES):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    return folder


@pytest.mark.parametrize("level", LEVELS)
def test_the_package_s_pixels_where_the_same_is_drawn(
    photographs: tuple[Path, ...], level: int
) -> None:
    ours = grid(distort(crop(), FROST, level, np.random.default_rng(level)))
    assert ours == VALUES["drawn"]["frost"][level - 1]


@pytest.mark.parametrize("level", LEVELS)
def test_the_package_s_statistics(photographs: tuple[Path, ...], level: int) -> None:
    clean = crop()
    ours = np.array([
        statistics(distort(clean, FROST, level, generator("x", "frost", level, seed)),
                   clean.astype(float))
        for seed in range(TRIES)
    ])  # fmt: skip
    theirs = VALUES["random"]["frost"][level - 1]
    allowed = 4.5 * np.array(theirs["sd"]) * np.sqrt(1 / TRIES + 1 / VALUES["seeds"])
    assert (np.abs(ours.mean(axis=0) - theirs["mean"]) < allowed).all()


def test_the_photographs_are_found_without_importing_the_package(
    photographs: tuple[Path, ...]
) -> None:
    try:
        metadata.version("imagecorruptions")
    except metadata.PackageNotFoundError:
        pytest.skip("imagecorruptions is not installed")
    assert [path.name for path in frost._installed()] == ["frost"]


def test_a_folder_below_the_data_root_comes_first(made_up: Path) -> None:
    assert frost.textures() == tuple(made_up / name for name in frost.NAMES)


@pytest.mark.parametrize("shape", [(2, 2, 3), (33, 35, 3), (200, 90, 3), (90, 400, 3)])
def test_any_size(made_up: Path, shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for level in LEVELS:
        made = distort(image, FROST, level, generator("x", "frost", level, 0))
        assert (made.shape, made.dtype) == (shape, np.uint8)
        again = distort(image, FROST, level, generator("x", "frost", level, 0))
        assert np.array_equal(made, again)


def test_missing_photographs_are_said_when_the_dataset_is_made(
    not_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "distorted[source=photographs,with=jpeg>imagenet-c-frost]"
    monkeypatch.delenv("BENCHBENCH_DATA", raising=False)
    with pytest.raises(DataError, match=r"pip install --no-deps imagecorruptions.* --data-root"):
        dataset(name)
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=str(tmp_path / "frost")):
        dataset(name)
    dataset("distorted[source=photographs,with=jpeg]")


def test_one_photograph_missing_is_all_missing(not_installed: None, made_up: Path) -> None:
    (made_up / frost.NAMES[3]).unlink()
    with pytest.raises(DataError, match="not here"):
        frost.textures()


def test_other_photographs_are_another_recipe(made_up: Path, store: Path) -> None:
    def digests() -> list[str]:
        made = dataset("distorted[source=photographs,with=imagenet-c-frost+jpeg]")
        names = ["coffee/imagenet-c-frost/1", "coffee/jpeg/1"]
        return [facts.digest for facts in made.inspect(names)]

    first = digests()
    assert digests() == first
    Image.new("RGB", (50, 50), "white").save(made_up / frost.NAMES[0])
    second = digests()
    assert second[0] != first[0]
    assert second[1] == first[1]
