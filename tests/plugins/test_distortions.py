"""Each distortion against what it says of itself, and against other implementations."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CATALOGUE, CURE_TSR, IMAGENET_C, KADID, LEVELS
from PIL import Image
from skimage import color, data

from benchbench import DataError

# Frost has tests of its own: it needs photographs that are not part of the project.
NAMES = [name for name, each in CATALOGUE.items() if not each.material]
RNG = np.random.default_rng(0)
FLAT = np.full((256, 256, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    """Three crops of 160×200 pixels."""
    return [image[100:260, 120:320] for image in (data.astronaut(), data.coffee(), data.chelsea())]


def make(image: np.ndarray, name: str, level: int, seed: int = 0) -> np.ndarray:
    return distort(image, CATALOGUE[name], level, generator("image", name, level, seed))


def error(image: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((image.astype(float) - other) ** 2)))


def test_kadid_10k_is_complete() -> None:
    assert [each.number for each in KADID] == list(range(1, 26))
    assert len(CATALOGUE) == len(KADID) + len(IMAGENET_C) + len(CURE_TSR) == 25 + 19 + 12
    assert all(len(each.amounts) == len(LEVELS) for each in CATALOGUE.values())


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_pixels(name: str, photographs: list[np.ndarray]) -> None:
    image = photographs[0]
    before = image.copy()
    first = make(image, name, 3)
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert np.array_equal(image, before), "the clean image was written to"
    assert np.array_equal(first, make(image, name, 3))


RANDOM = (
    "motion-blur", "colour-shift", "white-noise", "colour-noise", "impulse-noise",
    "multiplicative-noise", "denoise", "jitter", "eccentricity-patch", "colour-block",
    "imagenet-c-gaussian-noise", "imagenet-c-shot-noise", "imagenet-c-impulse-noise",
    "imagenet-c-speckle-noise", "imagenet-c-elastic", "imagenet-c-glass-blur",
    "imagenet-c-motion-blur", "imagenet-c-fog", "imagenet-c-snow", "imagenet-c-spatter",
    "cure-tsr-codec-error", "cure-tsr-dirty-lens", "cure-tsr-noise", "cure-tsr-rain",
    "cure-tsr-shadow", "cure-tsr-snow", "cure-tsr-haze",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_other_seed_other_pixels_where_there_is_chance(
    name: str, photographs: list[np.ndarray]
) -> None:
    same = np.array_equal(make(photographs[0], name, 4), make(photographs[0], name, 4, seed=1))
    assert same == (name not in RANDOM)


@pytest.mark.parametrize("name", [name for name in NAMES if CATALOGUE[name].monotone])
def test_error_grows_with_the_level(name: str, photographs: list[np.ndarray]) -> None:
    errors = [
        np.mean([error(make(x, name, level, seed), x) for x in photographs for seed in (0, 1)])
        for level in LEVELS
    ]
    assert all(np.diff(errors) > 0), errors


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(2, 2, 3), (35, 33, 3), (28, 90, 3)])
def test_any_size(name: str, shape: tuple[int, int, int]) -> None:
    for image in (RNG.integers(0, 256, shape, dtype=np.uint8), np.zeros(shape, np.uint8)):
        for level in (1, 5):
            assert make(image, name, level).shape == shape


def test_one_pixel_is_refused() -> None:
    with pytest.raises(DataError, match="1x1 pixels cannot be distorted"):
        make(FLAT[:1, :1], "jpeg", 1)


# Blur


@pytest.mark.parametrize("level", LEVELS)
def test_gaussian_blur_is_torchvision_s(level: int, photographs: list[np.ndarray]) -> None:
    sigma = CATALOGUE["gaussian-blur"].amounts[level - 1]
    side = 2 * math.ceil(2 * sigma) + 1
    padded = np.pad(photographs[0], ((side, side), (side, side), (0, 0)), mode="edge")
    tensor = torch.from_numpy(padded.astype(np.float64) / 255).permute(2, 0, 1)
    blurred = tv.gaussian_blur(tensor, [side, side], [sigma, sigma]).permute(1, 2, 0).numpy()
    expected = np.rint(blurred[side:-side, side:-side] * 255)
    difference = np.abs(make(photographs[0], "gaussian-blur", level) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001


def test_sharpening_leaves_colour_and_flat_areas() -> None:
    assert np.array_equal(make(FLAT, "sharpen", 5), FLAT)
    step = FLAT.copy()
    step[:, 128:] = 160
    sharp = make(step, "sharpen", 1)[100]
    assert sharp[127, 0] < 128
    assert sharp[128, 0] > 160
    assert np.ptp(sharp, axis=1).max() <= 1


# Colour


@pytest.mark.parametrize("level", LEVELS)
def test_saturation_is_scikit_image_s_hsv(level: int, photographs: list[np.ndarray]) -> None:
    hsv = color.rgb2hsv(photographs[0] / 255)
    hsv[..., 1] *= CATALOGUE["saturation-hsv"].amounts[level - 1]
    expected = np.clip(color.hsv2rgb(hsv), 0, 1) * 255
    assert np.abs(make(photographs[0], "saturation-hsv", level) - expected).max() < 0.51


def test_lab_saturation_of_one_changes_nothing(photographs: list[np.ndarray]) -> None:
    assert error(make(photographs[0], "saturation-lab", 1), photographs[0]) < 0.1


@pytest.mark.parametrize("level", LEVELS)
def test_palette_has_that_many_colours(level: int, photographs: list[np.ndarray]) -> None:
    colours = np.unique(make(photographs[1], "colour-quantization", level).reshape(-1, 3), axis=0)
    assert len(colours) == CATALOGUE["colour-quantization"].amounts[level - 1]


def test_colour_shift_touches_green_alone(photographs: list[np.ndarray]) -> None:
    shifted = make(photographs[0], "colour-shift", 5)
    assert np.array_equal(shifted[..., [0, 2]], photographs[0][..., [0, 2]])
    assert not np.array_equal(shifted[..., 1], photographs[0][..., 1])


def test_colour_diffusion_keeps_lightness(photographs: list[np.ndarray]) -> None:
    grey = photographs[0].mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    assert error(make(grey, "colour-diffusion", 5), grey) < 1


# Compression


@pytest.mark.parametrize("name", ["jpeg", "imagenet-c-jpeg"])
@pytest.mark.parametrize("level", LEVELS)
def test_jpeg_is_pillow_s(name: str, level: int, photographs: list[np.ndarray]) -> None:
    buffer = io.BytesIO()
    quality = CATALOGUE[name].amounts[level - 1]
    Image.fromarray(photographs[0]).save(buffer, "JPEG", quality=quality)
    assert np.array_equal(make(photographs[0], name, level), np.asarray(Image.open(buffer)))


# Noise


@pytest.mark.parametrize("level", LEVELS)
def test_noise_has_the_variance_it_says(level: int) -> None:
    white = (make(FLAT, "white-noise", level) / 255.0) - 128 / 255
    assert white.var() == pytest.approx(CATALOGUE["white-noise"].amounts[level - 1], rel=0.03)
    assert np.abs(np.corrcoef(white.reshape(-1, 3).T)[0, 1]) < 0.02
    factor = make(FLAT, "multiplicative-noise", level) / 128.0 - 1
    stated = CATALOGUE["multiplicative-noise"].amounts[level - 1]
    assert factor.var() == pytest.approx(stated, rel=0.05)


@pytest.mark.parametrize("level", LEVELS)
def test_colour_noise_has_its_variance_in_ycbcr(level: int) -> None:
    noise = (make(FLAT, "colour-noise", level) - 128.0) / 255
    y = noise @ [0.299, 0.587, 0.114]
    planes = (y, (noise[..., 2] - y) / 1.772, (noise[..., 0] - y) / 1.402)
    for plane in planes:
        stated = CATALOGUE["colour-noise"].amounts[level - 1]
        # Rounding to 8 bits adds a twelfth of a step, squared.
        assert plane.var() == pytest.approx(stated, rel=0.04, abs=1.0 / 12 / 255**2)


@pytest.mark.parametrize("name", ["impulse-noise", "imagenet-c-impulse-noise"])
def test_impulses_are_half_salt_half_pepper(name: str) -> None:
    for level in LEVELS:
        noisy = make(FLAT, name, level)
        share = CATALOGUE[name].amounts[level - 1]
        assert (noisy == 255).mean() == pytest.approx(share / 2, rel=0.2)
        assert (noisy == 0).mean() == pytest.approx(share / 2, rel=0.2)
        assert ((noisy == 128) | (noisy == 0) | (noisy == 255)).all()


def test_denoising_takes_most_noise_away() -> None:
    for level in LEVELS:
        variance = CATALOGUE["denoise"].amounts[level - 1]
        left = (make(FLAT, "denoise", level) / 255.0).var()
        assert left < variance / 10


# Brightness


@pytest.mark.parametrize("level", LEVELS)
def test_curves_go_through_their_points(level: int) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2).repeat(2, axis=0)
    dark = make(ramp, "darken", level)[0, :, 0] / 255
    amount = CATALOGUE["darken"].amounts[level - 1]
    assert np.interp(127.5, np.arange(256), dark) == pytest.approx(0.5 - amount / 2, abs=0.003)
    assert dark[[0, 255]].tolist() == [0, 1]
    bent = make(ramp, "contrast", level)[0, :, 0] / 255
    amount = CATALOGUE["contrast"].amounts[level - 1]
    points = np.interp(np.array([0.3, 0.5, 0.7]) * 255, np.arange(256), bent)
    assert points == pytest.approx([0.25 - amount / 4, 0.5, 0.75 + amount / 4], abs=0.003)


def test_mean_shift_adds_and_clips(photographs: list[np.ndarray]) -> None:
    for level, amount in enumerate(CATALOGUE["mean-shift"].amounts, start=1):
        expected = np.clip(photographs[0] + 255 * amount, 0, 255)
        assert np.abs(make(photographs[0], "mean-shift", level) - expected).max() < 0.51


@pytest.mark.parametrize("level", LEVELS)
def test_quantization_has_that_many_levels(level: int) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2).repeat(2, axis=0)
    found = np.unique(make(ramp, "quantization", level))
    assert len(found) == CATALOGUE["quantization"].amounts[level - 1]
    assert found[[0, -1]].tolist() == [0, 255]


# Local


def test_jitter_moves_values_without_making_new_extremes(photographs: list[np.ndarray]) -> None:
    image = photographs[0]
    jittered = make(image, "jitter", 5)
    assert jittered.min() >= image.min()
    assert jittered.max() <= image.max()
    assert abs(jittered.mean() - image.mean()) < 1
    assert np.array_equal(make(FLAT, "jitter", 5), FLAT)


def test_patches_hold_pixels_of_the_image_from_nearby() -> None:
    y, x = np.mgrid[0:200, 0:250]
    image = np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)
    moved = make(image, "eccentricity-patch", 5)
    changed = (moved != image).any(axis=2)
    assert 0.1 < changed.mean() < 100 * 16 * 16 / changed.size
    assert np.abs(moved[..., 0].astype(int) - x).max() <= 8
    assert np.abs(moved[..., 1].astype(int) - y).max() <= 8


def test_blocks_are_few_and_of_one_colour() -> None:
    blocked = make(FLAT, "colour-block", 1)
    changed = (blocked != 128).any(axis=2)
    assert 32 * 32 <= changed.sum() <= 2 * 32 * 32
    assert len(np.unique(blocked[changed], axis=0)) <= 2


def test_pixelate_leaves_rows_and_columns_of_the_image() -> None:
    y, x = np.mgrid[0:100, 0:200]
    image = np.stack([x, y, x], axis=2).astype(np.uint8)
    for level, strength in enumerate(CATALOGUE["pixelate"].amounts, start=1):
        seen = make(image, "pixelate", level)
        factor = 0.95 - strength**0.6
        assert len(np.unique(seen[..., 0])) == int(200 * factor)
        assert len(np.unique(seen[..., 1])) == int(100 * factor)
        assert np.abs(seen[..., 0].astype(int) - x).max() <= 1 / factor
