"""The twelve CURE-TSR-style challenges, and ``gtsrb-challenges``, which shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CURE_TSR, LEVELS, find
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from skimage import data

from benchbench import dataset

NAMES = [each.name for each in CURE_TSR]
GREY = np.full((64, 96, 3), 128, np.uint8)


def make(image: np.ndarray, name: str, level: int, key: str = "image") -> np.ndarray:
    return distort(image, find(f"cure-tsr-{name}"), level, generator(key, name, level, 0))


def errors(images: list[np.ndarray], name: str) -> list[float]:
    """Mean squared error from the clean images, level by level."""
    return [
        float(np.mean([
            np.mean((make(image, name, level, str(i)).astype(float) - image) ** 2)
            for i, image in enumerate(images)
        ]))
        for level in LEVELS
    ]  # fmt: skip


def test_all_twelve_are_there() -> None:
    assert len(NAMES) == 12
    assert all(each.monotone and len(each.amounts) == 5 for each in CURE_TSR)


@pytest.mark.parametrize("name", [name.removeprefix("cure-tsr-") for name in NAMES])
def test_a_higher_level_is_further_from_the_clean_picture(name: str, shared_data: Path) -> None:
    def read(paths: list[Path]) -> list[np.ndarray]:
        return [np.asarray(Image.open(path).convert("RGB")) for path in paths]

    signs = read(sorted((shared_data / "gtsrb").glob("*/*.p*"))[::80])
    photographs = [image[::2, ::2] for image in read(sorted((shared_data / "kodak").iterdir())[:4])]
    assert all(np.diff(errors(signs, name)) > 0)
    assert all(np.diff(errors(photographs, name)) > 0)


@given(
    st.sampled_from(NAMES), st.integers(1, 5),
    st.integers(28, 80), st.integers(28, 80), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_size_and_any_picture(
    name: str, level: int, height: int, width: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made = distort(image, find(name), level, generator("x", name, level, seed))
    assert (made.shape, made.dtype) == (image.shape, np.uint8)
    again = distort(image, find(name), level, generator("x", name, level, seed))
    assert np.array_equal(made, again)


@pytest.mark.parametrize("name", NAMES)
def test_a_megapixel(name: str) -> None:
    image = np.zeros((800, 1300, 3), np.uint8)
    image[::2] = 200, 120, 40
    assert not np.array_equal(make(image, name.removeprefix("cure-tsr-"), 5), image)


# What each one does


def test_decolorization_ends_in_pillow_s_grey() -> None:
    image = data.astronaut()[:64, :64]
    grey = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    assert np.abs(make(image, "decolorization", 5).astype(int) - grey).max() <= 1


@pytest.mark.parametrize("level", LEVELS)
def test_light_is_multiplied(level: int) -> None:
    for name in ("darkening", "exposure"):
        factor = find(f"cure-tsr-{name}").amounts[level - 1]
        expected = np.clip(np.rint(60 * factor), 0, 255)
        assert (make(np.full((28, 28, 3), 60, np.uint8), name, level) == expected).all()


def test_blurs_keep_the_light_and_grow_with_the_root_of_the_side() -> None:
    for name in ("gaussian-blur", "lens-blur"):
        assert np.array_equal(make(GREY, name, 5), GREY)
        spreads = []
        for side in (101, 401):
            point = np.zeros((side, side, 3), np.uint8)
            point[side // 2 - 2 : side // 2 + 3, side // 2 - 2 : side // 2 + 3] = 255
            made = make(point, name, 5)[..., 0].astype(float)
            away = np.arange(side) - side // 2
            # A square of five pixels has a variance of 2.
            spreads.append((made.sum(0) * away**2).sum() / made.sum() - 2)
        assert np.sqrt(spreads[1] / spreads[0]) == pytest.approx(np.sqrt(401 / 101), rel=0.1)


def test_gaussian_blur_is_scipy_s() -> None:
    image = data.coffee()[:128, :128]
    sigma = find("cure-tsr-gaussian-blur").amounts[2] * 2
    expected = ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest",
                                       radius=(6, 6, 0))  # fmt: skip
    assert np.abs(make(image, "gaussian-blur", 3) - expected).max() < 0.51


@pytest.mark.parametrize("level", LEVELS)
def test_codec_errors_are_whole_blocks_of_the_stated_share(level: int) -> None:
    share = find("cure-tsr-codec-error").amounts[level - 1]
    hit = [(make(GREY, "codec-error", level, str(i)) != GREY).any(2) for i in range(40)]
    # A cast of less than half a grey level is not seen.
    assert np.mean(hit) == pytest.approx(share, abs=0.05)
    block = round(64 / 14)
    whole = hit[0][: 64 // block * block, : 96 // block * block]
    blocks = whole.reshape(64 // block, block, 96 // block, block)
    assert (blocks.all((1, 3)) == blocks.any((1, 3))).all()


@pytest.mark.parametrize("level", LEVELS)
def test_noise_has_its_deviation(level: int) -> None:
    spread = (make(GREY, "noise", level) / 255).std()
    stated = find("cure-tsr-noise").amounts[level - 1]
    assert spread == pytest.approx(stated, rel=0.03 if stated < 0.2 else 0.1)


def test_weather_lightens_and_dirt_and_shade_darken() -> None:
    dark, light = np.full_like(GREY, 40), np.full_like(GREY, 220)
    for name in ("rain", "snow", "haze"):
        assert (make(dark, name, 3) >= dark).all()
        assert make(dark, name, 5).mean() > make(dark, name, 1).mean() > 40
    for name in ("shadow", "dirty-lens"):
        assert (make(light, name, 3) <= light).all()
        assert make(light, name, 5).mean() < make(light, name, 1).mean() < 220


def test_rain_falls_and_haze_is_thickest_in_the_middle() -> None:
    steep = []
    for i in range(8):
        layer = make(np.full((300, 300, 3), 40, np.uint8), "rain", 3, str(i))[..., 0].astype(float)
        steep.append(np.abs(np.diff(layer, axis=1)).mean() / np.abs(np.diff(layer, axis=0)).mean())
    assert min(steep) > 1.5
    haze = np.mean([make(np.zeros_like(GREY), "haze", 3, str(i)) for i in range(8)], axis=(0, 3))
    assert haze[24:40, 36:60].mean() > haze[:16].mean()


def test_snow_covers_as_much_of_a_sign_as_of_a_photograph() -> None:
    shares = [
        np.mean([make(np.zeros((side, side, 3), np.uint8), "snow", 3, str(i)) for i in range(12)])
        for side in (35, 350)
    ]
    assert shares[0] == pytest.approx(shares[1], rel=0.15)


# In the datasets


@given(
    st.sampled_from(NAMES), st.sampled_from([*NAMES, "jpeg", "imagenet-c-fog"]),
    st.integers(1, 5), st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_two_in_a_row_are_one_after_the_other(
    first: str, second: str, level: int, seed: int
) -> None:
    name = f"{first}>{second}"
    made = dataset(f"distorted[source=photographs,with={name},levels={level},seed={seed}]")
    clean = made.load("flower")[:60, :70]
    made._recent = "flower", clean
    rng = generator("flower", name, level, seed)
    expected = distort(distort(clean, find(first), level, rng), find(second), level, rng)
    assert np.array_equal(made.load(f"flower/{name}/{level}"), expected)


SCRIPT = """
import hashlib, sys
from benchbench import dataset
made = dataset("distorted[source=photographs,with=" + sys.argv[1] + ",levels=2]")
digest = hashlib.sha256()
for name in made.table()["image"]:
    if name.startswith("flower/"):
        digest.update(made.load(name).tobytes())
print(digest.hexdigest())
"""


def test_pixels_are_the_same_in_every_process_with_any_threads() -> None:
    types = "+".join([*NAMES, "cure-tsr-rain>cure-tsr-haze", "imagenet-c-spatter"])
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, types],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
                 "PYTHONHASHSEED": threads},
            capture_output=True, text=True, check=True,
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_the_stand_in_shows_test_challenges_and_one_training_outlier(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHBENCH_DATA", str(shared_data))
    part = dataset("gtsrb-challenges")
    table = part.table()
    assert part.notes[0].startswith("a stand-in for CURE-TSR, not CURE-TSR")
    assert "CURE-TSR-style" in part.notes[1]
    learned, tested = (table[table["split"].eq("test") == flag] for flag in (False, True))
    assert set(zip(learned["distortion"], learned["level"], strict=True)) == {
        ("none", 0), ("cure-tsr-gaussian-blur", 1)
    }  # fmt: skip
    assert tested.groupby(["distortion", "level"]).size().nunique() == 1
    assert set(tested["distortion"]) == {*NAMES, "none"}
    assert (table["outlier"] == (table["level"] > 0)).all()
    assert set(learned["group"]).isdisjoint(tested["group"])
    assert (~table["outlier"]).sum() == 3440
    sign = "100_kmh/00000_00014.png"
    blurred = part.load(f"{sign}/cure-tsr-gaussian-blur/1")
    assert blurred.shape == part.load(sign).shape
