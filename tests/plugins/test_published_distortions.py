"""Distortions against published files and against the package ``imagecorruptions``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CATALOGUE, IMAGENET_C
from PIL import Image

from tests.oracles.imagecorruptions_values import DRAWN, FIXED, RANDOM, crop, grid, statistics

VALUES: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "oracles" / "imagecorruptions.json").read_text("utf-8")
)
TRIES = 12


def make(image: np.ndarray, name: str, level: int, seed: int = 0) -> np.ndarray:
    return distort(image, CATALOGUE[name], level, generator("image", name, level, seed))


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("imagenet-c-brightness", "brightness"),
        ("imagenet-c-contrast", "contrast"),
        ("imagenet-c-jpeg", "jpeg_compression"),
        ("imagenet-c-saturate", "saturate"),
    ],
)
def test_published_corruptions_bit_by_bit(
    shared_data: Path, name: str, folder: str, level: int
) -> None:
    def read(path: Path) -> np.ndarray:
        return np.asarray(Image.open(path).convert("RGB"))

    root = shared_data / "buffet"
    clean = read(root / "severity_0" / "buffet.png")
    published = read(root / f"severity_{level}" / folder / "buffet.png")
    assert np.array_equal(make(clean, name, level), published)


@pytest.mark.parametrize("level", [2, 5])
def test_kadid_10k_s_own_blur(shared_data: Path, level: int) -> None:
    root = shared_data / "kadid10k" / "images"
    clean = np.asarray(Image.open(root / "I01.png").convert("RGB"))
    published = np.asarray(Image.open(root / f"I01_01_0{level}.png").convert("RGB"))
    rng = generator("I01", "gaussian-blur", level, 0)
    made = distort(clean, CATALOGUE["gaussian-blur"], level, rng, stretch=True)
    difference = np.abs(made.astype(int) - published)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4


def test_every_corruption_has_an_oracle() -> None:
    names = {each.name.removeprefix("imagenet-c-") for each in IMAGENET_C}
    assert names == set(FIXED) | set(RANDOM)
    assert len(names) == 19


@pytest.mark.parametrize("level", range(1, 6))
@pytest.mark.parametrize("name", FIXED)
def test_fixed_corruptions_are_the_package_s(name: str, level: int) -> None:
    assert grid(make(crop(), f"imagenet-c-{name}", level)) == VALUES["fixed"][name][level - 1]


@pytest.mark.parametrize("level", range(1, 6))
@pytest.mark.parametrize("name", [name for name in DRAWN if name != "frost"])
def test_random_corruptions_are_the_package_s_where_the_same_is_drawn(
    name: str, level: int
) -> None:
    rng = np.random.default_rng(level)
    ours = np.array(grid(distort(crop(), CATALOGUE[f"imagenet-c-{name}"], level, rng)))
    difference = np.abs(ours - VALUES["drawn"][name][level - 1])
    # The package smears and mixes in float32, so that a value may fall on the other side of a step.
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.005


@pytest.mark.parametrize("level", range(1, 6))
@pytest.mark.parametrize("name", sorted(RANDOM.keys() - {"frost"}))
def test_random_corruptions_have_the_package_s_statistics(name: str, level: int) -> None:
    clean = crop()
    ours = np.array(
        [
            statistics(make(clean, f"imagenet-c-{name}", level, seed), clean.astype(float))
            for seed in range(TRIES)
        ]
    )
    theirs = VALUES["random"][name][level - 1]
    mean, spread = np.array(theirs["mean"]), np.array(theirs["sd"])
    allowed = 4.5 * spread * np.sqrt(1 / TRIES + 1 / VALUES["seeds"]) + 0.05
    assert (np.abs(ours.mean(axis=0) - mean) < allowed).all(), (ours.mean(axis=0), mean, allowed)
