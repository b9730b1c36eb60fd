"""Extractor ``grad``: defaults, refusals, and shapes that hold."""

from __future__ import annotations

import pytest
import torch
from benchbench_plugins.grad import Grad
from torch import nn

from benchbench import Backbone, BackboneFacts, Gradient, Layer, UsageError
from benchbench.signals import Reactor

FACTS = BackboneFacts(
    gives=("logits", "activations"),
    layers=(
        Layer("stem.conv", "Conv2d", (8, 3, 3, 3), (8,), (8, 6, 6), 8),
        Layer("stem.act", "ReLU", None, None, (8, 6, 6), 8),
        Layer("stem", "Sequential", None, None, (8, 6, 6), 8),
        Layer("up", "ConvTranspose2d", (8, 5, 2, 2), None, (10, 12, 12), 10),
        Layer("norm", "LayerNorm", (10,), (10,), (12, 12, 10), 10),
        Layer("fc", "Linear", (4, 10), (4,), (4,), 4),
    ),
    losses=("pseudo-label", "uniform"),
    outputs={"logits": (4,)},
)


def test_defaults_are_the_first_loss_and_the_last_weight_layer() -> None:
    assert Grad().probes(FACTS) == [Gradient("fc", "pseudo-label", "filter")]
    assert Grad().shape(FACTS) == (4,)


def test_parameters_that_a_reduction_does_not_use_do_not_make_another_probe() -> None:
    assert Grad(width=7, seed=3).probes(FACTS) == Grad().probes(FACTS)
    assert Grad(reduce="full", ord=1).probes(FACTS) == Grad(reduce="full").probes(FACTS)
    assert Grad(reduce="sketch", seed=1).probes(FACTS) != Grad(reduce="sketch").probes(FACTS)
    assert Grad(ord=1).probes(FACTS) != Grad().probes(FACTS)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"layer": "stem.conv", "reduce": "full"}, (8, 3, 3, 3)),
        ({"layer": "stem.conv", "reduce": "filter"}, (8,)),
        ({"layer": "stem.conv", "reduce": "norm"}, (1,)),
        ({"layer": "stem.conv", "reduce": "sketch", "width": 5}, (5,)),
        ({"layer": "stem.conv", "reduce": "full", "of": "bias"}, (8,)),
        ({"layer": "up", "reduce": "filter"}, (10,)),
        ({"layer": "norm", "reduce": "filter"}, (10,)),
    ],
)
def test_shapes(options, shape) -> None:
    assert Grad(**options).shape(FACTS) == shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "stem"}, "a Sequential without weight; take layer=stem.conv"),
        ({"layer": "stem.act"}, "a ReLU without weight; take layer=stem.conv"),
        ({"layer": "up", "of": "bias"}, "a ConvTranspose2d without bias; take layer="),
        ({"layer": "stem.con"}, "did you mean 'stem.conv'"),
        ({"loss": "unifrom"}, "did you mean 'uniform'"),
        ({"loss": "kl"}, "it has pseudo-label, uniform"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest(options, message) -> None:
    with pytest.raises(UsageError, match=message):
        Grad(**options).probes(FACTS)


def test_backbones_without_losses_or_layers() -> None:
    with pytest.raises(UsageError, match="no per-image loss"):
        Grad().probes(BackboneFacts(layers=FACTS.layers))
    with pytest.raises(UsageError, match="no convolution or linear layer"):
        Grad().probes(BackboneFacts(losses=("uniform",)))
    with pytest.raises(UsageError, match="expected at least 1"):
        Grad(width=0)


class Classifier(Backbone):
    name = "classifier"


@pytest.mark.parametrize("reduce", ["full", "norm", "filter", "sketch"])
@pytest.mark.parametrize("layer", ["stem.conv", "up", "fc"])
def test_the_rows_have_the_shape_that_was_announced(layer, reduce) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            conv = nn.Conv2d(3, 8, 3)
            self.stem = nn.Sequential()
            self.stem.add_module("conv", conv)
            self.up = nn.ConvTranspose2d(8, 10, 2, 2, groups=2, bias=False)
            self.fc = nn.Linear(10, 4)

        def forward(self, x):
            return self.fc(self.up(self.stem(x).relu_()).mean((2, 3)))

    extractor = Grad(layer=layer, reduce=reduce, width=6)
    signals = Reactor(Classifier(), Net(), extractor.probes(FACTS))(torch.rand(3, 3, 8, 8))
    assert extractor.extract(signals).shape == (3, *extractor.shape(FACTS))
