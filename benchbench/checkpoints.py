"""Reading weight files: safetensors, or PyTorch files without any pickled code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import DataError

if TYPE_CHECKING:
    import torch

_WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_SHOWN = 5


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name, on the CPU.

    A wrapping entry (``state_dict``, ``model``, …) is opened, and a prefix that all names share
    because of how the model was trained (``module.``, ``_orig_mod.``, ``model.``) is dropped.
    Raises ``DataError`` for a file that is not readable or holds anything but tensors.
    """
    found = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    for wrapper in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
            break
    tensors = _tensors(found, path)
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Load a checkpoint into a model, all names and shapes as the model has them.

    Raises ``DataError`` naming what is missing, what is left over, and what has another shape.
    """
    weights = read_weights(path)
    own = model.state_dict()
    # Old checkpoints lack the batch counters of BatchNorm, which no forward in eval mode reads.
    missing = [n for n in own if n not in weights and not n.endswith("num_batches_tracked")]
    extra = [name for name in weights if name not in own]
    differing = [
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    problems = [
        f"{what}: {_some(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", extra),
            ("of another shape", differing),
        )
        if names
    ]
    if problems:
        raise DataError(
            f"checkpoint {path}: does not fit {type(model).__name__}; {'; '.join(problems)}. "
            "Name the model that it was trained as, with its options (such as num_classes=10)"
        )
    model.load_state_dict({**own, **weights})


def _safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"checkpoint {path}: not a readable safetensors file ({error}); check the path, or "
            "copy the file again"
        ) from error


def _torch(path: Path) -> Any:
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"checkpoint {path}: not readable as plain tensors ({reason}). Pickled code is never "
            "loaded; save the state_dict with safetensors.torch.save_file"
        ) from error


def _tensors(found: Any, path: Path) -> dict[str, torch.Tensor]:
    import torch

    good = isinstance(found, Mapping) and found
    if not good or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DataError(
            f"checkpoint {path}: expected tensors by name (a state_dict), got "
            f"{type(found).__name__} with other content; save model.state_dict() alone"
        )
    return {str(name): value for name, value in found.items()}


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
