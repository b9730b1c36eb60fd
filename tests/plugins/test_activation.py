"""Extractors ``activation`` and ``layers``."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchbench_plugins.activation import ActivationFeatures, Layers

from benchbench import Activation, BackboneFacts, Layer, UsageError

CLASSIFIER = BackboneFacts(
    layers=(
        Layer("conv1", "Conv2d", (8, 3, 3, 3), None, (8, 6, 6), 8),
        Layer("block.conv", "Conv2d", (16, 8, 3, 3), None, (16, 4, 4), 16),
        Layer("block", "Sequential", None, None, (16, 4, 4), 16),
        Layer("pool", "AdaptiveAvgPool2d", None, None, (16, 1, 1), 16),
        Layer("flat", "Flatten", None, None, (16,), 16),
        Layer("fc", "Linear", (4, 16), (4,), (4,), 4),
        Layer("split", "Windows", None, None, None, None),
    ),
    outputs={"logits": (4,)},
)
AUTOENCODER = BackboneFacts(
    layers=(
        Layer("encoder", "Linear", (5, 9), (5,), (20, 5), 5),
        Layer("hidden", "Sigmoid", None, None, (20, 5), 5),
        Layer("decoder", "Linear", (9, 5), (9,), (20, 9), 9),
    ),
    outputs={"latent": (5,), "reconstruction": (20, 9)},
)
VARIATIONAL = BackboneFacts(
    layers=(
        Layer("conv", "Conv2d", (6, 3, 3, 3), None, (6, 4, 4), 6),
        Layer("mean", "Linear", (5, 96), (5,), (5,), 5),
        Layer("logvar", "Linear", (5, 96), (5,), (5,), 5),
        Layer("decoder", "Linear", (96, 5), (96,), (96,), 96),
    ),
    outputs={"latent": (5,), "mean": (5,), "logvar": (5,), "reconstruction": (3, 4, 4)},
)


@pytest.mark.parametrize(
    ("facts", "layer"),
    [
        (CLASSIFIER, "block"),
        (AUTOENCODER, "hidden"),
        (VARIATIONAL, "mean"),
        (replace(CLASSIFIER, outputs={}), "block"),
    ],
)
def test_the_default_layer(facts, layer) -> None:
    assert ActivationFeatures().probes(facts) == [Activation(layer, "avg")]


@pytest.mark.parametrize(
    ("pool", "shape"),
    [("avg", (16,)), ("max", (16,)), ("std", (16,)), ("avgstd", (32,)), ("none", (16, 4, 4))],
)
def test_shapes(pool, shape) -> None:
    assert ActivationFeatures(layer="block", pool=pool).shape(CLASSIFIER) == shape


@pytest.mark.parametrize(
    ("layer", "pool", "message"),
    [
        ("blok", "avg", "did you mean 'block'"),
        ("split", "avg", "take the block around it"),
        ("flat", "std", "a single position"),
        ("pool", "avgstd", "a single position"),
        ("block", "none", "grows with the image; take pool=avg"),
    ],
)
def test_what_cannot_be_is_refused(layer, pool, message) -> None:
    facts = replace(CLASSIFIER, other_size=True)
    with pytest.raises(UsageError, match=message):
        ActivationFeatures(layer=layer, pool=pool).probes(facts)


def test_all_and_patterns_make_one_cell_a_layer() -> None:
    names = ["conv1", "block.conv", "block", "pool", "flat", "fc"]
    assert [cell["layer"] for cell in Layers().expand(CLASSIFIER)] == names
    assert Layers(layer="block*").expand(CLASSIFIER) == [{"layer": n} for n in names[1:3]]
    spread = Layers(pool="std").expand(CLASSIFIER)
    assert [cell["layer"] for cell in spread] == names[:3]
    assert Layers(layer="fc").expand(CLASSIFIER) == [{}]
    for cell in Layers().expand(CLASSIFIER):
        assert Layers(**cell).shape(CLASSIFIER)
    with pytest.raises(UsageError, match="no layer matches"):
        Layers(layer="stage*").shape(CLASSIFIER)
    assert Layers(layer="stage*").expand(CLASSIFIER) == [{}]  # one cell, skipped for that reason


def test_joined_layers_stand_side_by_side() -> None:
    extractor = Layers(layer="fc+block", pool="avg")
    probes = extractor.probes(CLASSIFIER)
    assert probes == [Activation("fc"), Activation("block")]
    assert extractor.expand(CLASSIFIER) == [{}]
    assert extractor.shape(CLASSIFIER) == (20,)
    signals = {probes[1]: torch.ones(2, 16), probes[0]: torch.zeros(2, 4)}
    rows = extractor.extract(signals)
    assert rows.shape == (2, 20)
    assert rows[:, :4].sum() == 0 and rows[:, 4:].sum() == 32


def test_patterns_cannot_be_joined() -> None:
    with pytest.raises(UsageError, match="cannot be joined"):
        Layers(layer="fc+block*").probes(CLASSIFIER)
