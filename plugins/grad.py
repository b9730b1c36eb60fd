"""Extractor ``grad``: the gradient of a loss to one layer's parameters, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchbench import (
    BackboneFacts,
    Extractor,
    Gradient,
    Layer,
    Probe,
    UsageError,
    hookimpl,
    nearest,
)

if TYPE_CHECKING:
    import torch


class Grad(Extractor):
    """How one layer would have to change for this image (Kwon et al. 2019).

    ``loss``: by default the backbone's first. ``layer``: by default the last convolution or linear
    layer: an autoencoder's decoder, a classifier's head. ``reduce``: ``full`` is the gradient
    itself, shaped like the parameter; ``norm`` its ``ord``-norm; ``filter`` one ``ord``-norm an
    output unit; ``sketch`` ``width`` numbers, a random projection drawn from ``seed``.
    """

    name = "grad"
    version = "1"
    summary = "gradient of a per-image loss to a layer's weight or bias"

    def __init__(
        self,
        *,
        loss: str | None = None,
        layer: str | None = None,
        reduce: Literal["full", "norm", "filter", "sketch"] = "filter",
        ord: Literal[1, 2] = 2,
        width: int = 1024,
        seed: int = 0,
        of: Literal["weight", "bias"] = "weight",
    ) -> None:
        if width < 1:
            raise UsageError(f"grad[width={width}]: expected at least 1")
        self.loss, self.layer, self.of = loss, layer, of
        self.reduce, self.ord, self.width, self.seed = reduce, ord, width, seed

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        self.asked = self._probe(facts)
        return [self.asked]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        layer = self._layer(facts)
        parameter = self._parameter(layer, facts)
        if self.reduce == "full":
            return parameter
        if self.reduce == "norm":
            return (1,)
        if self.reduce == "sketch":
            return (self.width,)
        if self.of == "weight" and "ConvTranspose" in layer.kind and layer.channels:
            return (layer.channels,)
        return parameter[:1]

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        rows: torch.Tensor = signals[self.asked]
        return rows.unsqueeze(1) if rows.dim() == 1 else rows

    def _probe(self, facts: BackboneFacts) -> Gradient:
        layer = self._layer(facts)
        self._parameter(layer, facts)
        # Parameters that the reduction does not use are left at their defaults, so that equal
        # questions are one probe.
        norm = self.ord if self.reduce in ("norm", "filter") else 2
        sketch = (self.width, self.seed) if self.reduce == "sketch" else (1024, 0)
        return Gradient(layer.name, self._loss(facts), self.reduce, norm, *sketch, self.of)

    def _loss(self, facts: BackboneFacts) -> str:
        if not facts.losses:
            raise UsageError("grad: the backbone has no per-image loss; try activation")
        if self.loss is None:
            return facts.losses[0]
        if self.loss not in facts.losses:
            hint = nearest(self.loss, facts.losses) or f"it has {', '.join(facts.losses)}"
            raise UsageError(f"grad[loss={self.loss}]: the backbone has no such loss; {hint}")
        return self.loss

    def _layer(self, facts: BackboneFacts) -> Layer:
        if self.layer is not None:
            return facts.layer(self.layer)
        for layer in reversed(facts.layers):
            if layer.weight is not None and len(layer.weight) > 1 and layer.output is not None:
                return layer
        raise UsageError("grad: the backbone has no convolution or linear layer; try activation")

    def _parameter(self, layer: Layer, facts: BackboneFacts) -> tuple[int, ...]:
        shape = layer.weight if self.of == "weight" else layer.bias
        if shape is not None:
            return shape
        able = [one for one in facts.layers if getattr(one, self.of) is not None]
        inside = [one for one in able if one.name.startswith(f"{layer.name}.")]
        main = [one for one in inside if len(one.weight or ()) > 1] or inside
        near = main[-1].name if main else _closest(layer.name, [one.name for one in able])
        hint = f"take layer={near}" if near else "no layer of this backbone has one"
        raise UsageError(f"grad[layer={layer.name}]: a {layer.kind} without {self.of}; {hint}")


def _closest(name: str, names: list[str]) -> str:
    """The name that shares the longest beginning."""

    def shared(other: str) -> int:
        return next((i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), 0)

    return max(names, key=shared, default="")


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [Grad]
