"""What a plan is made of: the selection, datasets and backbones with their facts, cells, sweeps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
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
    backbone: str | None = None
    """None: each extractor gets its own."""
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    precision: str = "float32"
    max_feature_gb: float = 20.0
    controls: bool = True
    allow_partial: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset with its facts, and the datasets that it joins, by name."""

    made: Made
    facts: DatasetFacts
    limit: int | None
    members: Mapping[str, Source] = field(default_factory=dict)

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Source]]:
        """The datasets at the bottom, each with what its ids begin with in this one."""
        if not self.members:
            yield prefix, self
        for name, member in self.members.items():
            yield from member.leaves(f"{prefix}{name}:")


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
class Share:
    """Features as the store holds them: of a whole dataset, or of one that is joined with others,
    whose ids there begin with ``prefix``. ``sees`` is what they depend on, ``key`` its digest."""

    prefix: str
    source: Source
    lens: Lens
    feature: Feature
    sees: dict[str, Any]
    key: str

    @property
    def bytes(self) -> int:
        return 4 * math.prod(self.feature.shape) * self.source.facts.n_images


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``reason`` says why it cannot be; ``error`` is the traceback, where that is its
    extractor's own fault. Its features are those of all ``shares``, one after the other."""

    id: str
    identity: dict[str, Any]
    source: Source
    lens: Lens
    extractor: Made
    task: Made
    seed: int
    feature: Feature | None = None
    shares: tuple[Share, ...] = ()
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
    """One pass: a dataset, a backbone, and what it makes. ``cells`` have features in it; those of
    ``complete`` are whole once it is done."""

    source: Source
    lens: Lens
    shares: tuple[Share, ...]
    cells: tuple[Cell, ...]
    complete: tuple[Cell, ...]


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
        passes = _passes(share for cell in cells for share in cell.shares)
        place = {key: i for i, shares in enumerate(passes) for key in shares}
        wanted = [{place[share.key] for share in cell.shares} for cell in cells]
        return [
            Sweep(first.source, first.lens, tuple(shares.values()),
                  tuple(c for c, at in zip(cells, wanted, strict=True) if i in at),
                  tuple(c for c, at in zip(cells, wanted, strict=True) if i == max(at)))
            for i, shares in enumerate(passes)
            for first in [next(iter(shares.values()))]
        ]


def _passes(shares: Iterable[Share]) -> list[dict[str, Share]]:
    """The shares that one pass can make, each key once. Datasets that differ in labels alone are
    told apart, since a loss may read them."""
    groups: dict[tuple[str, str, str], dict[str, Share]] = {}
    placed: set[str] = set()
    for share in sorted(shares, key=lambda s: s.lens.made.selector.name == "none"):
        if share.key in placed:
            continue
        placed.add(share.key)
        data, lens = share.source.facts.fingerprint, str(share.lens.made.selector)
        at = data, lens, json.dumps(share.lens.preprocessing.to_json(), sort_keys=True)
        if lens == "none":
            at = next((key for key in groups if key[0] == data), at)
        groups.setdefault(at, {})[share.key] = share
    return list(groups.values())
