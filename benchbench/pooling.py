"""One rule for which axis of a layer's output holds the channels, and pooling over the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchbench.errors import UsageError
from benchbench.probes import Pool

if TYPE_CHECKING:
    import torch

_CHANNELS_LAST = ("Linear", "LayerNorm")
_PERMUTED = {(0, 2, 3, 1): "NHWC", (0, 3, 1, 2): "NCHW"}


def channel_axis(rank: int, kind: str = "", layout: str = "") -> int:
    """The channel axis of an output of ``rank`` axes, the images' included.

    Two axes: ``[images, channels]``. Three: ``[images, tokens, channels]``. Four and more:
    ``[images, channels, height, width]``, except for the kinds ``Linear`` and ``LayerNorm``, which
    work on the last axis, and where ``layout_of`` says ``NHWC``. A shape alone does not tell which
    axis holds channels, so that a block that keeps them last in any other model is pooled over the
    wrong axes; give such a model the attribute ``output_fmt = "NHWC"``.
    """
    if rank <= 3 or kind in _CHANNELS_LAST:
        return rank - 1
    convolutional = kind.startswith(("Conv", "BatchNorm")) or kind.endswith("2d")
    return rank - 1 if layout == "NHWC" and not convolutional else 1


def layout_of(module: torch.nn.Module, model: torch.nn.Module) -> str:
    """``NHWC`` for a module of a model that keeps channels last, else ``NCHW``.

    A model says so by ``output_fmt`` (timm's word), or by a ``Permute`` of its own that puts the
    channels first before its head (torchvision's Swin); a ``Permute`` itself by what it does.
    """
    own = _permuted_to(module)
    if own is not None:
        return own
    last = any(_permuted_to(child) == "NCHW" for child in model.children())
    return "NHWC" if last or getattr(model, "output_fmt", None) == "NHWC" else "NCHW"


def _permuted_to(module: torch.nn.Module) -> str | None:
    is_permute = type(module).__name__ == "Permute"
    return _PERMUTED.get(tuple(getattr(module, "dims", ()))) if is_permute else None


def layer_axis(output_rank: int, module: torch.nn.Module, model: torch.nn.Module) -> int:
    """``channel_axis`` of a module in its model."""
    return channel_axis(output_rank, type(module).__name__, layout_of(module, model))


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
    # Two passes, several times faster on a CPU than torch.std_mean and as exact. The first position
    # is taken off so that the deviation of a constant is zero, not what rounding leaves of it.
    if rows.dtype in (torch.float16, torch.bfloat16):
        rows = rows.float()
    first = rows[..., :1]
    off = rows - first
    shift = off.mean(2, keepdim=True)
    std = off.sub_(shift).square_().mean(2).sqrt_()
    return std if how == "std" else torch.cat([(first + shift).squeeze(2), std], 1)
