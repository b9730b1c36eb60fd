"""Norms of per-image gradients without the gradients: the Gram form.

The gradient of output unit ``u`` is ``X g``, with ``X`` ``[values, positions]`` the unfolded input
and ``g`` ``[positions]`` the gradient at the unit's output, so that ``‖X g‖² = gᵀ (XᵀX) g``.
Where positions are few, as in the late layers of a network, ``XᵀX`` is much cheaper than the
gradients of all units. For a convolution it is no product of unfolded inputs either: its entry
``(p, q)`` is the sum, over the offsets of the window, of inner products of the input's own pixels.

Where the terms of ``X g`` nearly cancel, a square taken apart this way loses twice the digits. So
it is computed in float64, and only where the gradients themselves are of less precision: then the
norm is never worse than that of a gradient that was formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchbench.gradients.factors import Call, UnitNorms, chunks, explicit_padding

PRICE = 4
"""Time of a multiply-add here over that of one in a library's float32 weight gradient: float64,
and smaller matrices. Measured on a CPU over the layers of ResNet and ViT."""


def cheaper(values: int, units: int, positions: int, *, pixels: int = 0, window: int = 1) -> bool:
    """Whether norms by the Gram form cost less than by one image's weight gradient.

    ``values`` are the numbers a position has in the input (a convolution's channels), ``units``
    the output units, ``pixels`` the positions of the input where they are not those of the output,
    ``window`` the size of the kernel.
    """
    pixels = pixels or positions
    gram = values * pixels**2 + window * positions**2 + units * positions**2
    return PRICE * gram < values * window * units * positions


def unit_norms(
    call: Call, grad: Tensor, images: int
) -> Iterator[tuple[int, UnitNorms]] | None:
    """``(first image, norms)`` of the gradient to each output unit's weights, in order, until all
    are out; None where forming the gradients is the cheaper or the more exact way."""
    assert call.x is not None
    if grad.device.type != "cpu" or grad.dtype == torch.float64:
        return None
    x = call.x.to(grad.dtype)
    if call.kind == "linear":
        right = x.reshape(images, -1, x.shape[-1]).transpose(1, 2)
        left = grad.reshape(images, -1, grad.shape[-1]).transpose(1, 2)
        pays = right.shape[2] > 1 and cheaper(right.shape[1], left.shape[1], right.shape[2])
        return _linear(right, left) if pays else None
    if call.kind != "conv" or call.options["transposed"] or x.shape[0] != images:
        return None
    assert call.weight is not None
    x, options = explicit_padding(x, call.weight, call.options)
    groups, window = options["groups"], call.weight.shape[2:]
    if math.prod(window) == 1 and not any(options["padding"]):
        some: list[Any] = [..., *(slice(None, None, step) for step in options["stride"])]
        x = x[tuple(some)]
        options = {**options, "stride": [1] * len(window)}
    pays = cheaper(
        x.shape[1] // groups,
        grad.shape[1] // groups,
        grad[0, 0].numel(),
        pixels=x[0, 0].numel(),
        window=math.prod(window),
    )
    return _conv(x, grad, tuple(window), options) if pays else None


def _linear(right: Tensor, left: Tensor) -> Iterator[tuple[int, UnitNorms]]:
    """``right`` ``[images, in, positions]``, ``left`` ``[images, out, positions]``."""
    for start, stop in chunks(len(right), right.shape[2] ** 2):
        values = right[start:stop].double()
        yield start, _norms(torch.bmm(values.transpose(1, 2), values), left[start:stop])


def _conv(
    x: Tensor, grad: Tensor, window: tuple[int, ...], options: dict[str, Any]
) -> Iterator[tuple[int, UnitNorms]]:
    groups, images = options["groups"], len(x)
    sizes, outputs = x.shape[2:], grad.shape[2:]
    border = [side for pad in reversed(options["padding"]) for side in (pad, pad)]
    for start, stop in chunks(images, groups * sizes.numel() ** 2):
        values = x[start:stop].double().reshape((stop - start) * groups, -1, sizes.numel())
        pixels = torch.bmm(values.transpose(1, 2), values).reshape(-1, *sizes, *sizes)
        if any(border):
            pixels = F.pad(pixels, border * 2)
        gram = pixels.new_zeros((len(pixels), *outputs, *outputs))
        for offset in product(*map(range, window)):
            seen = tuple(
                slice(at * gap, at * gap + step * (count - 1) + 1, step)
                for at, gap, step, count in zip(
                    offset, options["dilation"], options["stride"], outputs, strict=True
                )
            )
            gram += pixels[(slice(None), *seen, *seen)]
        left = grad[start:stop].reshape(len(pixels), -1, outputs.numel())
        norms = _norms(gram.reshape(-1, outputs.numel(), outputs.numel()), left)
        yield start, UnitNorms(norms.values.reshape(stop - start, -1))


def _norms(gram: Tensor, left: Tensor) -> UnitNorms:
    wide = left.double()
    squares = (torch.bmm(wide, gram) * wide).sum(2)
    return UnitNorms(squares.clamp_min_(0).sqrt_().to(left.dtype))

