"""Features of images that are in memory: what ``benchbench.extract`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from benchbench.describe import describe
from benchbench.errors import UsageError
from benchbench.interfaces import Backbone
from benchbench.joined import Joined
from benchbench.names import Selector, parse
from benchbench.precision import choose_device, precision_scope
from benchbench.preprocessing import Preprocessing
from benchbench.probes import OfReference, Pixels
from benchbench.registry import registry
from benchbench.signals import Reactor


class _Given(Backbone):
    """A user's classifier as a backbone."""

    name = "given"
    gives = ("logits", "activations")

    def __init__(self, model: torch.nn.Module, size: tuple[int, int]) -> None:
        self.model = model
        self.preprocessing = {"size": size}

    def build(self) -> torch.nn.Module:
        return self.model.eval()


def extract_in_memory(
    model: Any, images: Any, selectors: Sequence[Selector], device: str, options: dict[str, Any],
) -> torch.Tensor:
    arrays = _arrays(images)
    if isinstance(model, torch.nn.Module):
        modes = [(module, module.training) for module in model.modules()]
        try:
            given = _Given(model, arrays[0].shape[:2])
            return _extract(given, arrays, selectors, device, options)
        finally:
            for module, mode in modes:
                module.training = mode
    if isinstance(model, Backbone):
        return _extract(model, arrays, selectors, device, options)
    made = registry().make("backbone", parse(str(model)))
    return _extract(made.part, arrays, selectors, device, {**made.overrides, **options})


def _extract(
    backbone: Backbone, arrays: Sequence[Any], selectors: Sequence[Selector], device: str,
    options: dict[str, Any],
) -> torch.Tensor:
    parts = [registry().make("extractor", s).part for s in selectors]
    extractor = parts[0] if len(parts) == 1 else Joined(parts, [str(s) for s in selectors])
    facts = describe(backbone)
    used = Preprocessing.of(facts.preprocessing, options, "native")
    sizes = {used.output_size(*image.shape[:2]) for image in arrays}
    probes = extractor.probes(replace(facts, other_size=sizes != {used.model_size}))
    if any(isinstance(probe, OfReference) for probe in probes):
        raise UsageError(f"extract: {extractor.name} compares images with references; "
                         "use benchbench.run on a dataset that has them")
    place = choose_device(device)
    net = backbone.build()
    before = next((p.device for p in net.parameters()), torch.device("cpu"))
    reactor = Reactor(backbone, net.to(place), probes)
    mean, std = used.tensors(torch.float32, place)
    rows = []
    try:
        with precision_scope("float32", place):
            for image in arrays:
                prepared = torch.from_numpy(used.apply(image).copy()).permute(2, 0, 1)[None]
                pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(place)
                signals = reactor(backbone.prepare(prepared.to(place), mean, std),
                                  pixels=pixels if Pixels() in probes else None)
                rows.append(extractor.extract(signals).detach().float().cpu())
    finally:
        net.to(before)
    return torch.cat(rows)


def _arrays(images: Any) -> list[Any]:
    """Images as uint8 arrays ``[height, width, 3]``."""
    import numpy as np

    if isinstance(images, torch.Tensor):
        if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
            raise UsageError(f"extract: got a {images.dtype} tensor {tuple(images.shape)}, "
                             "expected uint8 [images, 3, height, width]")
        arrays = list(images.permute(0, 2, 3, 1).cpu().numpy())
    else:
        arrays = [np.asarray(image) for image in images]
    for place, array in enumerate(arrays):
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise UsageError(f"extract: image {place} is {array.dtype} {array.shape}, "
                             "expected uint8 [height, width, 3]")
    if not arrays:
        raise UsageError("extract: no images")
    return arrays
