"""Extractor ``reconstruction`` against numpy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchbench_plugins.reconstruction import Reconstruction
from skimage.metrics import structural_similarity

from benchbench import BackboneFacts, Images, Output, UsageError

IMAGE = BackboneFacts(outputs={"reconstruction": (3, 24, 32)})
PATCHES = BackboneFacts(outputs={"reconstruction": (20, 9), "target": (20, 9)})
DRAW = torch.Generator().manual_seed(0)
TRUE = torch.rand(2, 3, 24, 32, generator=DRAW)
FOUND = (0.8 * TRUE + 0.2 * torch.rand(2, 3, 24, 32, generator=DRAW)).clamp(0.01, 0.99)
SIGNALS = {Output("reconstruction"): FOUND, Images(): TRUE}

MAPS = {
    "mse": lambda a, b: (a - b) ** 2,
    "mae": lambda a, b: abs(a - b),
    "bce": lambda a, b: -(b * np.log(a) + (1 - b) * np.log(1 - a)),
}


def _rows(**options) -> np.ndarray:
    extractor = Reconstruction(**options)
    assert set(extractor.probes(IMAGE)) == set(SIGNALS)
    rows = extractor.extract(SIGNALS)
    assert rows.shape == (2, *extractor.shape(IMAGE))
    return rows.numpy()


@pytest.mark.parametrize("error", MAPS)
@pytest.mark.parametrize("grid", [1, 4, 8])
def test_errors_over_a_grid(error, grid) -> None:
    each = MAPS[error](FOUND.numpy().astype(float), TRUE.numpy().astype(float))
    cells = each.reshape(2, 3, grid, 24 // grid, grid, 32 // grid).mean((3, 5))
    np.testing.assert_allclose(_rows(error=error, grid=grid), cells.reshape(2, -1), rtol=1e-4)


def test_ssim_is_scikit_image_s() -> None:
    expected = [
        [
            1
            - structural_similarity(
                FOUND[i, c].double().numpy(),
                TRUE[i, c].double().numpy(),
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1.0,
            )
            for c in range(3)
        ]
        for i in range(2)
    ]
    np.testing.assert_allclose(_rows(error="ssim"), expected, rtol=1e-4)
    assert _rows(error="ssim", grid=2).shape == (2, 12)


def test_patches_are_averaged_value_by_value() -> None:
    extractor = Reconstruction()
    probes = [Output("reconstruction"), Output("target")]
    assert extractor.probes(PATCHES) == probes
    found, true = torch.rand(2, 3, 20, 9)
    rows = extractor.extract({probes[0]: found, probes[1]: true})
    assert rows.shape == (3, *extractor.shape(PATCHES))
    np.testing.assert_allclose(rows, ((found - true) ** 2).numpy().mean(1), rtol=1e-5)


@pytest.mark.parametrize(
    ("facts", "options", "message"),
    [
        (BackboneFacts(outputs={"logits": (4,)}), {}, "gives logits; take an autoencoder"),
        (PATCHES, {"grid": 4}, "repeats patches"),
        (PATCHES, {"error": "ssim"}, "repeats patches"),
        (IMAGE, {"grid": 25}, "take grid=24"),
        (IMAGE, {"grid": 16, "error": "ssim"}, "take grid=14"),
    ],
)
def test_what_cannot_be_is_refused(facts, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        Reconstruction(**options).probes(facts)


@pytest.mark.parametrize("error", ["bce", "ssim"])
def test_values_outside_0_to_1_are_refused(error) -> None:
    extractor = Reconstruction(error=error)
    extractor.probes(IMAGE)
    with pytest.raises(UsageError, match="needs values in 0…1"):
        extractor.extract({Output("reconstruction"): FOUND, Images(): TRUE * 3 - 1})


def test_a_grid_has_at_least_one_cell() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        Reconstruction(grid=0)
