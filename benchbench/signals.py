"""Fulfils the probes of a batch: one forward, one backward a loss, reductions inside the hooks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from benchbench.errors import UsageError, nearest
from benchbench.gradients import GradientPass
from benchbench.interfaces import Backbone
from benchbench.memory import out_of_memory
from benchbench.pooling import layer_axis, pool
from benchbench.probes import Activation, Gradient, Images, Model, Output, Pixels, Probe


@dataclass(frozen=True, slots=True)
class LiveBackbone:
    """The backbone with its model and the batch's inputs, for extractors that call it."""

    backbone: Backbone
    model: nn.Module
    inputs: Tensor

    def forward(self, inputs: Tensor | None = None) -> dict[str, Tensor]:
        """Named outputs, for other inputs than the batch's too."""
        return self.backbone.forward(self.model, self.inputs if inputs is None else inputs)


class Signals(Mapping[Probe, Any]):
    """Finished tensors by probe. Reading a probe that failed raises what it failed with.

    ``notes`` holds what the record has to say, each thing once in a reactor's life, with the
    probes that it is about.
    """

    def __init__(self) -> None:
        self.found: dict[Probe, Any] = {}
        self.errors: dict[Probe, Exception] = {}
        self.notes: dict[str, set[Probe]] = {}

    def __getitem__(self, probe: Probe) -> Any:
        if probe in self.errors:
            raise self.errors[probe]
        return self.found[probe]

    def __iter__(self) -> Iterator[Probe]:
        yield from self.found | self.errors

    def __len__(self) -> int:
        return len(self.found | self.errors)


_KINDS = (Activation, Gradient, Images, Model, Output, Pixels)


class Reactor:
    """Serves the same probes batch after batch from one model.

    Each call costs one forward pass and one backward pass a distinct loss, the backward reaching
    no further than the earliest layer asked for. Parameters' ``requires_grad``, train and
    evaluation modes and hooks are left as they were found, also after an exception. ``OfReference``
    is for the caller to resolve.
    """

    def __init__(self, backbone: Backbone, model: nn.Module, probes: Collection[Probe]) -> None:
        self.backbone = backbone
        self.model = model
        self.probes = list(dict.fromkeys(probes))
        unknown = [p for p in self.probes if not isinstance(p, _KINDS)]
        if unknown:
            raise UsageError(f"probe {unknown[0]!r}: a reactor serves plain probes of one image")
        gradients = [probe for probe in self.probes if isinstance(probe, Gradient)]
        self.gradients = GradientPass(backbone, model, gradients) if gradients else None

    def __call__(
        self,
        inputs: Tensor,
        *,
        pixels: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Signals:
        """The signals of a batch: ``inputs`` as ``Backbone.prepare`` gives them, ``pixels`` uint8
        ``[images, 3, height, width]``, ``labels`` ``[images]``. Out of memory is raised."""
        signals = Signals()
        inputs = inputs.clone() if inputs.is_inference() else inputs.detach()
        if any(isinstance(probe, (Activation, Gradient, Output)) for probe in self.probes):
            with _frozen(self.model):
                outputs = self._react(inputs, labels, signals)
        else:
            outputs = {}
        for probe in self.probes:
            if isinstance(probe, Pixels):
                if pixels is None:
                    signals.errors[probe] = UsageError("Pixels(): the caller gave no pixels")
                else:
                    signals.found[probe] = pixels
            elif isinstance(probe, Images):
                signals.found[probe] = inputs
            elif isinstance(probe, Model):
                signals.found[probe] = LiveBackbone(self.backbone, self.model, inputs)
            elif isinstance(probe, Output):
                _output(probe, outputs, len(inputs), signals)
        return signals

    def _react(
        self, inputs: Tensor, labels: Tensor | None, signals: Signals
    ) -> dict[str, Tensor]:
        def forward() -> dict[str, Tensor]:
            return self._forward(inputs, signals)

        if self.gradients is None:
            with torch.no_grad():
                return forward()
        try:
            outputs, batch = self.gradients.run(inputs, labels, forward)
        except Exception as error:
            others = [probe for probe in self.probes if not isinstance(probe, Gradient)]
            if out_of_memory(error) or not others:
                raise
            # A forward pass that cannot be differentiated harms the gradients alone.
            signals.errors = dict.fromkeys(self.gradients.probes, error)
            with torch.no_grad():
                return forward()
        signals.found.update(batch.rows)
        signals.errors.update(batch.errors)
        signals.notes |= batch.notes
        return outputs

    def _forward(self, inputs: Tensor, signals: Signals) -> dict[str, Tensor]:
        """One forward pass, with a hook on every layer whose activation is asked for."""
        by_layer: dict[str, list[Activation]] = {}
        for probe in self.probes:
            if isinstance(probe, Activation):
                by_layer.setdefault(probe.layer, []).append(probe)
        with ExitStack() as stack:
            for layer, probes in by_layer.items():
                try:
                    module = self.model.get_submodule(layer)
                except AttributeError:
                    error = UsageError(f"layer {layer!r}: the model has none so named")
                    signals.errors |= dict.fromkeys(probes, error)
                else:
                    hook = partial(self._pool, probes, len(inputs), signals)
                    stack.callback(module.register_forward_hook(hook).remove)
            outputs = self.backbone.forward(self.model, inputs)
        for probe in self.probes:
            if not isinstance(probe, Activation):
                continue
            if probe not in signals.found and probe not in signals.errors:
                signals.errors[probe] = UsageError(
                    f"layer {probe.layer!r} takes no part in the forward pass; choose another"
                )
        return outputs

    def _pool(
        self,
        probes: list[Activation],
        images: int,
        signals: Signals,
        module: nn.Module,
        args: Any,
        output: Any,
    ) -> None:
        """A forward hook. Of a layer called several times the last call's output counts."""
        with torch.no_grad():
            for probe in probes:
                try:
                    value = _first_tensor(probe, output, images).detach()
                    axis = layer_axis(value.dim(), module, self.model)
                    signals.found[probe] = pool(value, probe.pool, axis)
                except Exception as error:
                    if out_of_memory(error):
                        raise
                    signals.errors[probe] = error


def _first_tensor(probe: Activation, output: Any, images: int) -> Tensor:
    """A layer's output, of several the first, where its first axis is the images'."""
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise UsageError(
            f"layer {probe.layer!r} gives a {type(output).__name__}, not a tensor; "
            "choose a layer inside it"
        )
    if output.dim() == 0 or len(output) != images:
        raise UsageError(
            f"layer {probe.layer!r} gives {tuple(output.shape)} for {images} images: its first "
            "axis is not the images'; choose the block around it"
        )
    return output


def _output(probe: Output, outputs: dict[str, Tensor], images: int, signals: Signals) -> None:
    value = outputs.get(probe.name)
    if value is None:
        hint = nearest(probe.name, outputs) or f"the backbone gives {', '.join(outputs)}"
        signals.errors[probe] = UsageError(f"output {probe.name!r}: unknown; {hint}")
    elif value.dim() == 0 or len(value) != images:
        signals.errors[probe] = UsageError(
            f"output {probe.name!r} has shape {tuple(value.shape)}, expected {images} rows"
        )
    else:
        signals.found[probe] = value.detach()


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no parameter that requires a gradient; as before afterwards.

    Parametrised weights are computed once, so that the one that a layer uses is the one asked for.
    """
    modes = [(module, module.training) for module in model.modules()]
    required = [p for p in model.parameters() if p.requires_grad]
    try:
        for module, _ in modes:
            module.training = False
        for parameter in required:
            parameter.requires_grad_(False)
        with parametrize.cached():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter in required:
            parameter.requires_grad_(True)
