"""What a model must look like after an extractor has seen it: as before."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchbench.fitting import weights_digest

_HARMLESS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.ReLU, nn.Sigmoid)
"""Layers that do the same in both modes."""


def snapshot(model: nn.Module) -> dict[str, Any]:
    """Everything that an extractor might leave behind: modes, hooks, flags, gradients, weights,
    patched methods, and torch's own switches."""
    seen: dict[str, Any] = {
        "gradients enabled": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "weights": weights_digest(model.state_dict()),
    }
    for name, value in vars(torch.nn.modules.module).items():
        if name.startswith("_global") and name.endswith("hooks"):
            seen[f"torch {name}"] = len(value)
    for name, module in model.named_modules():
        where = name or "the model"
        seen[f"{where}: class"] = type(module).__name__
        seen[f"{where}: training"] = module.training
        seen[f"{where}: own forward"] = "forward" in vars(module)
        for attribute, value in vars(module).items():
            if attribute.endswith("hooks") and hasattr(value, "__len__"):
                seen[f"{where}: {attribute.strip('_')}"] = len(value)
    for name, parameter in model.named_parameters():
        seen[f"{name}: requires_grad"] = parameter.requires_grad
        seen[f"{name}: grad is set"] = parameter.grad is not None
        for attribute in ("_backward_hooks", "_post_accumulate_grad_hooks"):
            seen[f"{name}: {attribute.strip('_')}"] = len(getattr(parameter, attribute, None) or ())
    return seen


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs, in words."""
    keys = list(dict.fromkeys([*before, *after]))
    return [
        f"{key} was {_short(before.get(key))}, is {_short(after.get(key))}"
        for key in keys if before.get(key) != after.get(key)
    ]


def unsettle(model: nn.Module) -> None:
    """Put some layers in training mode, though only such as do the same in both, and freeze every
    other parameter: whoever restores a fixed state instead of the one found is seen."""
    for module in model.modules():
        if isinstance(module, _HARMLESS):
            module.training = True
    for place, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(place % 2 == 0)


def _short(value: Any) -> str:
    return str(value)[:15]
