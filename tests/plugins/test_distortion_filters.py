"""Kernels, convolution and colour spaces that the distortions stand on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchbench_plugins.distortions import filters, imagenet_c_spatter, spaces
from scipy import ndimage
from skimage import color, data


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """A crop of 160×200 pixels, in 0 to 1."""
    return data.astronaut()[100:260, 120:320] / 255


@pytest.mark.parametrize("radius", [1, 2, 4, 6, 8, 2.5])
def test_disk_covers_what_a_fine_grid_counts(radius: float) -> None:
    kernel = filters.disk(radius)
    reach = kernel.shape[0] // 2
    fine = (np.arange(-reach * 101 - 50, reach * 101 + 51)) / 101
    inside = (fine[:, None] ** 2 + fine**2 <= radius**2).astype(float)
    counted = inside.reshape(2 * reach + 1, 101, 2 * reach + 1, 101).mean((1, 3))
    assert counted.sum() == pytest.approx(math.pi * radius**2, rel=1e-3)
    assert np.abs(kernel - counted / counted.sum()).max() < 5e-4


def test_motion_kernel_lies_along_its_direction() -> None:
    assert filters.line(1, 30).tolist() == [[1]]
    flat = filters.line(7, 0)
    assert flat.sum() == pytest.approx(1)
    assert np.allclose(flat[3], 1 / 7)
    assert np.allclose(filters.line(7, 90), flat.T)
    slanted = filters.line(9, 45)
    assert np.allclose(slanted, slanted[::-1, ::-1])
    # Counter-clockwise from the horizontal: up on the right.
    assert slanted[1, -2] > 0.05 > slanted[1, 1]


def test_convolution_is_scipy_s(photograph: np.ndarray) -> None:
    kernel = filters.line(10, 20)
    expected = ndimage.convolve(photograph, kernel[:, :, None], mode="nearest")
    assert np.allclose(filters.convolve(photograph, kernel), expected)


def test_lab_is_scikit_image_s(photograph: np.ndarray) -> None:
    lab = color.rgb2lab(photograph)
    assert np.abs(spaces.rgb_to_lab(photograph.astype(np.float32)) - lab).max() < 0.01
    vivid = lab * np.array([1, 3, 3])
    with pytest.warns(UserWarning, match="negative Z"):
        expected = color.lab2rgb(vivid * [1, 1, 3])
    assert np.abs(spaces.lab_to_rgb(vivid * [1, 1, 3]) - expected).max() < 1e-4


def test_hsv_is_scikit_image_s_to_the_last_bit(photograph: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    corners = rng.choice(np.array([0, 85, 127, 128, 255], np.uint8), (60, 50, 3))
    grey = rng.integers(0, 256, (60, 50, 1), dtype=np.uint8).repeat(3, axis=2)
    for image in ((photograph * 255).astype(np.uint8), corners, grey):
        hsv = color.rgb2hsv(image / 255)
        hsv[..., 1] = np.clip(hsv[..., 1] * 5 + 0.1, 0, 1)
        hsv[..., 2] = np.clip(hsv[..., 2] + 0.2, 0, 1)
        made = spaces.through_hsv(
            image, lambda s, v: (np.clip(s * 5 + 0.1, 0, 1), np.clip(v + 0.2, 0, 1))
        )
        assert np.array_equal(made, color.hsv2rgb(hsv))


@pytest.mark.parametrize("shape", [(50, 70), (3, 40), (2, 2)])
@pytest.mark.parametrize("share", [0, 0.003, 0.1])
def test_distance_is_the_shortest_way_to_any_edge(shape: tuple[int, int], share: float) -> None:
    edges = np.random.default_rng(1).random(shape) < share
    apart = np.abs(np.indices(shape)[..., None] - np.argwhere(edges).T[:, None, None])
    long, short = apart.max(axis=0), apart.min(axis=0)
    # So many knight's moves, the rest along an axis or a diagonal, whichever is left.
    flat = np.where(long >= 2 * short, 2.1969 * short + (long - 2 * short), np.inf)
    steep = np.where(long <= 2 * short, 2.1969 * (long - short) + 1.4 * (2 * short - long), np.inf)
    expected = np.minimum(np.minimum(flat, steep).min(axis=-1, initial=20), 20)
    found = imagenet_c_spatter._distance(edges) / imagenet_c_spatter._PIXEL
    assert np.abs(found - expected).max() < 1e-4
