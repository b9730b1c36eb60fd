"""Extractor ``reconstruction``: how badly an autoencoder repeats the image, region by region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchbench import BackboneFacts, Extractor, Images, Output, Probe, UsageError, hookimpl

if TYPE_CHECKING:
    import torch

WINDOW = 11


class Reconstruction(Extractor):
    """The reconstruction error, averaged over a ``grid`` x ``grid`` of regions in each channel.

    ``mse``, ``mae``; ``bce`` the binary cross-entropy, for values in 0…1; ``ssim`` 1 - SSIM for
    values in 0…1 (Wang et al. 2004: Gaussian window of 11 pixels, σ = 1.5, no padding). Patches
    ``[patches, values]`` are averaged over all patches, value by value.
    """

    name = "reconstruction"
    version = "1"
    summary = "an autoencoder's reconstruction error over a grid of regions"

    def __init__(
        self, *, error: Literal["mse", "mae", "bce", "ssim"] = "mse", grid: int = 1
    ) -> None:
        if grid < 1:
            raise UsageError(f"reconstruction[grid={grid}]: expected at least 1")
        self.error, self.grid = error, grid

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        self.shape(facts)
        self.target = Output("target") if "target" in facts.outputs else Images()
        return [Output("reconstruction"), self.target]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        shape = facts.outputs.get("reconstruction")
        if shape is None:
            raise UsageError(
                f"reconstruction: the backbone gives {', '.join(facts.outputs) or 'nothing'}; take "
                "an autoencoder such as unique"
            )
        if len(shape) == 3:
            smallest = min(shape[1:]) - (WINDOW - 1 if self.error == "ssim" else 0)
            if smallest < self.grid:
                raise UsageError(
                    f"reconstruction[error={self.error},grid={self.grid}]: images of {shape[1]} x "
                    f"{shape[2]} pixels have fewer regions; take grid={max(1, smallest)} or mse"
                )
            return (shape[0] * self.grid**2,)
        if len(shape) > 2 or self.grid > 1 or self.error == "ssim":
            raise UsageError(
                f"reconstruction[error={self.error},grid={self.grid}]: the backbone repeats "
                f"patches {shape}, not an image; take grid=1 and mse, mae or bce"
            )
        return shape[-1:]

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch.nn.functional as F

        found, target = signals[Output("reconstruction")], signals[self.target]
        if self.error in ("bce", "ssim") and _outside(found, target):
            raise UsageError(
                f"reconstruction[error={self.error}]: needs values in 0…1, the backbone works on "
                f"{float(target.min()):.3g}…{float(target.max()):.3g}; take mse or mae"
            )
        if self.error == "mse":
            each = (found - target).square()
        elif self.error == "mae":
            each = (found - target).abs()
        elif self.error == "bce":
            each = F.binary_cross_entropy(found, target, reduction="none")
        else:
            each = 1 - ssim_map(found, target)
        if each.dim() == 4:
            return F.adaptive_avg_pool2d(each, self.grid).flatten(1)
        return each.mean(1) if each.dim() == 3 else each


def _outside(*values: torch.Tensor) -> bool:
    return any(bool((value < 0).any() or (value > 1).any()) for value in values)


def ssim_map(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Local SSIM of values in 0…1, ``[n, channels, h, w] → [n, channels, h - 10, w - 10]``."""
    import torch
    import torch.nn.functional as F

    at = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    window = torch.exp(-(at**2) / (2 * 1.5**2))
    window = (window / window.sum()).to(a)
    channels = a.shape[1]

    def blur(x: torch.Tensor) -> torch.Tensor:
        across = F.conv2d(x, window.expand(channels, 1, 1, -1), groups=channels)
        return F.conv2d(across, window[:, None].expand(channels, 1, -1, 1), groups=channels)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [Reconstruction]
