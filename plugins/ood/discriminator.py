"""The discriminator of Kwon et al., ICIP 2019: in-distribution features against known outliers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

HALF_BATCH = 64
"""In-distribution rows in a batch, and as many outliers."""
RATE = 1e-3


@dataclass(frozen=True, slots=True)
class Sides:
    """Features ``[n, d]`` of in-distribution images and of outliers."""

    inside: np.ndarray
    outside: np.ndarray


def train(
    fit: Sides, choose: Sides, rows: np.ndarray, *, epochs: int, patience: int, seed: int
) -> np.ndarray:
    """Outlier scores of ``rows`` ``[n, d]``: minus the logit of being in distribution, so that 0 is
    the probability ½.

    A multilayer perceptron d-40-20-1, ReLU between; binary cross-entropy, Adam; batches of 64 rows
    of either side, an epoch being one pass over the larger side. The weights with the lowest loss
    on ``choose`` count; no improvement for ``patience`` epochs ends it. It runs on one thread, to
    the same numbers on any number of cores.
    """
    import torch
    import torch.nn.functional as F

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).float()

    inside, outside = tensor(fit.inside), tensor(fit.outside)
    held, flags = _joined(tensor(choose.inside), tensor(choose.outside))
    generator = torch.Generator().manual_seed(seed)
    with _alone():
        model = _network(inside.shape[1], seed)
        optimiser = torch.optim.Adam(model.parameters(), RATE)
        best, lowest, found = model.state_dict(), float("inf"), 0
        for epoch in range(1, epochs + 1):
            for one, other in _batches(len(inside), len(outside), generator):
                batch, target = _joined(inside[one], outside[other])
                loss = F.binary_cross_entropy_with_logits(model(batch)[:, 0], target)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                now = float(F.binary_cross_entropy_with_logits(model(held)[:, 0], flags))
            if now < lowest:
                lowest, found = now, epoch
                best = {name: value.clone() for name, value in model.state_dict().items()}
            if epoch - found >= patience:
                break
        model.load_state_dict(best)
        with torch.no_grad():
            scores: np.ndarray = -model(tensor(rows))[:, 0].double().numpy()
    return scores


def _joined(inside: Any, outside: Any) -> tuple[Any, Any]:
    """Both sides' rows, and 1 for those in distribution."""
    import torch

    target = torch.cat([torch.ones(len(inside)), torch.zeros(len(outside))])
    return torch.cat([inside, outside]), target


def _batches(n_inside: int, n_outside: int, generator: Any) -> Iterator[tuple[Any, Any]]:
    """Row numbers of either side. The smaller side is gone through again and again."""
    import torch

    larger = max(n_inside, n_outside)

    def stream(count: int) -> Any:
        rounds = -(-larger // count)
        drawn = torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])
        return drawn[:larger].split(HALF_BATCH)

    yield from zip(stream(n_inside), stream(n_outside), strict=True)


def _network(width: int, seed: int) -> Any:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(width, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 1)
        )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
