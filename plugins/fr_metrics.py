"""Classic full-reference metrics as baselines: ``psnr``, ``ssim`` and ``ms-ssim``.

Luma is BT.601's, 0.299 R + 0.587 G + 0.114 B on 0 to 255, rounded to whole numbers as MATLAB's
``rgb2gray`` does, on which Wang et al.'s published code works.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchbench import (
    BackboneFacts,
    DataError,
    Extractor,
    OfReference,
    Pixels,
    Probe,
    hookimpl,
)

if TYPE_CHECKING:
    import torch

WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's five scales, the finest first (Wang, Simoncelli and Bovik 2003)."""
LEAST_ERROR = 255.0**2 * 1e-10
"""Mean squared error below which PSNR stays at 100 dB, so that equal images have a number."""


class _PixelPairs(Extractor):
    """A number made of an image's and its reference's pixels; no backbone is looked at."""

    gives = "score"
    higher_is_better = True
    needs_backbone = False

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        return [Pixels(), OfReference(Pixels())]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return ()

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        images, references = signals[Pixels()], signals[OfReference(Pixels())]
        if images.shape != references.shape:
            raise DataError(
                f"{self.name}: an image is {_size(images)} and its reference {_size(references)} "
                "(height x width); give both the same size"
            )
        return self.score(images, references)

    def score(self, images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        """``[n]`` from uint8 ``[n, 3, height, width]`` twice."""
        raise TypeError(f"{self.name} has to define score()")


class Psnr(_PixelPairs):
    """``psnr``: 10 log10(255² / mean squared error), in decibels, 100 at most.

    ``of``: the error of the luma, or of all samples of red, green and blue.
    """

    name = "psnr"
    version = "1"
    summary = "peak signal-to-noise ratio, in dB"

    def __init__(self, *, of: Literal["luma", "rgb"] = "luma") -> None:
        self.of = of

    def score(self, images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        part = luma if self.of == "luma" else _double
        error = (part(images) - part(references)).square().flatten(1).mean(1)
        return 10 * (255.0**2 / error.clamp(min=LEAST_ERROR)).log10()


class Ssim(_PixelPairs):
    """``ssim``: structural similarity of the luma (Wang, Bovik, Sheikh and Simoncelli 2004):
    Gaussian window of 11 pixels, σ = 1.5, K = (0.01, 0.03), no padding, no reduction of size."""

    name = "ssim"
    version = "1"
    summary = "structural similarity (Wang et al. 2004)"
    least_side = WINDOW

    def score(self, images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        _check_side(self, images)
        return similarity(luma(images), luma(references))[0]


class MsSsim(_PixelPairs):
    """``ms-ssim``: contrast and structure at five scales, luminance at the coarsest (Wang,
    Simoncelli and Bovik 2003); each scale is the mean of 2 by 2 pixels of the one before. A scale
    whose mean contrast and structure is negative counts as 0."""

    name = "ms-ssim"
    version = "1"
    summary = "multi-scale structural similarity (Wang et al. 2003)"
    least_side = WINDOW * 2 ** (len(SCALES) - 1)

    def score(self, images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        import torch.nn.functional as F

        _check_side(self, images)
        a, b = luma(images), luma(references)
        total = a.new_ones(len(a))
        for scale, exponent in enumerate(SCALES):
            if scale:
                a, b = (F.avg_pool2d(_even(x), 2) for x in (a, b))
            whole, structure = similarity(a, b)
            last = scale == len(SCALES) - 1
            total = total * (whole if last else structure).clamp(min=0) ** exponent
        return total


def luma(images: torch.Tensor) -> torch.Tensor:
    """uint8 RGB ``[n, 3, height, width]`` to float64 ``[n, 1, height, width]``, whole numbers."""
    red, green, blue = images.long().unbind(1)
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).double().unsqueeze(1)


def similarity(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of ``[n, 1, height, width]`` mean SSIM, and its contrast and structure alone: two ``[n]``."""
    import torch
    import torch.nn.functional as F

    at = torch.arange(WINDOW, dtype=a.dtype, device=a.device) - WINDOW // 2
    window = (-at.square() / (2 * SIGMA**2)).exp()
    window = window / window.sum()
    planes = torch.cat([a, b, a * a, b * b, a * b])
    blurred = F.conv2d(F.conv2d(planes, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))
    mean_a, mean_b, square_a, square_b, product = blurred.chunk(5)
    variances = square_a - mean_a**2 + square_b - mean_b**2
    structure = (2 * (product - mean_a * mean_b) + C2) / (variances + C2)
    light = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return (light * structure).flatten(1).mean(1), structure.flatten(1).mean(1)


def _even(planes: torch.Tensor) -> torch.Tensor:
    """An odd side repeats its last line."""
    import torch.nn.functional as F

    height, width = planes.shape[-2:]
    return F.pad(planes, (0, width % 2, 0, height % 2), mode="replicate")


def _double(images: torch.Tensor) -> torch.Tensor:
    return images.double()


def _check_side(metric: Extractor, images: torch.Tensor) -> None:
    name, least = metric.name, metric.least_side
    if min(images.shape[-2:]) < least:
        raise DataError(
            f"{name}: an image of {_size(images)} pixels (height x width) is smaller than the "
            f"{least}x{least} that {name} needs; leave {name} out for such images"
        )


def _size(images: torch.Tensor) -> str:
    return f"{images.shape[-2]}x{images.shape[-1]}"


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [Psnr, Ssim, MsSsim]
