"""The preprocessing of Kwon et al., ICIP 2019, and of UNIQUE: whitened patches of (Y, G, Cr).

Followed to the bit up to the whitening: the resampling is Pillow's bicubic in its own fixed-point
arithmetic, the colour conversion is exact integer arithmetic, so that every device gives the same
patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import DataError

if TYPE_CHECKING:
    import torch

SIDE = 8
CHANNELS = 3
WIDTH = CHANNELS * SIDE * SIDE
WHITENING = 0.1
"""Added to the eigenvalues of the covariance before their inverse root is taken."""

_BITS = 22
"""Fractional bits of Pillow's resampling weights."""


def raw_patches(images: torch.Tensor) -> torch.Tensor:
    """uint8 RGB ``[images, 3, height, width]`` to ``[images, patches, 192]`` in [0, 1], float64.

    The image is halved (bicubic, antialiased), turned into BT.601 YCbCr whose Cb is replaced by
    the green channel, and cut into patches of 8 by 8, row by row; incomplete ones are dropped. A
    patch lists its channels one after the other, each column by column. Raises ``DataError`` for
    an image without a whole patch.
    """
    return cut(planes(images))


def planes(images: torch.Tensor) -> torch.Tensor:
    """The halved image as (Y, G, Cr): int32 ``[images, 3, height, width]``, 0 to 255."""
    import torch

    height, width = images.shape[-2:]
    if min(height, width) < 2 * SIDE - 1:
        raise DataError(
            f"image of {height}x{width} pixels (height x width): its half holds no patch of "
            f"{SIDE}x{SIDE}; give images of at least {2 * SIDE}x{2 * SIDE} pixels"
        )
    half = _halve(_halve(images.to(torch.int32), -1), -2)
    red, green, blue = half.unbind(1)
    luma = _rounded(65481 * red + 128553 * green + 24966 * blue) + 16
    chroma = _rounded(112000 * red - 93786 * green - 18214 * blue) + 128
    return torch.stack([luma, green, chroma], 1)


def cut(images: torch.Tensor) -> torch.Tensor:
    """Planes ``[images, 3, height, width]`` to patches ``[images, patches, 192]`` in [0, 1]."""
    patches = images.unfold(2, SIDE, SIDE).unfold(3, SIDE, SIDE)
    ordered = patches.permute(0, 2, 3, 1, 5, 4)  # images, rows, columns, channel, x, y
    return ordered.reshape(len(images), -1, WIDTH).double() / 255


def whiten(patches: torch.Tensor) -> torch.Tensor:
    """Each image's patches ``[images, patches, 192]``, centred and whitened by themselves.

    The mean over patches is taken off each of the 192 positions; ZCA follows with the covariance
    of the same patches: ``U diag(1/sqrt(s + 0.1)) U^T``.
    """
    import torch

    centred = patches - patches.mean(1, keepdim=True)
    covariance = centred.mT @ centred / patches.shape[1]
    values, vectors = torch.linalg.eigh(covariance)
    scale = (values.clamp(min=0) + WHITENING).rsqrt()
    return centred @ ((vectors * scale[:, None, :]) @ vectors.mT)


def _rounded(thousands: torch.Tensor) -> torch.Tensor:
    """``thousands / 255000`` to the nearest whole number, halves upwards."""
    import torch

    return torch.div(2 * thousands + 255_000, 510_000, rounding_mode="floor")


def _halve(images: torch.Tensor, axis: int) -> torch.Tensor:
    """Halve one axis of int32 images as Pillow's bicubic does; an odd axis repeats its last line.

    Pillow resamples one axis after the other, with weights rounded to 22 fractional bits and
    8-bit values in between.
    """
    import torch

    length = images.shape[axis]
    if length % 2:
        images = torch.cat([images, images.narrow(axis, length - 1, 1)], axis)
    moved = images.movedim(axis, -1)
    weights = _weights(moved.shape[-1] // 2).to(images.device)
    windows = torch.nn.functional.pad(moved, (3, 3)).unfold(-1, 8, 2)
    total = torch.full(windows.shape[:-1], 1 << (_BITS - 1), dtype=torch.int32,
                       device=images.device)  # fmt: skip
    for tap in range(8):
        total += windows[..., tap] * weights[:, tap]
    return (total >> _BITS).clamp(0, 255).movedim(-1, axis)


def _weights(count: int) -> torch.Tensor:
    """Pillow's eight bicubic weights (a = -1/2) of each of ``count`` samples: int32 ``[count, 8]``.

    Taps outside the image have no weight, the others are scaled to a sum of one.
    """
    import torch

    taps = torch.arange(8, dtype=torch.float64)
    x = (taps - 3.5).abs() / 2
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    kernel = torch.where(x < 1, near, far).repeat(count, 1)
    position = 2 * torch.arange(count)[:, None] + taps - 3
    kernel[(position < 0) | (position >= 2 * count)] = 0
    scaled = kernel / kernel.sum(1, keepdim=True) * (1 << _BITS)
    return (scaled + 0.5 * scaled.sign()).to(torch.int32)
