"""The convolutional autoencoder and VAE: fitted repeatably, any size, losses by their formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins import autoencoder
from benchbench_plugins.autoencoder import ConvolutionalAutoencoder, ConvolutionalVae
from PIL import Image

from benchbench import DataError, UsageError, dataset, progress, training
from benchbench.describe import describe

BOTH = [ConvolutionalAutoencoder, ConvolutionalVae]

CARD = """
name = "toy-signs"
size = "model"
[table]
file = "table.csv"
[table.columns]
image = "image"
group = "group"
split = "split"
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of one batch."""
    monkeypatch.setattr(autoencoder, "EPOCH", 1)


@pytest.fixture
def signs(tmp_path: Path) -> str:
    """A card of signs smaller than a crop, ten to train on, three to choose by, three to test."""
    rng = np.random.default_rng(0)
    rows = ["image,group,split"]
    for i, split in enumerate(["train"] * 10 + ["val"] * 3 + ["test"] * 3):
        Image.fromarray(rng.integers(0, 256, (30, 34, 3)).astype(np.uint8)).save(
            tmp_path / f"{i}.png"
        )
        rows.append(f"{i}.png,{i},{split}")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "signs.toml").write_text(CARD)
    return str(tmp_path / "signs.toml")


def images(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, height, width, generator=generator)


@pytest.mark.parametrize("kind", BOTH)
def test_fitting_is_repeatable_and_kept(kind: type[ConvolutionalAutoencoder], store: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    before = progress.set_reporter(lambda *said: heard.append(said))
    try:
        first = kind(epochs=2).build().state_dict()
    finally:
        progress.set_reporter(before)
    assert heard == [(f"fitting {kind.name}", epoch, 2) for epoch in (1, 2)]
    (file,) = (store / "weights").glob("*.safetensors")
    file.unlink()
    torch.manual_seed(99)
    again = kind(epochs=2).build().state_dict()
    assert all(first[name].equal(again[name]) for name in first)
    other = kind(epochs=2, seed=1).build().state_dict()
    assert not first["encoder.0.weight"].equal(other["encoder.0.weight"])
    assert kind(epochs=2).recipe() != kind(epochs=2, seed=1).recipe()


@pytest.mark.parametrize("kind", BOTH)
def test_fitting_learns_the_pictures(
    kind: type[ConvolutionalAutoencoder], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoder, "EPOCH", 20)
    backbone = kind(epochs=6)
    model = backbone.build()
    pixels = torch.tensor(dataset("photographs").load("coffee")).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        outputs = backbone.forward(model, pixels)
    losses = backbone.loss("reconstruction", outputs, pixels, None)
    assert losses.item() < 0.5 * pixels.var().item()
    assert outputs["reconstruction"].min() >= 0
    assert outputs["reconstruction"].max() <= 1


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("size", [(64, 64), (65, 71), (8, 40), (5, 9)])
def test_images_of_any_size_are_repeated_at_their_size(
    kind: type[ConvolutionalAutoencoder], size: tuple[int, int]
) -> None:
    backbone = kind(epochs=2)
    model = backbone.build()
    batch = images(3, *size)
    with torch.no_grad():
        outputs = backbone.forward(model, batch)
        alone = backbone.forward(model, batch[1:2])
    assert outputs["reconstruction"].shape == batch.shape
    assert outputs["latent"].shape == (3, 16)
    for name, rows in outputs.items():
        torch.testing.assert_close(rows[1:2], alone[name], msg=name)


def test_the_facts_of_both() -> None:
    facts = describe(ConvolutionalAutoencoder(epochs=1))
    assert facts.weights.startswith("recipe:")
    assert facts.losses == ("reconstruction",)
    assert facts.outputs == {"reconstruction": (3, 64, 64), "latent": (16,)}
    assert facts.fitted_on == ("photographs",)
    assert facts.layer("code").output == (16, 8, 8)
    vae = describe(ConvolutionalVae(epochs=1))
    assert vae.losses == ("reconstruction", "kl", "elbo")
    assert vae.outputs["mean"] == vae.outputs["logvar"] == vae.outputs["latent"] == (16,)


def test_the_losses_of_the_vae_equal_torch_distributions() -> None:
    backbone = ConvolutionalVae(epochs=1)
    model = backbone.build().double()
    batch = images(4, 24, 32).double()
    with torch.no_grad():
        outputs = backbone.forward(model, batch)
    mean, logvar = outputs["mean_map"], outputs["logvar_map"]
    posterior = torch.distributions.Normal(mean, (logvar / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    kl = torch.distributions.kl_divergence(posterior, prior).flatten(1).sum(1)
    torch.testing.assert_close(backbone.loss("kl", outputs, batch, None), kl)

    def log_likelihood(painted: torch.Tensor) -> torch.Tensor:
        pixels = torch.distributions.Normal(painted, torch.full_like(painted, 0.1))
        return pixels.log_prob(batch).flatten(1).sum(1)

    # The bound up to a constant: taken against an image that is painted without error.
    elbo = kl + log_likelihood(batch) - log_likelihood(outputs["reconstruction"])
    torch.testing.assert_close(backbone.loss("elbo", outputs, batch, None), elbo)
    mse = backbone.loss("reconstruction", outputs, batch, None)
    expected = ((outputs["reconstruction"] - batch) ** 2).numpy().mean(axis=(1, 2, 3))
    np.testing.assert_allclose(mse.numpy(), expected)


def test_wrong_parameters_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"autoencoder\[epochs=0\]"):
        ConvolutionalAutoencoder(epochs=0)
    source = type(dataset("photographs"))
    monkeypatch.setattr(source, "load", lambda self, image: np.zeros((40, 90, 3), np.uint8))
    with pytest.raises(DataError, match=r"40x90 pixels.*64x64"):
        ConvolutionalVae(epochs=1, seed=7).build()


def test_signs_are_split_resized_and_fitting_survives_a_kill(
    signs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "KEEP_EVERY", 2)

    def fit(store: str, stop: int = 0) -> dict[str, torch.Tensor]:
        def listen(what: str, done: int, total: int) -> None:
            heard.append(done)
            if done == stop:
                raise KeyboardInterrupt

        monkeypatch.setenv("BENCHBENCH_STORE", str(tmp_path / store))
        before = progress.set_reporter(listen)
        try:
            part = ConvolutionalVae(signs, epochs=6, patience=6, crop=32, depth=2)
            return part.build().state_dict()
        finally:
            progress.set_reporter(before)

    heard: list[int] = []
    whole = fit("whole")
    with pytest.raises(KeyboardInterrupt):
        fit("cut", stop=5)
    heard.clear()
    resumed = fit("cut")
    assert heard == [5, 6]
    assert all(whole[name].equal(resumed[name]) for name in whole)
    part = ConvolutionalVae(signs, crop=32, depth=2)
    assert {name: len(found) for name, found in part.recipe()["images"].items()} == {
        "train": 10, "val": 3}  # fmt: skip
    facts = describe(ConvolutionalVae(signs, epochs=6, patience=6, crop=32, depth=2))
    assert facts.fitted_on == (f"part[source={signs},split=train+val]",)
    assert facts.outputs["reconstruction"] == (3, 32, 32)
    convolutions = [layer for layer in facts.layers if "Conv" in layer.kind]
    assert len(convolutions) == 6 + 2 + 7


def test_no_improvement_ends_the_fit(signs: str, store: Path) -> None:
    heard: list[int] = []
    before = progress.set_reporter(lambda what, done, total: heard.append(done))
    try:
        # Noise cannot be learnt: what is unseen gets no better for long.
        ConvolutionalAutoencoder(signs, epochs=500, patience=2, crop=16).build()
    finally:
        progress.set_reporter(before)
    assert 3 <= len(heard) < 500
