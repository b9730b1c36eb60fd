"""One rule for the channel axis, for facts and for hooks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchbench.errors import UsageError
from benchbench.pooling import channel_axis, layer_axis, pool, pooled_channels


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


def test_pools_against_numpy() -> None:
    maps = torch.randn(3, 5, 4, 6)
    flat = maps.numpy().reshape(3, 5, -1)
    assert pool(maps, "avg", 1).numpy() == pytest.approx(flat.mean(2), abs=1e-6)
    assert pool(maps, "std", 1).numpy() == pytest.approx(flat.std(2), abs=1e-6)
    assert pool(maps, "max", 1).numpy() == pytest.approx(flat.max(2))
    last = maps.permute(0, 2, 3, 1)
    assert torch.equal(pool(last, "max", 3), pool(maps, "max", 1))


def test_no_pool_is_a_copy() -> None:
    maps = torch.zeros(2, 3)
    copy = pool(maps, "none", 1)
    maps += 1
    assert copy.sum() == 0


def test_whole_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="not real numbers"):
        pool(torch.zeros(2, 3, dtype=torch.int64), "avg", 1)
