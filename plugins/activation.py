"""Extractors ``activation`` and ``layers``: what layers put out, pooled over its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from benchbench import Activation, BackboneFacts, Extractor, Layer, Probe, UsageError, hookimpl

if TYPE_CHECKING:
    import torch

Pool = Literal["avg", "max", "std", "avgstd", "none"]


class ActivationFeatures(Extractor):
    """The output of one layer.

    ``layer``: by default the last map before a classifier's head, or an autoencoder's code.
    ``pool``: mean, maximum or standard deviation over the positions, mean and standard deviation
    (``avgstd``), or the whole output (``none``). Channels are the first axis of ``[channels,
    height, width]`` and the last of ``[tokens, channels]``.
    """

    name = "activation"
    version = "1"
    summary = "a layer's output, pooled over its positions"

    def __init__(self, *, layer: str | None = None, pool: Pool = "avg") -> None:
        self.layer, self.pool = layer, pool

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        self.asked = [Activation(layer.name, self.pool) for layer in self._layers(facts)]
        return list(self.asked)

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return _width(self._layers(facts)[0], self.pool)

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        rows = [signals[probe] for probe in self.asked]
        return rows[0] if len(rows) == 1 else torch.cat([part.flatten(1) for part in rows], 1)

    def _layers(self, facts: BackboneFacts) -> list[Layer]:
        layer = default_layer(facts) if self.layer is None else facts.layer(self.layer)
        return [_usable(self.name, layer, self.pool, facts)]


class Layers(ActivationFeatures):
    """Deep-layer features. ``layer=all`` and patterns such as ``layer3.*`` make one cell a layer;
    ``layer=a+b`` puts the outputs of a and b beside each other."""

    name = "layers"
    version = "1"
    summary = "the outputs of many layers: one cell each, or several joined"

    def __init__(self, *, layer: str = "all", pool: Pool = "avg") -> None:
        self.layer, self.pool = layer, pool

    def expand(self, facts: BackboneFacts) -> Sequence[Mapping[str, Any]]:
        wanted = str(self.layer)
        if not _is_pattern(wanted):
            return [{}]
        pattern = "*" if wanted == "all" else wanted
        found = [
            layer.name
            for layer in facts.layers
            if fnmatchcase(layer.name, pattern) and _fault(layer, self.pool, facts) is None
        ]
        return [{"layer": name} for name in found] or [{}]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        shapes = [_width(layer, self.pool) for layer in self._layers(facts)]
        return shapes[0] if len(shapes) == 1 else (sum(prod(shape) for shape in shapes),)

    def _layers(self, facts: BackboneFacts) -> list[Layer]:
        names = list(dict.fromkeys(str(self.layer).split("+")))
        if names == [self.layer] and _is_pattern(self.layer):  # expand() found none
            raise UsageError(
                f"layers[layer={self.layer}]: no layer matches that could be pooled with "
                f"{self.pool}; `benchbench list layers --backbone NAME` shows all"
            )
        if any(_is_pattern(name) for name in names):
            raise UsageError(
                f"layers[layer={self.layer}]: a pattern makes one cell a layer and cannot be "
                "joined; name the layers, as in layer=a+b"
            )
        return [_usable(self.name, facts.layer(name), self.pool, facts) for name in names]


def _is_pattern(wanted: str) -> bool:
    return wanted == "all" or "*" in wanted or "?" in wanted


def default_layer(facts: BackboneFacts) -> Layer:
    """The last map before a classifier's head; an autoencoder's code; else the last map."""
    seen = [layer for layer in facts.layers if layer.channels is not None]
    if "logits" in facts.outputs:
        classes = facts.outputs["logits"]
        heads = [i for i, one in enumerate(seen) if one.weight and one.output == classes]
        if heads:
            head = seen[heads[-1]]
            width = head.weight[1] if head.weight and len(head.weight) > 1 else None
            before = [one for one in seen[: heads[-1]] if one.channels == width]
            maps = [one for one in before if _positions(one) > 1]
            if maps or before:
                return (maps or before)[-1]
    elif "latent" in facts.outputs:
        code = facts.outputs["latent"]
        same = [one for one in seen if one.output == code]
        if same:
            # A variational encoder ends with two layers of this shape: the mean comes first.
            return same[0] if "logvar" in facts.outputs else same[-1]
        wide = [one for one in seen if code and one.channels == code[-1]]
        if wide:
            return wide[-1]
    maps = [one for one in seen if _positions(one) > 1]
    if not seen:
        raise UsageError("activation: the backbone has no layers; try pixels")
    return (maps or seen)[-1]


def _width(layer: Layer, pool: Pool) -> tuple[int, ...]:
    if pool == "none":
        return tuple(layer.output or ())
    return ((layer.channels or 0) * (2 if pool == "avgstd" else 1),)


def _positions(layer: Layer) -> int:
    return prod(layer.output or ()) // max(1, layer.channels or 1)


def _usable(name: str, layer: Layer, pool: Pool, facts: BackboneFacts) -> Layer:
    fault = _fault(layer, pool, facts)
    if fault is not None:
        raise UsageError(f"{name}[layer={layer.name},pool={pool}]: {fault}")
    return layer


def _fault(layer: Layer, pool: Pool, facts: BackboneFacts) -> str | None:
    """Why this layer cannot be pooled this way, None where it can."""
    if layer.output is None:
        return "its output is not one tensor with a row an image; take the block around it"
    if pool == "none":
        if len(layer.output) > 1 and facts.other_size:
            return "its output grows with the image; take pool=avg, or the backbone's size=model"
    elif layer.channels is None:
        return f"its output {layer.output} has no channels to keep; take pool=none"
    elif _positions(layer) == 1 and pool in ("std", "avgstd"):
        return "its output has a single position, so no deviation; take pool=avg"
    return None


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [ActivationFeatures, Layers]
