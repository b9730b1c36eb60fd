"""Control extractors ``random`` and ``pixels``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchbench_plugins.controls import PixelStatistics, RandomFeatures
from scipy.stats import kstest, kurtosis, skew

from benchbench import BackboneFacts, Pixels, UsageError

DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (5, 3, 9, 13), dtype=torch.uint8, generator=DRAW)
FACTS = BackboneFacts()


@pytest.mark.parametrize("extractor", [RandomFeatures(), PixelStatistics()])
def test_controls_need_pixels_alone(extractor) -> None:
    assert extractor.control and not extractor.needs_backbone
    assert extractor.probes(FACTS) == [Pixels()]
    rows = extractor.extract({Pixels(): IMAGES})
    assert rows.shape == (5, *extractor.shape(FACTS))
    assert torch.equal(extractor.extract({Pixels(): IMAGES[2:3]})[0], rows[2])
    assert torch.equal(extractor.extract({Pixels(): IMAGES.flip(0)}).flip(0), rows)


def test_random_numbers_are_normal_and_differ_by_image_shape_and_seed() -> None:
    rows = RandomFeatures(width=4000).extract({Pixels(): IMAGES})
    assert kstest(rows.flatten().numpy(), "norm").pvalue > 0.001
    assert np.abs(np.corrcoef(rows.numpy()) - np.eye(5)).max() < 0.08
    other = RandomFeatures(width=4000, seed=1).extract({Pixels(): IMAGES})
    assert abs(np.corrcoef(rows.flatten(), other.flatten())[0, 1]) < 0.04
    turned = RandomFeatures(width=4000).extract({Pixels(): IMAGES.reshape(5, 3, 13, 9)})
    assert abs(np.corrcoef(rows.flatten(), turned.flatten())[0, 1]) < 0.04
    with pytest.raises(UsageError, match="at least 1"):
        RandomFeatures(width=0)


def test_pixel_statistics_against_numpy_and_scipy() -> None:
    rows = PixelStatistics().extract({Pixels(): IMAGES}).numpy().reshape(5, 3, 6)
    for i in range(5):
        for c in range(3):
            image = IMAGES[i, c].numpy() / 255
            down, right = np.zeros_like(image), np.zeros_like(image)
            down[:-1], right[:, :-1] = np.diff(image, axis=0), np.diff(image, axis=1)
            size = np.hypot(down, right)
            flat = image.ravel()
            expected = [
                flat.mean(), flat.std(), skew(flat), kurtosis(flat), size.mean(), size.std()
            ]  # fmt: skip
            np.testing.assert_allclose(rows[i, c], expected, rtol=1e-5)


def test_a_uniform_image_has_finite_statistics() -> None:
    rows = PixelStatistics().extract({Pixels(): torch.full((1, 3, 8, 8), 77, dtype=torch.uint8)})
    np.testing.assert_allclose(rows.reshape(3, 6)[:, 1:], 0, atol=1e-12)
