"""ODIN, GradNorm and the head that ViM is made of, against pytorch-ood on the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchbench_plugins.classifier_scores import GradNorm, Odin, Vim
from benchbench_plugins.ood.detectors import virtual_logit
from pytorch_ood import detector

import benchbench
from benchbench import BackboneFacts, DataError, Layer, UsageError
from benchbench.preprocessing import Preprocessing
from benchbench.signals import LiveBackbone
from benchbench.testing import ToyAutoencoder, ToyClassifier, assert_conforms, check_extractor

STD = [0.25, 0.25, 0.25]


@pytest.fixture
def pictures() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)


def entering(pictures: np.ndarray) -> torch.Tensor:
    """What enters the toy classifier."""
    mean, std = Preprocessing.of(ToyClassifier.preprocessing).tensors(torch.float32, "cpu")
    return ToyClassifier().prepare(torch.from_numpy(pictures).permute(0, 3, 1, 2), mean, std)


def test_all_conform() -> None:
    for extractor in (Odin, GradNorm, Vim):
        assert_conforms(check_extractor(extractor))


@pytest.mark.parametrize(("temperature", "epsilon"), [(1000.0, 0.0014), (2.0, 0.05), (1.0, 0.0)])
def test_odin_is_that_of_pytorch_ood(
    pictures: np.ndarray, temperature: float, epsilon: float
) -> None:
    model = ToyClassifier().build()
    theirs = detector.ODIN(model, eps=epsilon, temperature=temperature, norm_std=STD)
    expected = -theirs(entering(pictures)).detach().numpy()
    name = f"odin[temperature={temperature:g},epsilon={epsilon:g}]"
    found = benchbench.extract(ToyClassifier(), pictures, name)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    # At a high temperature all are nearly 1/5: what differs is held to 1e-4 of its spread.
    spread = np.ptp(expected)
    np.testing.assert_allclose(found.numpy() - 0.2, expected - 0.2, atol=max(1e-4 * spread, 5e-8))


def test_odin_s_step_makes_the_network_surer(pictures: np.ndarray) -> None:
    still, moved = (benchbench.extract(ToyClassifier(), pictures,
                                       f"odin[temperature=1,epsilon={epsilon}]")
                    for epsilon in (0, 0.01))  # fmt: skip
    assert (moved > still).all()


def test_gradnorm_is_that_of_pytorch_ood(pictures: np.ndarray) -> None:
    model = ToyClassifier().build()
    theirs = detector.GradNorm(model, param_filter=lambda name: name == "head.weight")
    expected = -theirs(entering(pictures)).numpy()
    found = benchbench.extract(ToyClassifier(), pictures, "gradnorm")
    assert (GradNorm.gives, GradNorm.higher_is_better) == ("score", True)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_vim_is_that_of_pytorch_ood(pictures: np.ndarray) -> None:
    model = ToyClassifier().build()
    inputs = entering(np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8))
    features = model[:-1](inputs).detach()
    width = features.shape[1]
    theirs = detector.ViM(None, d=width // 2, w=model.head.weight, b=model.head.bias)
    theirs.fit_features(features[:50], torch.zeros(50))
    expected = theirs.predict_features(features[50:]).numpy()

    extractor = Vim()
    extractor.probes(BackboneFacts(
        outputs={"logits": (5,)},
        layers=(Layer("conv2", "Conv2d", (12, 8, 3, 3)), Layer("head", "Linear", (5, 12)))))
    live = LiveBackbone(ToyClassifier(), model, inputs)
    rows = extractor.extract({benchbench.Model(): live}).double().numpy()
    assert rows.shape == (60, width + 2)
    found = virtual_logit(rows[:50], rows[50:])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_vim_needs_more_training_images_than_dimensions() -> None:
    rows = np.random.default_rng(2).standard_normal((40, 66))
    with pytest.raises(DataError, match="32 training images for a principal space of 32"):
        virtual_logit(rows[:32], rows)
    flat = virtual_logit(np.ones((40, 66)), np.ones((3, 66)))
    np.testing.assert_allclose(flat, -1)


def test_vim_refuses_logits_that_are_not_the_head_s(pictures: np.ndarray) -> None:
    class Halved(ToyClassifier):
        def forward(self, model, inputs):
            return {"logits": model(inputs) / 2}

    with pytest.raises(UsageError, match="'head' puts out"):
        benchbench.extract(Halved(), pictures, "vim")


@pytest.mark.parametrize("name", ["odin", "gradnorm", "vim"])
def test_a_backbone_without_logits_is_refused_in_the_plan(
    pictures: np.ndarray, name: str
) -> None:
    with pytest.raises(UsageError, match=f"{name}: needs a classifier's logits"):
        benchbench.extract(ToyAutoencoder(), pictures, name)


def test_other_faults_are_said() -> None:
    for wrong in ({"temperature": 0.0}, {"epsilon": -1.0}):
        with pytest.raises(UsageError, match="a temperature above 0"):
            Odin(**wrong)
    convolution = BackboneFacts(outputs={"logits": (5,)},
                                layers=(Layer("last", "Conv2d", (5, 8, 1, 1)),))  # fmt: skip
    with pytest.raises(UsageError, match="'last' is a Conv2d, expected a linear layer"):
        Vim().probes(convolution)
    with pytest.raises(UsageError, match="no layer of this backbone has 5 units"):
        GradNorm().probes(BackboneFacts(outputs={"logits": (5,)}))
