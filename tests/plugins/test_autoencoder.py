"""The convolutional autoencoder and VAE: fitted repeatably, any size, losses by their formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins.autoencoder import ConvolutionalAutoencoder, ConvolutionalVae

from benchbench import DataError, UsageError, dataset, progress
from benchbench.describe import describe

BOTH = [ConvolutionalAutoencoder, ConvolutionalVae]


def images(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, height, width, generator=generator)


@pytest.mark.parametrize("kind", BOTH)
def test_fitting_is_repeatable_and_kept(kind: type[ConvolutionalAutoencoder], store: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    before = progress.set_reporter(lambda *said: heard.append(said))
    try:
        first = kind(steps=3).build().state_dict()
    finally:
        progress.set_reporter(before)
    assert heard == [(f"fitting {kind.name}", step, 3) for step in (1, 2, 3)]
    (file,) = (store / "weights").glob("*.safetensors")
    file.unlink()
    torch.manual_seed(99)
    again = kind(steps=3).build().state_dict()
    assert all(first[name].equal(again[name]) for name in first)
    other = kind(steps=3, seed=1).build().state_dict()
    assert not first["encoder.0.weight"].equal(other["encoder.0.weight"])
    assert kind(steps=3).recipe() != kind(steps=3, seed=1).recipe()


@pytest.mark.parametrize("kind", BOTH)
def test_fitting_learns_the_pictures(kind: type[ConvolutionalAutoencoder]) -> None:
    backbone = kind(steps=120)
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
    backbone = kind(steps=3)
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
    facts = describe(ConvolutionalAutoencoder(steps=3))
    assert facts.weights.startswith("recipe:")
    assert facts.losses == ("reconstruction",)
    assert facts.outputs == {"reconstruction": (3, 64, 64), "latent": (16,)}
    assert facts.fitted_on == ("photographs",)
    assert facts.layer("code").output == (16, 8, 8)
    vae = describe(ConvolutionalVae(steps=3))
    assert vae.losses == ("reconstruction", "kl", "elbo")
    assert vae.outputs["mean"] == vae.outputs["logvar"] == vae.outputs["latent"] == (16,)


def test_the_losses_of_the_vae_equal_torch_distributions() -> None:
    backbone = ConvolutionalVae(steps=3)
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
    with pytest.raises(UsageError, match=r"autoencoder\[steps=0\]"):
        ConvolutionalAutoencoder(steps=0)
    source = type(dataset("photographs"))
    monkeypatch.setattr(source, "load", lambda self, image: np.zeros((40, 90, 3), np.uint8))
    with pytest.raises(DataError, match=r"40x90 pixels.*64x64"):
        ConvolutionalVae(steps=1, seed=7).build()
