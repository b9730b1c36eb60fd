"""The independent answer: one image, one forward, one ``torch.autograd.grad`` at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchbench.interfaces import Backbone
from benchbench.probes import Gradient
from benchbench.signals import Reactor


class Classifier(Backbone):
    """``forward`` is the contract's default: ``{"logits": model(inputs)}``."""

    name = "classifier"
    gives = ("logits",)


class Squares(Backbone):
    """A loss that weighs every output differently, for models that are no classifiers."""

    name = "squares"

    def forward(self, model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
        return {"out": model(inputs)}

    def loss(self, name, outputs, inputs, labels):
        out = outputs["out"].flatten(1)
        weights = torch.linspace(-1, 2, out.shape[1], dtype=out.dtype, device=out.device)
        return (weights * out + out.square() / 2).sum(1)


def parameters_of(model: nn.Module) -> list[tuple[str, str]]:
    """Every (layer, weight or bias) of the model."""
    return [
        (name, of)
        for name, module in model.named_modules()
        for of in ("weight", "bias")
        if isinstance(getattr(module, of, None), nn.Parameter)
    ]


def loop_gradients(
    backbone: Backbone,
    model: nn.Module,
    inputs: Tensor,
    loss: str,
    wanted: Sequence[tuple[str, str]],
    labels: Tensor | None = None,
) -> dict[tuple[str, str], Tensor]:
    """``[images, *parameter.shape]`` of each wanted parameter."""
    parameters = [getattr(model.get_submodule(layer), of) for layer, of in wanted]
    rows = []
    for image in range(len(inputs)):
        one = inputs[image : image + 1]
        its = None if labels is None else labels[image : image + 1]
        value = backbone.loss(loss, backbone.forward(model, one), one, its)
        rows.append(torch.autograd.grad(value.sum(), parameters))
    return {key: torch.stack([row[i] for row in rows]) for i, key in enumerate(wanted)}


def shared_forward_gradients(
    backbone: Backbone,
    model: nn.Module,
    inputs: Tensor,
    loss: str,
    wanted: Sequence[tuple[str, str]],
) -> dict[tuple[str, str], Tensor]:
    """The same from one forward pass of the batch, one ``torch.autograd.grad`` an image."""
    parameters = [getattr(model.get_submodule(layer), of) for layer, of in wanted]
    values = backbone.loss(loss, backbone.forward(model, inputs), inputs, None)
    rows = [torch.autograd.grad(value, parameters, retain_graph=True) for value in values]
    return {key: torch.stack([row[i] for row in rows]) for i, key in enumerate(wanted)}


def relative_error(found: Tensor, true: Tensor) -> float:
    """The largest over images of ‖found - true‖ / ‖true‖."""
    size = torch.linalg.vector_norm(true.flatten(1), dim=1)
    off = torch.linalg.vector_norm((found - true).flatten(1), dim=1)
    return float((off / size.clamp_min(torch.finfo(true.dtype).tiny)).max())


def worst(
    backbone: Backbone,
    model: nn.Module,
    inputs: Tensor,
    loss: str = "any",
    wanted: Sequence[tuple[str, str]] | None = None,
) -> tuple[float, str, list[str]]:
    """The worst relative error over all parameters, where it is, and the reactor's notes."""
    wanted = parameters_of(model) if wanted is None else wanted
    probes = {key: Gradient(key[0], loss, of=key[1]) for key in wanted}
    signals = Reactor(backbone, model, list(probes.values()))(inputs)
    true = loop_gradients(backbone, model, inputs, loss, wanted)
    errors = {key: relative_error(signals[probes[key]], true[key]) for key in wanted}
    where = max(errors, key=errors.__getitem__)
    return errors[where], ".".join(where), list(signals.notes)


def stir(model: nn.Module, seed: int = 0) -> nn.Module:
    """Statistics, scales and offsets that are not those of a fresh model, in eval mode."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(0, 0.1, generator=draw)
                module.running_var.uniform_(0.5, 1.5, generator=draw)
        for name, parameter in model.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(0.5)
            elif parameter.dim() == 1:
                parameter += torch.randn(parameter.shape, generator=draw) * 0.1
    return model.eval()
