"""Per-image gradients of a layer from its input and the gradient at its output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 1 << 22
"""Elements of per-image gradients held at a time, beyond the one image that is always held."""


@dataclass(frozen=True, slots=True)
class Outer:
    """The gradient of a linear layer met once an image: ``left ⊗ right``, never multiplied out
    where only its norms are wanted. ``left`` ``[images, out]``, ``right`` ``[images, in]``."""

    left: Tensor
    right: Tensor

    def dense(self) -> Tensor:
        return self.left.unsqueeze(2) * self.right.unsqueeze(1)


@dataclass(frozen=True, slots=True)
class UnitNorms:
    """All that is wanted of some gradients: the 2-norm of each output unit's, ``[images, out]``."""

    values: Tensor


Gradients = Tensor | Outer


@dataclass(slots=True)
class Call:
    """One use of a layer's parameters in a forward pass.

    ``kind`` is ``linear``, ``conv`` or ``norm``; ``plain`` is the function without weight and
    bias (norms), ``options`` the arguments of a convolution.
    """

    kind: str
    x: Tensor | None
    version: int
    weight: Tensor | None
    options: dict[str, Any]
    plain: Callable[[Tensor], Tensor] | None = None
    features: int = 1

    def intact(self) -> bool:
        """Whether the input is still what the layer saw: later in-place changes spoil it."""
        return self.x is not None and self.x._version == self.version

    def rows(self, images: int) -> int | None:
        """Leading rows an image has in the input, None where they cannot be told apart."""
        assert self.x is not None
        if self.x.dim() < (3 if self.kind == "conv" else 2) or self.x.shape[0] % images:
            return None
        if self.kind == "conv" and self.weight is not None and self.x.dim() != self.weight.dim():
            return None
        return self.x.shape[0] // images

    def doubtful(self, images: int) -> bool:
        """Whether another axis than the first could be the images', so that a check is due.

        Convolutions fix the first axis; in ``[windows * images, tokens, channels]`` and in
        ``[tokens, images, channels]`` the shape alone does not tell.
        """
        assert self.x is not None
        if images == 1:
            return False
        positions = self.x.shape[1 : -self.features] if self.features else ()
        return self.x.shape[0] != images or images in positions

    def gradients(self, of: str, grad: Tensor, images: int) -> Iterator[tuple[int, Gradients]]:
        """``(first image, gradients [k, *parameter.shape])``, in order, until all are out."""
        assert self.x is not None
        x = self.x.to(grad.dtype)  # what autocast multiplied
        if of == "bias":
            yield 0, self._bias(grad, images)
        elif self.kind == "linear":
            yield from _linear(x, grad, images)
        elif self.kind == "conv":
            assert self.weight is not None
            yield from _conv(x, grad, self.weight, self.options, images)
        else:
            assert self.plain is not None
            yield 0, self._sum(self.plain(x) * grad, images)

    def _bias(self, grad: Tensor, images: int) -> Tensor:
        if self.kind == "conv":
            return grad.reshape(images, -1, *grad.shape[1:]).flatten(3).sum((1, 3))
        return self._sum(grad, images)

    def _sum(self, grad: Tensor, images: int) -> Tensor:
        """Sum over all of an image's positions; what is left is shaped like the parameter."""
        if self.features:
            return grad.reshape(images, -1, *grad.shape[-self.features :]).sum(1)
        channels = grad.shape[1]
        return grad.reshape(images, -1, channels, grad[0, 0].numel()).sum((1, 3))


def chunks(images: int, numel: int) -> Iterator[tuple[int, int]]:
    step = max(1, CHUNK // max(1, numel))
    for start in range(0, images, step):
        yield start, min(images, start + step)


def _linear(x: Tensor, grad: Tensor, images: int) -> Iterator[tuple[int, Gradients]]:
    right = x.reshape(images, -1, x.shape[-1])
    left = grad.reshape(images, -1, grad.shape[-1])
    for start, stop in chunks(images, x.shape[-1] * grad.shape[-1]):
        if right.shape[1] == 1:
            yield start, Outer(left[start:stop, 0], right[start:stop, 0])
        else:
            yield start, torch.bmm(left[start:stop].transpose(1, 2), right[start:stop])


def conv_form(weight: Tensor, options: dict[str, Any]) -> str:
    """The cheapest way to the per-image weight gradients of a convolution, by shape and device.

    ``matmul``: a pointwise convolution is a linear layer over positions. ``loop``: one library
    call an image, the best on a CPU, whose kernels fill its cores with one image. ``grouped``: one
    call for a chunk of images, laid side by side as groups, for devices that one image leaves idle.
    """
    pointwise = (
        weight[0, 0].numel() == 1
        and options["groups"] == 1
        and not options["transposed"]
        and not any(options["padding"])
        and all(step == 1 for step in options["stride"])
    )
    if pointwise:
        return "matmul"
    return "loop" if weight.device.type == "cpu" else "grouped"


def _conv(
    x: Tensor, grad: Tensor, weight: Tensor, options: dict[str, Any], images: int
) -> Iterator[tuple[int, Tensor]]:
    x, options = explicit_padding(x, weight, options)
    form = conv_form(weight, options)
    rows = x.shape[0] // images
    if form == "matmul":
        left = grad.reshape(images, rows, grad.shape[1], -1).transpose(1, 2).flatten(2)
        right = x.reshape(images, rows, x.shape[1], -1).transpose(1, 2).flatten(2)
        for start, stop in chunks(images, weight.numel()):
            product = torch.bmm(left[start:stop], right[start:stop].transpose(1, 2))
            yield start, product.reshape(-1, *weight.shape)
    elif form == "loop" or rows > 1:
        for image in range(images):
            part = slice(image * rows, (image + 1) * rows)
            yield image, _weight_gradient(x[part], grad[part], weight, options).unsqueeze(0)
    else:
        for start, stop in chunks(images, weight.numel()):
            count = stop - start
            wide = weight.repeat(count, *[1] * (weight.dim() - 1))
            folded = {**options, "groups": options["groups"] * count}
            one_x = x[start:stop].reshape(1, -1, *x.shape[2:])
            one_grad = grad[start:stop].reshape(1, -1, *grad.shape[2:])
            out = _weight_gradient(one_x, one_grad, wide, folded)
            yield start, out.reshape(count, *weight.shape)


def _weight_gradient(x: Tensor, grad: Tensor, weight: Tensor, options: dict[str, Any]) -> Tensor:
    """``[*weight.shape]``, summed over the rows of ``x``; the input's gradient is left out."""
    _, out, _ = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight.to(grad.dtype),
        None,
        options["stride"],
        options["padding"],
        options["dilation"],
        options["transposed"],
        options["output_padding"],
        options["groups"],
        [False, True, False],
    )
    return out  # type: ignore[no-any-return]


def explicit_padding(
    x: Tensor, weight: Tensor, options: dict[str, Any]
) -> tuple[Tensor, dict[str, Any]]:
    """``same`` and ``valid`` as numbers; where ``same`` is uneven the input is padded by hand."""
    padding = options["padding"]
    if padding == "valid":
        return x, {**options, "padding": [0] * (weight.dim() - 2)}
    if padding != "same":
        return x, options
    sizes: Sequence[int] = weight.shape[2:]
    total = [step * (size - 1) for step, size in zip(options["dilation"], sizes, strict=True)]
    if any(value % 2 for value in total):
        sides = [side for value in reversed(total) for side in (value // 2, value - value // 2)]
        return F.pad(x, sides), {**options, "padding": [0] * len(total)}
    return x, {**options, "padding": [value // 2 for value in total]}
