"""UNIQUE's autoencoder against a NumPy port of the published method, and its golden values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins.unique.backbone import Unique
from benchbench_plugins.unique.filters import colours, filter_sheet
from benchbench_plugins.unique.patches import planes, raw_patches
from benchbench_plugins.unique.training import cost_and_gradient, draw_patches, train
from PIL import Image
from safetensors.torch import load_file

from benchbench import DataError, UsageError, progress
from benchbench.describe import describe
from tests.plugins import unique_port as port

ZERO, ONE = torch.zeros(1, 3, 1, 1, dtype=torch.float64), torch.ones(1, 3, 1, 1)


def batch(*pictures: np.ndarray) -> torch.Tensor:
    return torch.stack([torch.tensor(p).permute(2, 0, 1) for p in pictures])


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (64, 96), (96, 64), (50, 62)])
def test_raw_patches_equal_the_port_to_the_bit(size: tuple[int, int]) -> None:
    pictures = [noise(*size, seed) for seed in (0, 1)]
    found = raw_patches(batch(*pictures))
    for row, picture in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(row.numpy().T, port.patches(picture))


def test_an_odd_side_is_rounded_up() -> None:
    assert planes(batch(noise(31, 48))).shape == (1, 3, 16, 24)
    assert raw_patches(batch(noise(31, 48))).shape == (1, 6, 192)


def test_whitened_patches_equal_the_port() -> None:
    picture = noise(64, 96)
    inputs = Unique().prepare(batch(picture), ZERO, ONE)
    assert inputs.dtype == torch.float64
    np.testing.assert_allclose(inputs[0].numpy().T, port.whiten(port.patches(picture)), atol=1e-12)
    assert Unique().prepare(batch(picture), ZERO.float(), ONE).dtype == torch.float32


def test_a_row_depends_on_its_image_alone() -> None:
    backbone = Unique()
    pictures = [noise(48, 48, seed) for seed in range(3)]
    together = backbone.prepare(batch(*pictures), ZERO, ONE)
    for row, picture in zip(together, pictures, strict=True):
        alone = backbone.prepare(batch(picture), ZERO, ONE)[0]
        torch.testing.assert_close(row, alone, rtol=0, atol=1e-13)


def test_an_image_without_a_whole_patch_is_refused() -> None:
    with pytest.raises(DataError, match=r"14x40 pixels.*at least 16x16"):
        raw_patches(batch(noise(14, 40)))


def small(seed: int = 0) -> Unique:
    return Unique(units=12, patches=700, seed=seed)


def test_training_is_deterministic_and_kept_by_its_recipe(store: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    before = progress.set_reporter(lambda *said: heard.append(said))
    try:
        first = small().build().state_dict()
    finally:
        progress.set_reporter(before)
    assert heard[0][1] == 1
    assert heard[-1][1] <= heard[-1][2]
    (file,) = (store / "weights").glob("*.safetensors")
    assert load_file(file)["encoder.weight"].equal(first["encoder.weight"])
    file.unlink()
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    again = small().build().state_dict()
    torch.set_num_threads(threads)
    assert all(first[name].equal(again[name]) for name in first)
    other = small(seed=1).build().state_dict()
    assert not first["encoder.weight"].equal(other["encoder.weight"])
    assert small().recipe() != small(seed=1).recipe()


def test_the_facts_say_that_it_was_trained_here() -> None:
    facts = describe(small())
    assert facts.weights.startswith("recipe:")
    assert facts.weights_digest.startswith("sha256:")
    assert facts.fitted_on == ("photographs",)
    assert "trained here" in facts.notes[0]
    assert facts.losses == ("reconstruction",)
    assert [(layer.name, layer.weight, layer.channels) for layer in facts.layers] == [
        ("encoder", (12, 192), 12), ("hidden", None, 12), ("decoder", (192, 12), 192)
    ]  # fmt: skip
    assert facts.outputs == {"latent": (12,), "reconstruction": (64, 192)}


def test_training_lowers_the_cost_towards_the_declared_sparsity() -> None:
    from benchbench import dataset

    patches = draw_patches(dataset("photographs"), 3000, 0)
    assert patches.shape == (3000, 192)
    weights = train(patches, 25, 0)
    start = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    assert cost_and_gradient(weights, patches)[0] < 0.7 * cost_and_gradient(start, patches)[0]
    active = (patches @ weights["encoder.weight"].T + weights["encoder.bias"]).sigmoid().mean(0)
    assert active.sub(0.035).abs().max() < 0.03


def test_cost_and_its_gradient_equal_autograd() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "encoder.weight": (7, 192), "encoder.bias": (7,), "decoder.weight": (192, 7),
        "decoder.bias": (192,),
    }  # fmt: skip
    weights = {
        name: (0.2 * torch.randn(shape, generator=generator).double()).requires_grad_()
        for name, shape in shapes.items()
    }
    x = torch.randn(30, 192, generator=generator).double()
    a = torch.sigmoid(x @ weights["encoder.weight"].T + weights["encoder.bias"])
    error = a @ weights["decoder.weight"].T + weights["decoder.bias"] - x
    target = torch.full((7,), 0.035, dtype=torch.float64)
    sparsity = torch.distributions.kl_divergence(
        torch.distributions.Bernoulli(target), torch.distributions.Bernoulli(a.mean(0))
    ).sum()
    decay = sum(weights[f"{part}.weight"].square().sum() for part in ("encoder", "decoder"))
    expected = 0.5 * error.square().sum(1).mean() + 0.003 / 2 * decay + 5 * sparsity
    expected.backward()
    with torch.no_grad():
        cost, gradient = cost_and_gradient(weights, x)
    torch.testing.assert_close(cost, expected.detach())
    for name, tensor in weights.items():
        torch.testing.assert_close(gradient[name], tensor.grad)


@pytest.mark.parametrize(("units", "seen"), [(399, "units=400"), (81, "units=400")])
def test_weights_of_another_width_are_refused(shared_data: Path, units: int, seen: str) -> None:
    path = shared_data / "weights/unique/ImageNet_Weights_YGCr.mat"
    with pytest.raises(DataError, match=seen):
        Unique(weights=path, units=units).build()


def test_files_that_hold_no_weights_are_refused(tmp_path: Path) -> None:
    from scipy.io import savemat

    text = tmp_path / "text.mat"
    text.write_text("no weights")
    empty = tmp_path / "empty.mat"
    savemat(empty, {"other": np.zeros(3)})
    short = tmp_path / "short.mat"
    savemat(short, {"optTheta": np.zeros((1000, 1))})
    with pytest.raises(DataError, match="not a readable"):
        Unique(weights=text).build()
    with pytest.raises(DataError, match="no optTheta"):
        Unique(weights=empty).build()
    with pytest.raises(DataError, match="1000 values; expected"):
        Unique(weights=short).build()


def test_wrong_parameters_are_said() -> None:
    from benchbench import dataset

    with pytest.raises(UsageError, match="at least one hidden unit"):
        Unique(units=0)
    with pytest.raises(DataError, match="more patches"):
        draw_patches(dataset("photographs"), 10, 0)


@pytest.fixture(scope="module")
def demo(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    def read(name: str) -> np.ndarray:
        return np.asarray(Image.open(shared_data / "unique_demo" / name).convert("RGB"))

    return read("reference.bmp"), read("distorted.bmp")


def test_golden_values_of_the_authors_weights(
    shared_data: Path, demo: tuple[np.ndarray, np.ndarray]
) -> None:
    path = shared_data / "weights/unique/ImageNet_Weights_YGCr.mat"
    theirs = port.Weights.load(str(path))
    backbone = Unique(weights=path)
    model = backbone.build().double()
    inputs = backbone.prepare(batch(*demo), ZERO, ONE)
    for row, picture in zip(inputs, demo, strict=True):
        expected = port.whiten(port.patches(picture))
        np.testing.assert_allclose(row.numpy().T, expected, atol=1e-12)

    outputs = backbone.forward(model, inputs)
    losses = backbone.loss("reconstruction", outputs, inputs, None)
    reference, distorted = (row.numpy().T for row in inputs)
    error = (outputs["reconstruction"] - inputs).square().mean((1, 2))
    assert error.tolist() == pytest.approx([0.01087, 0.01464], abs=5e-6)
    codes = outputs["latent"].detach().numpy()
    np.testing.assert_allclose(codes[0], port.hidden(theirs, reference).mean(1), rtol=1e-4)

    (grad,) = torch.autograd.grad(losses[0], model.decoder.weight)
    ours = grad.numpy()
    np.testing.assert_allclose(ours, port.gradient(theirs, reference), atol=1e-7)
    assert np.linalg.norm(ours) == pytest.approx(0.0865, abs=5e-5)
    assert int((port.unit_weights(ours) == 2).sum()) == 148
    assert port.gradient_score(ours, reference, distorted) == pytest.approx(0.9456, abs=0.002)
    assert port.activation_score(theirs, reference, distorted) == pytest.approx(0.6714, abs=0.002)


@pytest.mark.parametrize("units", [81, 121, 169, 625])
def test_the_authors_other_widths_load(shared_data: Path, units: int) -> None:
    path = shared_data / f"weights/unique/ImageNet_Weights_YGCr_{units}x192.mat"
    model = Unique(weights=path, units=units).build()
    theirs = port.Weights.load(str(path))
    inputs = torch.randn(5, 192, generator=torch.Generator().manual_seed(0))
    ours = model(inputs).detach().numpy()
    np.testing.assert_allclose(ours.T, port.reconstruction(theirs, inputs.numpy().T), atol=1e-4)


def test_the_least_side_is_where_preparing_begins_to_work() -> None:
    from benchbench_plugins.unique.multi import MsUnique

    assert Unique.least_side == MsUnique.least_side
    least, mean = Unique.least_side, torch.zeros(1)
    fits = torch.zeros(1, 3, least, least, dtype=torch.uint8)
    assert small().prepare(fits, mean, mean).shape == (1, 1, 192)
    with pytest.raises(DataError, match="holds no patch"):
        small().prepare(fits[..., 1:], mean, mean)


def test_colours_are_the_inverse_of_the_conversion_at_zero() -> None:
    """RGB patterns turned to (Y, G, Cr) by BT.601's matrix come back, each on its own range."""
    rng = np.random.default_rng(0)
    rgb = rng.normal(size=(5, 8, 8, 3))
    luma = rgb @ np.array([65.481, 128.553, 24.966]) / 255
    red_difference = rgb @ np.array([112.0, -93.786, -18.214]) / 255
    planes = np.stack([luma, rgb[..., 1], red_difference], 1)
    weight = planes.transpose(0, 1, 3, 2).reshape(5, 192)
    expected = rgb / np.abs(rgb).max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(colours(weight), expected, atol=2e-3)
    assert not colours(np.zeros((1, 192))).any()


def test_the_picture_has_a_tile_for_every_unit() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(units, 192, generator=generator) for units in (5, 4)]
    picture = filter_sheet(weights)
    assert picture.shape == (2 * 36 + 4 + 2 * 36 + 4, 3 * 36 + 4, 3)
    tiles = [picture[4 + 36 * (i // 3) :, 4 + 36 * (i % 3) :][:32, :32] for i in range(5)]
    small = np.rint(127.5 + 127.5 * colours(weights[0].numpy()))
    for tile, expected in zip(tiles, small, strict=True):
        np.testing.assert_array_equal(tile[::4, ::4], expected)
    assert (picture[40:72, 76:108] == 255).all()
