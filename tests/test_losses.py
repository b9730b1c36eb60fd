"""Each loss against its formula, computed another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import logsumexp, softmax
from scipy.stats import entropy
from torch.distributions import Normal, kl_divergence

from benchbench.errors import UsageError
from benchbench.losses import NAMES, losses_for, per_image_loss

LOGITS = torch.randn(6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
INPUTS = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
MEAN, LOGVAR = LOGITS[:, :4], LOGITS[:, 4:8] / 3
OUTPUTS = {
    "logits": LOGITS,
    "reconstruction": INPUTS.flip(0),
    "mean": MEAN,
    "logvar": LOGVAR,
    "latent": MEAN,
}
LABELS = torch.tensor([0, 3, 8, 1, 1, 5])


def _loss(name: str, **options) -> np.ndarray:
    return per_image_loss(name, OUTPUTS, INPUTS, LABELS, **options).numpy()


def test_classifier_losses() -> None:
    logits = LOGITS.numpy()
    p = softmax(logits, 1)
    one = np.arange(6)
    np.testing.assert_allclose(_loss("pseudo-label"), -np.log(p.max(1)))
    np.testing.assert_allclose(_loss("label"), -np.log(p[one, LABELS.numpy()]))
    np.testing.assert_allclose(_loss("uniform"), entropy(p * 0 + 1 / 9, p, axis=1) + np.log(9))
    np.testing.assert_allclose(_loss("energy"), logsumexp(logits, 1))
    np.testing.assert_allclose(_loss("entropy"), entropy(p, axis=1))
    ones = F.binary_cross_entropy(LOGITS.sigmoid(), torch.ones_like(LOGITS), reduction="none")
    np.testing.assert_allclose(_loss("confounding"), ones.mean(1))


def test_confounding_is_not_uniform() -> None:
    assert np.abs(_loss("confounding") - _loss("uniform")).max() > 0.1


def test_reconstruction() -> None:
    a, b = OUTPUTS["reconstruction"].numpy().reshape(6, -1), INPUTS.numpy().reshape(6, -1)
    np.testing.assert_allclose(_loss("reconstruction"), np.mean((a - b) ** 2, 1))
    crossed = -(b * np.log(a) + (1 - b) * np.log(1 - a))
    np.testing.assert_allclose(_loss("reconstruction", error="bce"), crossed.mean(1))
    np.testing.assert_allclose(_loss("elbo", error="bce"), crossed.sum(1) + _loss("kl"))
    np.testing.assert_allclose(_loss("elbo"), np.sum((a - b) ** 2, 1) / 2 + _loss("kl"))


def test_the_target_may_be_another_than_the_input() -> None:
    outputs = {**OUTPUTS, "target": OUTPUTS["reconstruction"] + 2}
    found = per_image_loss("reconstruction", outputs, INPUTS)
    assert torch.allclose(found, torch.full((6,), 4.0, dtype=torch.float64))


def test_kl_is_the_divergence_from_the_standard_normal() -> None:
    latent = Normal(MEAN, (LOGVAR / 2).exp())
    true = kl_divergence(latent, Normal(torch.zeros_like(MEAN), 1)).sum(1)
    np.testing.assert_allclose(_loss("kl"), true)


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_one_number_an_image_of_that_image_alone(name) -> None:
    whole = _loss(name)
    assert whole.shape == (6,)
    for i in range(6):
        outputs = {key: value[i : i + 1] for key, value in OUTPUTS.items()}
        one = per_image_loss(name, outputs, INPUTS[i : i + 1], LABELS[i : i + 1])
        np.testing.assert_allclose(one.numpy(), whole[i : i + 1])


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_has_the_gradient_of_its_values(name) -> None:
    leaves = {key: value.clone().requires_grad_() for key, value in OUTPUTS.items()}
    keys = list(leaves)

    def function(*values):
        return per_image_loss(name, dict(zip(keys, values, strict=True)), INPUTS, LABELS)

    assert torch.autograd.gradcheck(function, tuple(leaves.values()))


def test_losses_follow_from_what_a_backbone_gives() -> None:
    classifier = ("pseudo-label", "uniform", "energy", "entropy", "confounding", "label")
    assert losses_for(("logits", "activations")) == classifier
    assert losses_for(("latent", "reconstruction")) == ("reconstruction",)
    assert losses_for(("mean", "logvar", "reconstruction")) == ("reconstruction", "kl", "elbo")
    assert losses_for(()) == ()


@pytest.mark.parametrize(
    ("name", "outputs", "message"),
    [
        ("pseudo_label", OUTPUTS, "did you mean 'pseudo-label'"),
        ("kl", {"latent": MEAN}, "the backbone gives latent"),
        ("reconstruction", {"reconstruction": MEAN}, r"shape \(6, 4\), its target \(6, 3, 4, 4\)"),
    ],
)
def test_mistakes_are_named(name, outputs, message) -> None:
    with pytest.raises(UsageError, match=message):
        per_image_loss(name, outputs, INPUTS)


def test_label_without_labels_names_the_way_out() -> None:
    with pytest.raises(UsageError, match="take 'pseudo-label'"):
        per_image_loss("label", OUTPUTS, INPUTS)
