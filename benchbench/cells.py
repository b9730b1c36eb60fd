"""What a plan is made of: the selection, datasets and backbones with their facts, cells, sweeps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from benchbench.facts import BackboneFacts, DatasetFacts
from benchbench.preprocessing import Preprocessing
from benchbench.probes import Probe
from benchbench.registry import Made


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for, as names."""

    features: str = "grad,activation"
    task: str = "iqa"
    dataset: str = "demo"
    backbone: str = "unique"
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    precision: str = "float32"
    max_feature_gb: float = 20.0
    controls: bool = True
    allow_partial: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset with its facts."""

    made: Made
    facts: DatasetFacts
    limit: int | None


@dataclass(frozen=True, slots=True)
class Lens:
    """A backbone with its facts and the preprocessing it gets in this plan."""

    made: Made
    facts: BackboneFacts
    preprocessing: Preprocessing


@dataclass(frozen=True, slots=True)
class Feature:
    """An extractor with what it asks for and the shape of what it gives."""

    made: Made
    probes: tuple[Probe, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``reason`` says why it cannot be; ``error`` is the traceback, where that is its
    extractor's own fault. ``sees`` is what its features depend on."""

    id: str
    identity: dict[str, Any]
    source: Source
    lens: Lens
    extractor: Made
    task: Made
    seed: int
    feature: Feature | None = None
    sees: dict[str, Any] = field(default_factory=dict)
    features_key: str = ""
    control: bool = False
    reason: str | None = None
    error: str | None = None

    @property
    def gives(self) -> str:
        return str(self.extractor.part.gives)

    @property
    def feature_bytes(self) -> int:
        if self.feature is None:
            return 0
        return 4 * math.prod(self.feature.shape) * self.source.facts.n_images


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass: a dataset, a backbone, and the cells whose features it makes."""

    source: Source
    lens: Lens
    cells: tuple[Cell, ...]


@dataclass(slots=True)
class Plan:
    """All cells of a selection, and the sweeps that the runnable ones need."""

    selection: Selection
    cells: list[Cell] = field(default_factory=list)

    @property
    def runnable(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.reason is None]

    def sweeps(self, cells: list[Cell]) -> list[Sweep]:
        """One pass per dataset × backbone. Extractors that look at pixels alone ride along with
        the dataset's first backbone, so that an image is decoded once."""
        groups: dict[tuple[str, str], list[Cell]] = {}
        for cell in sorted(cells, key=lambda c: c.lens.made.selector.name == "none"):
            data = cell.source.facts.images
            lens = str(cell.lens.made.selector)
            if lens == "none":
                first = next((key for key in groups if key[0] == data), None)
                groups.setdefault(first or (data, lens), []).append(cell)
            else:
                groups.setdefault((data, lens), []).append(cell)
        return [Sweep(found[0].source, found[0].lens, tuple(found)) for found in groups.values()]
