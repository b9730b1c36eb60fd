"""Fitting an autoencoder epoch by epoch: early stopping, and checkpoints that survive a kill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from benchbench import progress
from benchbench.errors import DataError
from benchbench.fitting import checkpoint, keep_checkpoint

if TYPE_CHECKING:
    import torch

    from benchbench.interfaces import Dataset

KEEP_EVERY = 20
"""Epochs between two checkpoints."""


def clean_parts(name: str, source: Dataset) -> dict[str, list[str]]:
    """The clean images of a dataset's training and validation part: ``train`` and ``val``.

    Where no row says ``val``, about every fifth training group takes its place. Raises
    ``DataError`` for a dataset without a ``split``: nothing says which images a test may use.
    """
    from benchbench.statistics.splits import part_rows

    table = source.table()
    if "split" not in table:
        raise DataError(
            f"source {name}: it has no column 'split', so that nothing says which images a test "
            f"may use; give parts[source={name}]"
        )
    clean = table[~table["outlier"].astype(bool)] if "outlier" in table else table
    clean = clean.reset_index(drop=True)
    groups = clean[next(name for name in ("group", "reference", "image") if name in clean)]
    found = part_rows(list(clean["split"]), groups.astype(str).to_numpy())
    parts = {part: list(clean["image"][found[part]]) for part in ("train", "val")}
    for part, images in parts.items():
        if not images:
            raise DataError(
                f"source {name}: no clean image is left for {part}; its splits are "
                f"{', '.join(sorted(set(map(str, table['split']))))}, fitting needs train"
            )
    return parts


def fit_epochs(
    name: str,
    recipe: Mapping[str, Any],
    model: torch.nn.Module,
    loss: Callable[[torch.Tensor, torch.Generator], torch.Tensor],
    judge: Callable[[], float],
    *,
    count: int,
    batch: int,
    rate: float,
    epochs: int,
    patience: int,
    seed: int,
) -> dict[str, torch.Tensor]:
    """The parameters and buffers with the lowest ``judge()``, the loss on what is not trained on.

    An epoch deals the numbers 0 … ``count`` - 1 in random order into batches and takes a step of
    Adam down ``loss(numbers, generator)`` for each; all that is random is drawn from ``generator``.
    Training ends after ``epochs``, or ``patience`` epochs without improvement. The state after
    every ``KEEP_EVERY`` epochs is kept under ``recipe``: a fit that was killed goes on from there
    to the same weights. ``name`` is what the progress is said of.
    """
    import torch

    weights = dict(model.named_parameters())
    state = {**weights, **dict(model.named_buffers())}
    optimiser = torch.optim.Adam(weights.values(), rate)
    generator = torch.Generator().manual_seed(seed)
    best = _copy(state)
    lowest, found, epoch = float("inf"), 0, 0
    kept = checkpoint(recipe)
    if kept is not None:
        epoch, found = (int(number) for number in kept["at"])
        lowest = float(kept["lowest"])
        generator.set_state(kept["generator"])
        best = _restore(kept, state, optimiser)
    while epoch < epochs and epoch - found < patience:
        epoch += 1
        dealt = torch.randperm(count, generator=generator).split(batch)  # type: ignore[no-untyped-call]
        for numbers in dealt:
            value = loss(numbers, generator)
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            now = judge()
        if now < lowest:
            lowest, found = now, epoch
            best = _copy(state)
        progress.report(f"fitting {name}", epoch, epochs)
        if epoch % KEEP_EVERY == 0 and epoch < epochs:
            keep_checkpoint(recipe, {
                **_flat(state, best, optimiser),
                "at": torch.tensor([epoch, found]),
                "lowest": torch.tensor(lowest, dtype=torch.float64),
                "generator": generator.get_state(),
            })  # fmt: skip
    return best


def _copy(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _flat(
    state: Mapping[str, torch.Tensor], best: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> dict[str, torch.Tensor]:
    """Weights, the optimiser's tensors and the best weights so far, as one flat mapping."""
    flat = {}
    for name, value in state.items():
        flat[f"weight/{name}"], flat[f"best/{name}"] = value, best[name]
        for key, held in optimiser.state.get(value, {}).items():
            flat[f"{key}/{name}"] = held
    return flat


def _restore(
    kept: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> dict[str, torch.Tensor]:
    """Put a kept state back; returns the best weights so far."""
    import torch

    with torch.no_grad():
        for name, value in state.items():
            value.copy_(kept[f"weight/{name}"])
            if value.requires_grad:
                optimiser.state[value] = {
                    key: kept[f"{key}/{name}"].clone() for key in ("step", "exp_avg", "exp_avg_sq")
                }
    return {name: kept[f"best/{name}"] for name in state}
