"""Weights that are fitted here, kept in the store by their recipe.

What is fitted is identified by its recipe: everything that the weights follow from. The numbers
themselves may differ in the last bits between machines, since float32 sums depend on the order of
summation (vector width, and the number of threads unless it is fixed); the digest of the actual
tensors is recorded beside.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import DataError, UsageError
from benchbench.identity import canonical, digest
from benchbench.store import atomic, store_root

if TYPE_CHECKING:
    import torch


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """SHA-256 of the recipe as canonical JSON (sorted keys, no spaces)."""
    try:
        return digest(recipe)
    except (TypeError, ValueError) as error:
        raise UsageError(f"recipe of fitted weights: expected plain JSON data; {error}") from error


def weights_digest(weights: Mapping[str, torch.Tensor]) -> str:
    """``sha256:…`` over the sorted names, dtypes, shapes and bytes of the tensors."""
    import torch

    hasher = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        hasher.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        if tensor.numel():
            hasher.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"sha256:{hasher.hexdigest()}"


def fitted(
    recipe: Mapping[str, Any],
    fit: Callable[[], Mapping[str, torch.Tensor]],
    threads: int | None = None,
) -> dict[str, torch.Tensor]:
    """The weights of a recipe: from the store, or fitted now and kept there.

    ``fit`` runs in one process at a time; the others wait and read its result. With ``threads``
    it runs on that many: small models are fitted fastest on one, and then to the same numbers
    however many cores there are. A file that does not hold what its name and digest promise is
    fitted again. Raises ``DataError`` where fitting gives no tensors or values that are not finite.
    """
    from filelock import FileLock

    path = _path(recipe)
    stored = _read(path, recipe)
    if stored is not None:
        return stored
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        stored = _read(path, recipe)
        if stored is None:
            with _threads(threads):
                stored = _checked(fit())
            _write(path, recipe, stored)
            _partial(path).unlink(missing_ok=True)
    return stored


def checkpoint(recipe: Mapping[str, Any]) -> dict[str, torch.Tensor] | None:
    """The state that a killed fit of this recipe left; None where there is none to go on from."""
    return _read(_partial(_path(recipe)), recipe)


def keep_checkpoint(recipe: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> None:
    """Keep a fit's state so far, whole or not at all; ``fitted`` removes it when the fit is done.

    ``state`` holds all that the rest of the fit follows from: weights, the optimiser's tensors,
    the generator's state, counters.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    _write(_partial(_path(recipe)), recipe, contiguous)


def _path(recipe: Mapping[str, Any]) -> Path:
    return store_root() / "weights" / f"{recipe_digest(recipe)}.safetensors"


def _partial(path: Path) -> Path:
    return path.with_suffix(".part")


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _checked(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if not weights:
        raise DataError("fitting gave no tensors; expected the state_dict of the fitted model")
    checked = {}
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise DataError(
                f"fitting gave values in {name!r} that are not finite; nothing was kept. "
                "Check the source images, or fit with another seed"
            )
        checked[name] = tensor.detach().cpu().contiguous().clone()
    return checked


def _read(path: Path, recipe: Mapping[str, Any]) -> dict[str, torch.Tensor] | None:
    """The stored tensors; None where the file is absent, damaged or of another recipe."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        return None
    genuine = metadata.get("recipe") == canonical(recipe)
    return weights if genuine and metadata.get("digest") == weights_digest(weights) else None


def _write(path: Path, recipe: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> None:
    from safetensors.torch import save_file

    metadata = {"recipe": canonical(recipe), "digest": weights_digest(weights)}
    with atomic(path) as temporary:
        save_file(dict(weights), temporary, metadata)
