"""Backbone ``none``: for extractors that look at pixels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.hookspecs import hookimpl
from benchbench.interfaces import Backbone

if TYPE_CHECKING:
    import torch


class NoBackbone(Backbone):
    """Has no weights and gives nothing but the image."""

    name = "none"
    summary = "no network: for extractors that look at pixels alone"

    def build(self) -> torch.nn.Module:
        import torch

        return torch.nn.Identity().eval()

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return {}


@hookimpl
def benchbench_backbones() -> list[type[Backbone]]:
    return [NoBackbone]
