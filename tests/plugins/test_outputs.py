"""Extractors ``logits`` and ``latent``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchbench_plugins.outputs import Latent, Logits
from scipy.special import logsumexp, softmax

from benchbench import BackboneFacts, Images, Output, UsageError

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


@pytest.mark.parametrize(
    ("extractor", "facts", "message"),
    [
        (Logits(), AUTOENCODER, "gives latent, reconstruction; take latent or activation"),
        (Latent(), CLASSIFIER, "gives logits; take logits or activation"),
        (Latent(what="logvar"), AUTOENCODER, "not variational; take what=mean"),
        (Latent(what="sample"), AUTOENCODER, "not variational; take what=mean"),
    ],
)
def test_what_the_backbone_does_not_give_is_refused(extractor, facts, message) -> None:
    with pytest.raises(UsageError, match=message):
        extractor.probes(facts)
