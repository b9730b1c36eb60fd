"""Extractors ``logits``, ``latent`` and ``loss``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchbench_plugins.outputs import Latent, Logits, Loss
from scipy.special import logsumexp, softmax

import benchbench
from benchbench import BackboneFacts, Images, Output, UsageError
from benchbench.testing import ToyAutoencoder, ToyClassifier, assert_conforms, check_extractor

CLASSIFIER = BackboneFacts(outputs={"logits": (5,)})
AUTOENCODER = BackboneFacts(outputs={"latent": (3,), "reconstruction": (3, 4, 4)})
VARIATIONAL = BackboneFacts(outputs={"latent": (3,), "mean": (3,), "logvar": (3,)})
ROWS = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("msp", softmax(ROWS.numpy(), 1).max(1)),
        ("max", ROWS.numpy().max(1)),
        ("energy", logsumexp(ROWS.numpy(), 1)),
    ],
)
def test_scores(what, expected) -> None:
    extractor = Logits(what=what)
    assert extractor.probes(CLASSIFIER) == [Output("logits")]
    assert (extractor.gives, extractor.shape(CLASSIFIER)) == ("score", ())
    found = extractor.extract({Output("logits"): ROWS})
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_raw_logits_are_a_vector() -> None:
    extractor = Logits()
    assert (extractor.gives, extractor.shape(CLASSIFIER)) == ("vector", (5,))
    assert torch.equal(extractor.extract({Output("logits"): ROWS}), ROWS)


@pytest.mark.parametrize(
    ("facts", "what", "probe"),
    [
        (AUTOENCODER, "mean", "latent"),
        (VARIATIONAL, "mean", "mean"),
        (VARIATIONAL, "logvar", "logvar"),
    ],
)
def test_latents(facts, what, probe) -> None:
    extractor = Latent(what=what)
    assert extractor.probes(facts) == [Output(probe)]
    assert extractor.shape(facts) == (3,)
    assert torch.equal(extractor.extract({Output(probe): ROWS}), ROWS)


def test_a_sample_follows_the_latent_s_distribution_and_the_image_alone() -> None:
    extractor = Latent(what="sample")
    n = 2000
    images = torch.arange(n, dtype=torch.float32).view(n, 1, 1, 1)
    mean, logvar = torch.tensor([[1.0, -2.0, 0.0]]), torch.tensor([[0.0, 1.0, -4.0]])
    signals = {
        Output("mean"): mean.expand(n, 3),
        Output("logvar"): logvar.expand(n, 3),
        Images(): images,
    }
    assert set(extractor.probes(VARIATIONAL)) == set(signals)
    rows = extractor.extract(signals)
    standard = (rows - mean) / (logvar / 2).exp()
    assert standard.mean(0).abs().max() < 4 / n**0.5
    assert (standard.var(0) - 1).abs().max() < 4 * (2 / n) ** 0.5
    turned = extractor.extract({probe: value.flip(0) for probe, value in signals.items()})
    assert torch.equal(turned.flip(0), rows)
    assert not torch.equal(Latent(what="sample", seed=1).extract(signals), rows)


def test_losses_are_scores_of_the_backbone_s_own() -> None:
    assert_conforms(check_extractor(Loss))
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    inputs = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
    toy = ToyAutoencoder()
    with torch.no_grad():
        out = toy.forward(toy.build(), inputs)
    error = (out["reconstruction"] - inputs).square().flatten(1)
    prior = torch.distributions.Normal(torch.zeros(4), torch.ones(4))
    code = torch.distributions.Normal(out["mean"], (out["logvar"] / 2).exp())
    kl = torch.distributions.kl_divergence(code, prior).sum(1)
    expected = {"reconstruction": error.mean(1), "kl": kl, "elbo": error.sum(1) / 2 + kl}
    for what, values in expected.items():
        found = benchbench.extract(toy, pictures, f"loss[what={what}]")
        torch.testing.assert_close(found, values, rtol=1e-4, atol=1e-5)
    logits = benchbench.extract(ToyClassifier(), pictures, "logits").numpy()
    p = softmax(logits, 1)
    found = benchbench.extract(ToyClassifier(), pictures, "loss[what=entropy]").numpy()
    np.testing.assert_allclose(found, -(p * np.log(p)).sum(1), rtol=1e-4)
    assert (Loss.gives, Loss.higher_is_better) == ("score", False)


@pytest.mark.parametrize(
    ("extractor", "facts", "message"),
    [
        (Logits(), AUTOENCODER, "gives latent, reconstruction; take latent or activation"),
        (Latent(), CLASSIFIER, "gives logits; take logits or activation"),
        (Loss(what="elbo"), BackboneFacts(losses=("energy", "entropy")), "take what=entropy"),
        (Loss(), BackboneFacts(), "take logits or activation"),
        (Latent(what="logvar"), AUTOENCODER, "not variational; take what=mean"),
        (Latent(what="sample"), AUTOENCODER, "not variational; take what=mean"),
    ],
)
def test_what_the_backbone_does_not_give_is_refused(extractor, facts, message) -> None:
    with pytest.raises(UsageError, match=message):
        extractor.probes(facts)
