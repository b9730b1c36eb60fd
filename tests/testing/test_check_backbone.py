"""The suite of backbones passes the toys and catches every cheat by the check for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchbench import Backbone
from benchbench.testing import ToyAutoencoder, ToyClassifier, assert_conforms, check_backbone
from tests.testing.suites import result


@pytest.mark.parametrize("toy", [ToyClassifier, ToyAutoencoder])
def test_toy_backbones_conform(toy: type[Backbone]) -> None:
    assert_conforms(check_backbone(toy))


class OtherWeights(ToyClassifier):
    def build(self) -> Any:
        model = super().build()
        torch.nn.init.normal_(model.head.weight)
        return model


class InTraining(ToyClassifier):
    def build(self) -> Any:
        return super().build().train()


class NormalisesTheBatch(ToyClassifier):
    def forward(self, model: Any, inputs: Any) -> Any:
        logits = model(inputs)
        return {"logits": logits - logits.mean(0)}


class PreparesTheBatch(ToyClassifier):
    def prepare(self, images: Any, mean: Any, std: Any) -> Any:
        inputs = images.to(mean.dtype)
        return inputs / inputs.amax() - inputs.mean()


class BatchLoss(ToyClassifier):
    losses = ("mine",)

    def loss(self, name: Any, outputs: Any, inputs: Any, labels: Any) -> Any:
        return outputs["logits"].square().sum(1) / len(inputs)


class ScalarLoss(ToyClassifier):
    losses = ("mine",)

    def loss(self, name: Any, outputs: Any, inputs: Any, labels: Any) -> Any:
        return outputs["logits"].square().sum()


class DetachedLoss(ToyClassifier):
    losses = ("mine",)

    def loss(self, name: Any, outputs: Any, inputs: Any, labels: Any) -> Any:
        return outputs["logits"].detach().square().sum(1)


class LeavesTraining(ToyClassifier):
    def forward(self, model: Any, inputs: Any) -> Any:
        logits = model(inputs)
        model.dropout.train()
        return {"logits": logits}


class NoisyForward(ToyClassifier):
    def forward(self, model: Any, inputs: Any) -> Any:
        return {"logits": model(inputs + torch.rand_like(inputs))}


class LacksAnOutput(ToyClassifier):
    gives = ("logits", "latent")
    losses = ("uniform",)


class UnknownGives(ToyClassifier):
    gives = ("logits", "embedding")


class FittedOnNothingSaid(ToyClassifier):
    def recipe(self) -> Any:
        return {"seed": 0}


CHEATS = {
    OtherWeights: "facts", InTraining: "build", NormalisesTheBatch: "batch_size",
    PreparesTheBatch: "prepare", BatchLoss: "losses", ScalarLoss: "losses",
    DetachedLoss: "gradients", LeavesTraining: "model_kept", NoisyForward: "repeatable",
    LacksAnOutput: "gives", UnknownGives: "declaration", FittedOnNothingSaid: "recipe",
}


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda c: c.__name__)
def test_a_cheating_backbone_is_caught(cheat: type[Backbone]) -> None:
    assert result(check_backbone(cheat), CHEATS[cheat]).status == "failed"
