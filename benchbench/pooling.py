"""One rule for which axis of a layer's output holds the channels, and pooling over the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchbench.errors import UsageError
from benchbench.probes import Pool

if TYPE_CHECKING:
    import torch

_CHANNELS_LAST = ("Linear", "LayerNorm")


def channel_axis(rank: int, kind: str = "", layout: str = "") -> int:
    """The channel axis of an output of ``rank`` axes, the images' included.

    Two axes: ``[images, channels]``. Three: ``[images, tokens, channels]``. Four and more:
    ``[images, channels, height, width]``, except for the kinds ``Linear`` and ``LayerNorm``, which
    work on the last axis, and for blocks of a model whose ``output_fmt`` says ``NHWC`` (timm's
    word for models that keep channels last).
    """
    if rank <= 3 or kind in _CHANNELS_LAST:
        return rank - 1
    convolutional = kind.startswith(("Conv", "BatchNorm")) or kind.endswith("2d")
    return rank - 1 if layout == "NHWC" and not convolutional else 1


def layer_axis(output_rank: int, module: torch.nn.Module, model: torch.nn.Module) -> int:
    """``channel_axis`` of a module in its model."""
    layout = str(getattr(model, "output_fmt", ""))
    return channel_axis(output_rank, type(module).__name__, layout)


def pooled_channels(output_shape: Sequence[int], kind: str = "", layout: str = "") -> int:
    """Channels left after pooling an output over its positions; ``output_shape`` leaves out the
    batch."""
    if not output_shape:
        return 1
    return output_shape[channel_axis(len(output_shape) + 1, kind, layout) - 1]


def pool(output: torch.Tensor, how: Pool, axis: int) -> torch.Tensor:
    """``[images, …] → [images, channels]`` (``avgstd``: twice as wide, ``none``: a copy).

    ``std`` is the population's standard deviation over the positions.
    """
    import torch

    if how == "none":
        return output.clone()
    if not output.is_floating_point():
        raise UsageError(f"pool={how}: the layer's output holds {output.dtype}, not real numbers")
    rows = output.reshape(len(output), 1, 1) if output.dim() == 1 else output.movedim(axis, 1)
    if rows.dim() == 2:
        rows = rows.unsqueeze(2)
    rows = rows.flatten(2)
    if how == "avg":
        return rows.mean(2)
    if how == "max":
        return rows.amax(2)
    std, mean = torch.std_mean(rows, 2, correction=0)
    return std if how == "std" else torch.cat([mean, std], 1)
