"""What a backbone is, found by building it once and running one small batch through it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchbench.errors import DataError
from benchbench.facts import BackboneFacts, Layer
from benchbench.fitting import recipe_digest, weights_digest
from benchbench.interfaces import Backbone
from benchbench.pooling import layout_of, pooled_channels
from benchbench.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch

_BATCH = 2
"""Two images, so that an output whose first axis is not the batch is seen as such."""


def describe(backbone: Backbone) -> BackboneFacts:
    """Build the model, run one random batch at the model's own size, and write down what is seen.

    Layers come in the order in which they finish in the forward pass; those that have a weight
    but are never called as modules come last. ``facts.preprocessing`` is what the backbone
    declares, from which ``Preprocessing.of`` resolves the options of a run. Raises ``DataError``
    where an output of ``forward`` is not a tensor with one row an image.
    """
    model = backbone.build()
    declared = _plain(backbone.preprocessing)
    layers, outputs = _trace(backbone, model, Preprocessing.of(declared))
    state = model.state_dict()
    digest = weights_digest(state) if state else "none"
    recipe = backbone.recipe()
    return BackboneFacts(
        gives=tuple(backbone.gives),
        layers=layers,
        losses=_losses(backbone),
        outputs=outputs,
        preprocessing=declared,
        weights=digest if recipe is None else f"recipe:{recipe_digest(recipe)}",
        weights_digest=digest,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        fitted_on=tuple(backbone.fitted_on),
        notes=tuple(backbone.notes),
    )


def _trace(
    backbone: Backbone, model: torch.nn.Module, preprocessing: Preprocessing
) -> tuple[tuple[Layer, ...], dict[str, tuple[int, ...]]]:
    import torch

    seen: dict[str, tuple[int, ...] | None] = {}

    def note(name: str) -> Any:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            seen.setdefault(name, _shape(output))

        return hook

    modules = {name: module for name, module in model.named_modules() if name}
    handles = [module.register_forward_hook(note(name)) for name, module in modules.items()]
    generator = torch.Generator().manual_seed(0)
    height, width = preprocessing.crop or preprocessing.model_size
    images = torch.randint(
        0, 256, (_BATCH, 3, height, width), generator=generator, dtype=torch.uint8
    )
    mean, std = preprocessing.tensors(torch.float32)
    try:
        with torch.no_grad():
            inputs = backbone.prepare(images, mean, std)
            outputs = backbone.forward(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    for name, output in outputs.items():
        if _shape(output) is None:
            raise DataError(
                f"backbone {backbone.name!r}: output {name!r} of forward is not a tensor "
                f"[images, …]; return one row an image"
            )
    silent = [n for n, m in modules.items() if n not in seen and _parameter(m, "weight")]
    layers = tuple(
        _layer(name, modules[name], seen.get(name), layout_of(modules[name], model))
        for name in (*seen, *silent)
    )
    return layers, {name: tuple(output.shape[1:]) for name, output in outputs.items()}


def _layer(
    name: str, module: torch.nn.Module, output: tuple[int, ...] | None, layout: str
) -> Layer:
    kind = type(module).__name__
    return Layer(
        name=name,
        kind=kind,
        weight=_parameter(module, "weight"),
        bias=_parameter(module, "bias"),
        output=output,
        channels=None if output is None else pooled_channels(output, kind, layout),
    )


def _shape(output: Any) -> tuple[int, ...] | None:
    import torch

    if not isinstance(output, torch.Tensor) or output.ndim < 1 or output.shape[0] != _BATCH:
        return None
    return tuple(output.shape[1:])


def _parameter(module: torch.nn.Module, name: str) -> tuple[int, ...] | None:
    import torch

    value = getattr(module, name, None)
    return tuple(value.shape) if isinstance(value, torch.nn.Parameter) else None


def _losses(backbone: Backbone) -> tuple[str, ...]:
    if backbone.losses:
        return tuple(backbone.losses)
    from benchbench.losses import losses_for

    return tuple(losses_for(backbone.gives))


def _plain(mapping: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(mapping)))
    return plain
