"""Extractors ``random`` and ``pixels``: what a method has to beat to have said anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench import BackboneFacts, Extractor, Pixels, Probe, UsageError, hookimpl

if TYPE_CHECKING:
    import torch

STATISTICS = ("mean", "std", "skewness", "kurtosis", "gradient mean", "gradient std")


class RandomFeatures(Extractor):
    """``width`` normal numbers that an image's pixels and ``seed`` decide, and nothing else."""

    name = "random"
    version = "1"
    summary = "control: random numbers seeded by the image's pixels"
    control = True
    needs_backbone = False

    def __init__(self, *, width: int = 64, seed: int = 0) -> None:
        if width < 1:
            raise UsageError(f"random[width={width}]: expected at least 1")
        self.width, self.seed = width, seed

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        return [Pixels()]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return (self.width,)

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import hashlib

        import torch

        pixels = signals[Pixels()]
        rows = []
        for image in pixels.cpu().contiguous().numpy():
            head = repr((self.seed, image.shape)).encode()
            digest = hashlib.sha256(head + image.tobytes()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
            rows.append(torch.randn(self.width, generator=generator))
        return torch.stack(rows).to(pixels.device)


class PixelStatistics(Extractor):
    """Six numbers a colour channel, of values in 0…1: mean, standard deviation, skewness, excess
    kurtosis (both 0 where all pixels are equal), and mean and standard deviation of the gradient's
    magnitude (forward differences)."""

    name = "pixels"
    version = "1"
    summary = "control: simple statistics of the pixels"
    control = True
    needs_backbone = False

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        return [Pixels()]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return (3 * len(STATISTICS),)

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch
        import torch.nn.functional as F

        pixels = signals[Pixels()]
        # Moments follow exactly from how often each of the 256 values occurs.
        places = torch.arange(pixels.shape[0] * 3, device=pixels.device, dtype=torch.int32)
        binned = pixels.flatten(2).int() + 256 * places.view(-1, 3, 1)
        counts = torch.bincount(binned.flatten(), minlength=256 * len(places)).view(-1, 3, 256)
        share = counts.double() / counts[0, 0].sum()
        values = torch.arange(256, device=pixels.device, dtype=torch.float64) / 255
        mean = share @ values
        centred = values - mean.unsqueeze(2)
        variance = (share * centred.square()).sum(2)
        # Pixels are multiples of 1/255: a variance below this is rounding.
        flat = variance < 1e-12
        safe = torch.where(flat, 1.0, variance)
        skewness = torch.where(flat, 0.0, (share * centred**3).sum(2) / safe**1.5)
        kurtosis = torch.where(flat, 0.0, (share * centred**4).sum(2) / safe**2 - 3)
        images = pixels.float()
        down = F.pad(images[:, :, 1:] - images[:, :, :-1], (0, 0, 0, 1))
        right = F.pad(images[..., 1:] - images[..., :-1], (0, 1))
        magnitude = torch.hypot(down, right).flatten(2) / 255
        spread, size = torch.std_mean(magnitude, 2, correction=0)
        rows = torch.stack([mean, variance.sqrt(), skewness, kurtosis, size, spread], 2)
        return rows.flatten(1).float()


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [RandomFeatures, PixelStatistics]
