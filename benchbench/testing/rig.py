"""Where extractors and backbones are tried: a backbone, its model, and the toy pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchbench.describe import describe
from benchbench.facts import BackboneFacts
from benchbench.interfaces import Backbone, Extractor
from benchbench.preprocessing import Preprocessing
from benchbench.probes import OfReference, Probe
from benchbench.signals import Reactor
from benchbench.testing.checks import Failed
from benchbench.testing.toys import ToyPictures

ALIKE = tuple(f"{content}-{level}" for content in ("rings", "squares") for level in (1, 2, 3))
"""Six pictures of one size with two references."""
LARGER = ("waves-1", "waves-2")
"""Two pictures of another size."""
TOLERANCE = 1e-4
"""Between batches: float32 sums depend on the batch in their last bits."""
DEVICE_TOLERANCE = 1e-3
"""Between the CPU and a GPU, which add up in another order."""


class Rig:
    """Runs extractors on toy pictures through the reactor that a sweep uses."""

    def __init__(
        self, backbone: Backbone, options: Mapping[str, str] | None = None, size: str = "native",
        device: str = "cpu", scale: int = 1,
    ) -> None:
        self.backbone = backbone
        facts = describe(backbone)
        self.preprocessing = Preprocessing.of(facts.preprocessing, options, size)
        self.device = torch.device(device)
        self.model = backbone.build().to(self.device)
        self.mean, self.std = self.preprocessing.tensors(torch.float32, self.device)
        pictures = ToyPictures(scale=scale)
        table = pictures.table()
        self.reference: dict[str, str] = dict(zip(table["image"], table["reference"], strict=True))
        self.label: dict[str, int] = dict(zip(table["image"], table["label"], strict=True))
        names = [*self.reference, *self.reference.values()]
        self.arrays = {name: pictures.load(name) for name in names}
        height, width = self.arrays[ALIKE[0]].shape[:2]
        entering = self.preprocessing.output_size(height, width)
        self.facts = replace(facts, other_size=entering != self.preprocessing.model_size)

    def inputs(self, images: Sequence[str]) -> torch.Tensor:
        """What enters the model."""
        prepared = [self.preprocessing.apply(self.arrays[name]) for name in images]
        return self.backbone.prepare(self._stack(prepared), self.mean, self.std)

    def pixels(self, images: Sequence[str]) -> torch.Tensor:
        """uint8 ``[images, 3, height, width]``."""
        return self._stack([self.arrays[name] for name in images])

    def labels(self, images: Sequence[str]) -> torch.Tensor:
        """``[images]``: 0, 1 or 2."""
        return torch.tensor([self.label[name] for name in images], device=self.device)

    def view(self, asked: Sequence[Probe], images: Sequence[str]) -> View:
        """The signals of a batch, as an extractor gets them in a sweep."""
        own = [probe for probe in asked if not isinstance(probe, OfReference)]
        found = self._react(own, images)
        inner = {probe.probe: probe for probe in asked if isinstance(probe, OfReference)}
        if inner:
            of_reference = self._react(list(inner), [self.reference[name] for name in images])
            found |= {outer: of_reference[probe] for probe, outer in inner.items()}
        return View(found)

    def features(
        self, extractor: Extractor, images: Sequence[str] = ALIKE, batch: int | None = None,
        facts: BackboneFacts | None = None,
    ) -> torch.Tensor:
        """``[images, *shape]`` on the CPU, extracted in batches of ``batch`` images."""
        asked = list(extractor.probes(facts or self.facts))
        step = batch or len(images)
        rows = []
        for start in range(0, len(images), step):
            part = images[start : start + step]
            value = extractor.extract(self.view(asked, part))
            if not isinstance(value, torch.Tensor):
                raise Failed(f"extract gave a {type(value).__name__}, expected a tensor")
            if value.dim() == 0 or len(value) != len(part):
                raise Failed(f"extract gave shape {tuple(value.shape)} for {len(part)} images; "
                             "the first axis has to be the images'")
            rows.append(value.detach().double().cpu())
        return torch.cat(rows)

    def _react(self, probes: list[Probe], images: Sequence[str]) -> dict[Probe, Any]:
        labels = self.labels(images) if all(name in self.label for name in images) else None
        reactor = Reactor(self.backbone, self.model, probes)
        signals = reactor(self.inputs(images), pixels=self.pixels(images), labels=labels)
        return {probe: signals[probe] for probe in probes}

    def _stack(self, arrays: Sequence[np.ndarray]) -> torch.Tensor:
        tensors = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
        return torch.stack(tensors).to(self.device)


@contextmanager
def one_thread() -> Iterator[None]:
    """Tiny tensors: sharing them out between threads costs more than it saves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class View(Mapping[Probe, Any]):
    """Signals that remember which of them were read."""

    def __init__(self, found: dict[Probe, Any]) -> None:
        self.found = found
        self.read: set[Probe] = set()

    def __getitem__(self, probe: Probe) -> Any:
        if probe not in self.found:
            raise Failed(f"extract reads {probe}, which probes() does not ask for")
        self.read.add(probe)
        return self.found[probe]

    def __iter__(self) -> Iterator[Probe]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the largest number in ``expected``."""
    if found.shape != expected.shape:
        raise Failed(f"shape {tuple(found.shape)}, expected {tuple(expected.shape)}")
    if not expected.numel() or torch.equal(found, expected):
        return 0.0
    largest = float(expected.abs().max())
    apart = float((found - expected).abs().max())
    return apart / largest if largest > 0 else float("inf")


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float, otherwise: str) -> str:
    """How near they are; ``Failed`` with ``otherwise`` where that is not near enough. Not a number
    is near nothing."""
    apart = difference(found, expected)
    if not apart <= tolerance:
        raise Failed(f"{otherwise}: relative difference {apart:.1e}, over {tolerance:g}")
    return f"relative difference {apart:.1e}, at most {tolerance:g}"
