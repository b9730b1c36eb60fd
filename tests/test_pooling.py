"""One rule for the channel axis, for facts and for hooks."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from benchbench.errors import UsageError
from benchbench.pooling import channel_axis, layer_axis, pool, pooled_channels
from benchbench.probes import Activation
from benchbench.signals import Reactor


@pytest.mark.parametrize(
    ("shape", "kind", "layout", "channels"),
    [
        ((7,), "Linear", "", 7),
        ((5, 7), "Block", "", 7),
        ((7, 4, 6), "Sequential", "", 7),
        ((4, 6, 7), "LayerNorm", "", 7),
        ((4, 6, 7), "Linear", "", 7),
        ((7, 4, 6), "LayerNorm2d", "", 7),
        ((4, 6, 7), "SwinTransformerBlock", "NHWC", 7),
        ((7, 4, 6), "Conv2d", "NHWC", 7),
        ((7, 2, 4, 6), "Conv3d", "", 7),
        ((), "Loss", "", 1),
    ],
)
def test_channels(shape, kind, layout, channels) -> None:
    assert pooled_channels(shape, kind, layout) == channels
    if shape:
        rows = torch.rand(2, *shape)
        axis = channel_axis(rows.dim(), kind, layout)
        assert pool(rows, "avg", axis).shape == (2, channels)
        assert pool(rows, "avgstd", axis).shape == (2, 2 * channels)


def test_the_layout_is_the_model_s_word() -> None:
    model = nn.Module()
    assert layer_axis(4, nn.Identity(), model) == 1
    model.output_fmt = "NHWC"
    assert layer_axis(4, nn.Identity(), model) == 3


def test_torchvision_s_swin_keeps_channels_last() -> None:
    from torchvision.models.swin_transformer import SwinTransformer

    from benchbench.describe import describe
    from benchbench.interfaces import Backbone

    class Swin(Backbone):
        name = "swin"
        gives = ("logits",)
        preprocessing: ClassVar = {"size": 32}

        def build(self) -> nn.Module:
            torch.manual_seed(0)
            return SwinTransformer([4, 4], 12, [1, 1], [2, 2], [2, 2], num_classes=5).eval()

    channels = {layer.name: layer.channels for layer in describe(Swin()).layers}
    for name in ("features.0", "features.0.0", "features.0.1", "features.1.0", "features.1.0.mlp"):
        assert channels[name] == 12, name
    for name in ("features.2", "features.3.0", "norm", "permute", "avgpool", "flatten"):
        assert channels[name] == 24, name
    maps = torch.rand(2, 3, 8, 8)
    (probe,) = probes = [Activation("features.1")]
    pooled = Reactor(Swin(), model := Swin().build(), probes)(maps)[probe]
    assert torch.allclose(pooled, model.features[:2](maps).mean((1, 2)), atol=1e-6)


def test_pools_against_numpy() -> None:
    maps = torch.randn(3, 5, 4, 6)
    flat = maps.numpy().reshape(3, 5, -1)
    assert pool(maps, "avg", 1).numpy() == pytest.approx(flat.mean(2), abs=1e-6)
    assert pool(maps, "std", 1).numpy() == pytest.approx(flat.std(2), abs=1e-6)
    assert pool(maps, "max", 1).numpy() == pytest.approx(flat.max(2))
    last = maps.permute(0, 2, 3, 1)
    assert torch.equal(pool(last, "max", 3), pool(maps, "max", 1))


def test_a_small_deviation_about_a_large_mean_is_kept() -> None:
    rows = 1000 + torch.rand(2, 3, 5000)
    true = rows.double().std(2, correction=0)
    assert torch.allclose(pool(rows, "std", 1).double(), true, rtol=1e-6)
    both = pool(rows.bfloat16(), "avgstd", 1)
    assert torch.allclose(both[:, :3].double(), rows.bfloat16().double().mean(2), rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3e8])
def test_a_constant_has_no_deviation(value) -> None:
    assert pool(torch.full((2, 3, 7, 7), value), "std", 1).eq(0).all()


def test_no_pool_is_a_copy() -> None:
    maps = torch.zeros(2, 3)
    copy = pool(maps, "none", 1)
    maps += 1
    assert copy.sum() == 0


def test_whole_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="not real numbers"):
        pool(torch.zeros(2, 3, dtype=torch.int64), "avg", 1)
