"""PSNR, SSIM and MS-SSIM against published values, scikit-image and torchmetrics."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins.fr_metrics import SCALES, MsSsim, Psnr, Ssim, luma
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchbench import BackboneFacts, DataError, OfReference, Pixels
from benchbench.testing import assert_conforms, check_extractor


def batch(*pictures: np.ndarray) -> torch.Tensor:
    return torch.stack([torch.tensor(picture).permute(2, 0, 1) for picture in pictures])


def grey(picture: np.ndarray) -> np.ndarray:
    exact = picture.astype(float) @ np.array([0.299, 0.587, 0.114])
    return np.floor(exact + 0.5 + 1e-9)  # halves upwards, whatever the sum's last bit


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    folder = shared_data / "fr_metric_values"

    def read(side: str, name: str) -> np.ndarray:
        return np.asarray(Image.open(folder / side / f"{name}.bmp").convert("RGB"))

    return {name: (read("distorted", name), read("reference", name)) for name in ("I04", "I19")}


@pytest.fixture(scope="module")
def toy() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (187, 201, 3))
    smooth = gaussian_filter(picture.astype(float), (3, 3, 0)) * 4 - 380
    other = smooth + rng.normal(0, 20, smooth.shape)
    return (np.clip(smooth, 0, 255).astype(np.uint8), np.clip(other, 0, 255).astype(np.uint8))


def structure_map(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Mean SSIM and mean contrast and structure, by scipy's Gaussian of the same eleven taps."""

    def blur(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5]

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    structure = (2 * cov + c2) / (va + vb + c2)
    light = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
    return float((light * structure).mean()), float(structure.mean())


def halved(x: np.ndarray) -> np.ndarray:
    x = np.pad(x, [(0, side % 2) for side in x.shape], mode="edge")
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def test_published_values(
    shared_data: Path, pairs: dict[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    with (shared_data / "fr_metric_values/values.csv").open(newline="") as file:
        values = {row["metric"]: row for row in csv.DictReader(file)}
    for name, pair in pairs.items():
        images, references = (batch(side) for side in pair)
        psnr = Psnr(of="rgb").score(images, references).item()
        assert psnr == pytest.approx(float(values["psnr"][name]), abs=0.005)
        ssim = Ssim().score(images, references).item()
        assert ssim == pytest.approx(float(values["ssim"][name]), abs=5e-5)
        # Of the second pair .8462 is published, and Wang et al.'s formula gives .8418.
        ms_ssim = MsSsim().score(images, references).item()
        assert ms_ssim == pytest.approx(float(values["ms_ssim"][name]), abs=0.005)


def test_psnr_is_that_of_skimage(toy: tuple[np.ndarray, np.ndarray]) -> None:
    images, references = (batch(side) for side in toy)
    luma_psnr = peak_signal_noise_ratio(grey(toy[1]), grey(toy[0]), data_range=255)
    assert Psnr().score(images, references).item() == pytest.approx(luma_psnr, abs=1e-9)
    rgb_psnr = peak_signal_noise_ratio(toy[1], toy[0], data_range=255)
    assert Psnr(of="rgb").score(images, references).item() == pytest.approx(rgb_psnr, abs=1e-9)


def test_ssim_is_that_of_skimage(toy: tuple[np.ndarray, np.ndarray]) -> None:
    images, references = (batch(side) for side in toy)
    expected = structural_similarity(
        grey(toy[0]), grey(toy[1]), data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    assert Ssim().score(images, references).item() == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_is_the_product_of_its_scales(toy: tuple[np.ndarray, np.ndarray]) -> None:
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure as torchmetrics_ms_ssim,
    )

    a, b = grey(toy[0]), grey(toy[1])
    expected = 1.0
    for scale, exponent in enumerate(SCALES):
        if scale:
            a, b = halved(a), halved(b)
        whole, structure = structure_map(a, b)
        expected *= (whole if scale == 4 else structure) ** exponent
    found = MsSsim().score(*(batch(side) for side in toy)).item()
    assert found == pytest.approx(expected, abs=1e-9)
    planes = [torch.from_numpy(grey(side))[None, None].float() for side in toy]
    # torchmetrics pads at the borders.
    assert found == pytest.approx(torchmetrics_ms_ssim(*planes, data_range=255.0).item(), abs=0.01)


@pytest.mark.parametrize("extractor", [Psnr(), Psnr(of="rgb"), Ssim(), MsSsim()])
def test_equal_images_have_the_highest_score(
    extractor: Psnr | Ssim | MsSsim, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    both = batch(*toy)
    assert extractor.probes(BackboneFacts()) == [Pixels(), OfReference(Pixels())]
    scores = extractor.extract({Pixels(): both, OfReference(Pixels()): both[:1].expand_as(both)})
    highest = 100.0 if isinstance(extractor, Psnr) else 1.0
    assert scores[0].item() == pytest.approx(highest, abs=1e-12)
    assert scores[1].item() < highest
    alone = extractor.score(both[1:], both[:1])
    assert scores[1].item() == pytest.approx(alone.item(), abs=1e-12)


def test_one_wrong_sample_of_a_large_image_is_still_below_the_cap() -> None:
    picture = torch.zeros(1, 3, 300, 300, dtype=torch.uint8)
    other = picture.clone()
    other[0, :, 7, 9] = 1
    assert Psnr().score(other, picture).item() < 100


def test_an_opposite_structure_counts_as_nothing() -> None:
    at = np.arange(180)
    stripes = (127 + 120 * np.sin(at[:, None] + at[None, :])).astype(np.uint8)
    pair = [batch(np.repeat(x[..., None], 3, 2)) for x in (stripes, 254 - stripes)]
    assert Ssim().score(*pair).item() < 0
    assert MsSsim().score(*pair).item() == 0


@pytest.mark.parametrize("extractor", [Psnr, Ssim])
def test_conforms(extractor: type[Psnr] | type[Ssim]) -> None:
    assert_conforms(check_extractor(extractor))


def test_luma_is_rounded_to_whole_numbers() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(luma(batch(picture))[0, 0].numpy(), grey(picture))


def test_a_pair_of_unequal_sizes_is_said_in_the_plan(tmp_path: Path, store: Path) -> None:
    import benchbench

    rng = np.random.default_rng(0)
    for name, side in (("a", 40), ("b", 40), ("c", 32)):
        Image.fromarray(rng.integers(0, 256, (side, 40, 3), dtype=np.uint8)).save(
            tmp_path / f"{name}.png")  # fmt: skip
    (tmp_path / "table.csv").write_text("i,r,s\nb.png,a.png,1\nc.png,a.png,2\n")
    card = tmp_path / "pairs.toml"
    card.write_text(
        'name = "pairs"\n[table]\nfile = "table.csv"\n[table.columns]\nimage = "i"\n'
        'reference = "r"\nscore = "s"\n[score]\nkind = "mos"\nhigher_is_better = true\n'
    )
    with pytest.raises(benchbench.UsageError, match=r"'c.png' is 32x40 .*'a.png' 40x40.*resize"):
        benchbench.run(features="psnr", task="iqa", dataset=str(card), backbone="none",
                       out=tmp_path / "runs")  # fmt: skip


def test_sizes_that_do_not_fit_are_said() -> None:
    small, large = torch.zeros(1, 3, 10, 40, dtype=torch.uint8), torch.zeros(1, 3, 40, 40)
    with pytest.raises(DataError, match=r"psnr: an image is 10x40 and its reference 40x40"):
        Psnr().extract({Pixels(): small, OfReference(Pixels()): large})
    with pytest.raises(DataError, match=r"ssim: an image of 10x40 pixels .* 11x11"):
        Ssim().score(small, small)
    with pytest.raises(DataError, match=r"176x176 that ms-ssim needs"):
        MsSsim().score(large, large)


@pytest.mark.parametrize(("metric", "least"), [(Ssim(), 11), (MsSsim(), 176)])
def test_the_least_side_is_where_scoring_begins_to_work(
    metric: Ssim | MsSsim, least: int
) -> None:
    assert metric.least_side == least
    fits = torch.zeros(1, 3, least, least, dtype=torch.uint8)
    assert metric.score(fits, fits).item() == pytest.approx(1)
    with pytest.raises(DataError, match=f"smaller than the {least}x{least}"):
        metric.score(fits[..., 1:], fits[..., 1:])
