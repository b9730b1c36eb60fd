"""Extractor ``brightness``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench import BackboneFacts, Extractor, Pixels, Probe

if TYPE_CHECKING:
    import torch


class Brightness(Extractor):
    """Mean of all values of an image, and their range, in 0…255."""

    name = "brightness"
    summary = "mean and range of the pixels"
    needs_backbone = False

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        return [Pixels()]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return (2,)

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        values = signals[Pixels()].flatten(1).float()
        return torch.stack([values.mean(1), values.amax(1) - values.amin(1)], 1)
