"""Reductions of per-image gradients: full, norm, filter, sketch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from benchbench.gradients.factors import Gradients, Outer, UnitNorms
from benchbench.probes import Gradient

BLOCK = 512
"""Numbers summed at a time in a norm."""


def reduced_shape(
    probe: Gradient, parameter: tuple[int, ...], channels: int | None = None
) -> tuple[int, ...]:
    """The shape of one image's reduced gradient; ``channels`` are a transposed convolution's
    output channels, None for every other layer."""
    if probe.reduce == "full":
        return parameter
    if probe.reduce == "norm":
        return ()
    if probe.reduce == "sketch":
        return (probe.width,)
    return (channels or parameter[0],)


@dataclass(slots=True)
class Reducer:
    """Collects one probe's rows from gradients that come image by image.

    ``groups`` is None but for the weight of a transposed convolution, ``[in, out / groups, …]``,
    whose output units lie across two axes.
    """

    probe: Gradient
    images: int
    groups: int | None = None
    rows: Tensor | None = field(default=None, init=False)

    @property
    def wants_unit_norms(self) -> bool:
        """Whether the 2-norms of the output units' gradients say all there is to say."""
        return self.probe.reduce in ("norm", "filter") and self.probe.ord == 2

    def add(self, first: int, gradients: Gradients | UnitNorms) -> None:
        """Reduce the gradients of ``images[first:]``, as many as come."""
        part = self._reduce(gradients)
        if self.rows is None:
            self.rows = part.new_empty((self.images, *part.shape[1:]))
        self.rows[first : first + part.shape[0]] = part

    def _reduce(self, gradients: Gradients | UnitNorms) -> Tensor:
        probe = self.probe
        if isinstance(gradients, UnitNorms):
            norms = _wide(gradients.values)
            return norms if probe.reduce == "filter" else _norm(norms, 2)
        if isinstance(gradients, Outer):
            if probe.reduce in ("norm", "filter"):
                left, right = _wide(gradients.left), _wide(gradients.right)
                size = _norm(right, probe.ord)
                if probe.reduce == "norm":
                    return size * _norm(left, probe.ord)
                return size.unsqueeze(1) * left.abs()
            gradients = gradients.dense()
        gradients = _wide(gradients)
        if probe.reduce == "full":
            return gradients
        if probe.reduce == "norm":
            return _norm(gradients.flatten(1), probe.ord)
        if probe.reduce == "sketch":
            return sketch(gradients.flatten(1), probe.width, probe.seed)
        return _norm(self._by_unit(gradients), probe.ord)

    def _by_unit(self, gradients: Tensor) -> Tensor:
        """``[k, units, numbers a unit]``"""
        if self.groups is None or gradients.dim() < 3:
            return gradients.reshape(*gradients.shape[:2], -1)
        k, inputs, outputs = gradients.shape[:3]
        split = gradients.reshape(k, self.groups, inputs // self.groups, outputs, -1)
        return split.transpose(2, 3).reshape(k, self.groups * outputs, -1)


def _norm(values: Tensor, order: int) -> Tensor:
    """The norm over the last axis, as a norm of the norms of blocks: one float32 sum over a
    million numbers would be off by up to 3e-4."""
    whole = values.shape[-1] // BLOCK * BLOCK
    if whole < 2 * BLOCK:
        return cast(Tensor, torch.linalg.vector_norm(values, order, -1))
    blocks = values[..., :whole].reshape(*values.shape[:-1], -1, BLOCK)
    parts = [torch.linalg.vector_norm(blocks, order, -1).double()]
    if whole < values.shape[-1]:
        rest = torch.linalg.vector_norm(values[..., whole:], order, -1, keepdim=True)
        parts.append(rest.double())
    return cast(Tensor, torch.linalg.vector_norm(torch.cat(parts, -1), order, -1)).to(values.dtype)


def _wide(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def sketch(rows: Tensor, width: int, seed: int) -> Tensor:
    """A random projection ``[k, n] → [k, width]`` that preserves inner products in expectation.

    A balanced count sketch (Charikar, Chen and Farach-Colton 2002): the coordinates are shuffled,
    given random signs, dealt to ``width`` buckets and summed. For rows g and h the variance of the
    inner product is at most (‖g‖²‖h‖² + ⟨g, h⟩²) / width, over the draw of shuffle and signs. The
    projection takes five bytes a coordinate, about what one image's gradient takes, and is drawn
    on the CPU, so that every device has the same one. Where ``n <= width`` it is exact.
    """
    order, signs = _projection(rows.shape[1], seed, rows.device)
    dealt = rows.index_select(1, order) * signs
    missing = -rows.shape[1] % width
    if missing:
        dealt = torch.nn.functional.pad(dealt, (0, missing))
    return dealt.reshape(rows.shape[0], -1, width).sum(1)


_cache: dict[tuple[int, int, torch.device], tuple[Tensor, Tensor]] = {}
_CACHED = 1 << 25


def _projection(n: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Shuffle (int32) and signs (int8) of ``n`` coordinates, kept for the next image."""
    key = (n, seed, device)
    if key not in _cache:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(n, generator=generator, dtype=torch.int32)
        signs = torch.randint(0, 2, (n,), generator=generator, dtype=torch.int8) * 2 - 1
        while _cache and sum(k[0] for k in _cache) + n > _CACHED:
            del _cache[next(iter(_cache))]
        _cache[key] = (order.to(device), signs.to(device))
    return _cache[key]
