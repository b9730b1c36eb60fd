"""Joined features: ``a+b`` is one extractor whose vector is a's beside b's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchbench.errors import UsageError
from benchbench.facts import BackboneFacts
from benchbench.interfaces import Extractor
from benchbench.probes import Probe

if TYPE_CHECKING:
    import torch


class Joined(Extractor):
    """The flattened vectors of several extractors, one after the other."""

    def __init__(self, parts: Sequence[Extractor], names: Sequence[str]) -> None:
        for part, name in zip(parts, names, strict=True):
            if part.gives != "vector":
                raise UsageError(f"{name}: gives a {part.gives}; only vectors can be joined with +")
        self.parts = list(parts)
        self.names = list(names)
        self.name = "+".join(names)  # type: ignore[misc]
        self.least_side = max(part.least_side for part in parts)

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        return list(dict.fromkeys(probe for part in self.parts for probe in part.probes(facts)))

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return (sum(width for _, width in self.blocks(facts)),)

    def blocks(self, facts: BackboneFacts) -> list[tuple[str, int]]:
        """Name and width of each part's block in the vector."""
        return [(name, math.prod(part.shape(facts)))
                for name, part in zip(self.names, self.parts, strict=True)]

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        return torch.cat([part.extract(signals).flatten(1) for part in self.parts], dim=1)
