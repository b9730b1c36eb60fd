"""Training of UNIQUE's sparse linear-decoder autoencoder on patches of pristine pictures.

The cost is the Stanford UFLDL tutorial's "linear decoder" with the constants written in the
authors' code. The optimiser is L-BFGS, which sees the patches in equal parts one after another.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench_plugins.unique.patches import SIDE, WIDTH, planes, whiten

from benchbench import DataError, progress

if TYPE_CHECKING:
    import numpy as np
    import torch

    from benchbench import Dataset

SPARSITY = 0.035
"""Mean activation that each hidden unit is drawn to."""
SPARSITY_WEIGHT = 5.0
DECAY = 3e-3

PARTS = 5
ITERATIONS = 16
"""L-BFGS iterations on each part."""

_BLOCK = 500
"""Patches that are worked on at a time."""


def cost_and_gradient(
    weights: dict[str, torch.Tensor], patches: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The training cost over patches ``[n, 192]``, a scalar, and its gradient to each weight.

    ``1/(2n) Σ ‖x̂ - x‖² + λ/2 (‖W₁‖² + ‖W₂‖²) + β Σ_j KL(0.035 ‖ mean activation of unit j)``, in
    closed form and in blocks that stay in the cache: half the time of autograd over all patches.
    """
    import torch

    count = len(patches)
    encoder, decoder = weights["encoder.weight"], weights["decoder.weight"]
    hidden = patches.new_empty(count, len(encoder))
    blocks = list(zip(patches.split(_BLOCK), hidden.split(_BLOCK), strict=True))
    for x, a in blocks:
        torch.addmm(weights["encoder.bias"], x, encoder.T, out=a).sigmoid_()
    mean = hidden.mean(0)
    divergence = SPARSITY * (SPARSITY / mean).log()
    divergence += (1 - SPARSITY) * ((1 - SPARSITY) / (1 - mean)).log()
    pull = SPARSITY_WEIGHT * ((1 - SPARSITY) / (1 - mean) - SPARSITY / mean)
    squares = patches.new_zeros(())
    gradient = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    for x, a in blocks:
        residual = torch.addmm(weights["decoder.bias"], a, decoder.T).sub_(x)
        squares += residual.square().sum()
        gradient["decoder.weight"].addmm_(residual.T, a)
        gradient["decoder.bias"] += residual.sum(0)
        delta = torch.addmm(pull, residual, decoder).mul_(a).mul_(1 - a)
        gradient["encoder.weight"].addmm_(delta.T, x)
        gradient["encoder.bias"] += delta.sum(0)
    for name, tensor in gradient.items():
        tensor /= count
        if name.endswith("weight"):
            tensor += DECAY * weights[name]
    decay = DECAY / 2 * (encoder.square().sum() + decoder.square().sum())
    return squares / (2 * count) + decay + SPARSITY_WEIGHT * divergence.sum(), gradient


def draw_patches(source: Dataset, count: int, seed: int) -> torch.Tensor:
    """``count`` whitened patches at random places, float32 ``[count, 192]``, in random order.

    Every image gives the same share, whitened by itself as in use. Raises ``DataError`` where
    there are fewer patches to draw than images.
    """
    import torch

    images = [str(image) for image in source.table()["image"]]
    if not images or count < PARTS * len(images):
        raise DataError(
            f"unique: {count} patches of {len(images)} images in {source.name!r}; expected at "
            f"least one image and {PARTS} patches an image; give another source or more patches"
        )
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for i, image in enumerate(images):
        share = count * (i + 1) // len(images) - count * i // len(images)
        pixels = torch.tensor(source.load(image)).permute(2, 0, 1)[None]
        windows = planes(pixels)[0].unfold(1, SIDE, 1).unfold(2, SIDE, 1)
        rows = torch.randint(windows.shape[1], (share,), generator=generator)
        columns = torch.randint(windows.shape[2], (share,), generator=generator)
        # channel, patch, y, x to patch, channel, x, y: columns first, as in use
        chosen = windows[:, rows, columns].permute(1, 0, 3, 2).reshape(1, share, WIDTH)
        drawn.append(whiten(chosen.double() / 255)[0].float())
    patches = torch.cat(drawn)
    return patches[torch.randperm(len(patches), generator=generator)]


def train(patches: torch.Tensor, units: int, seed: int) -> dict[str, torch.Tensor]:
    """Weights of an autoencoder of ``units`` hidden units, fitted to patches ``[n, 192]``."""
    import torch
    from scipy.optimize import minimize

    weights = _start(units, seed)
    names, shapes = list(weights), [tensor.shape for tensor in weights.values()]
    sizes = [tensor.numel() for tensor in weights.values()]

    def unpacked(flat: np.ndarray) -> dict[str, torch.Tensor]:
        parts = torch.from_numpy(flat).float().split(sizes)
        return {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}

    def objective(flat: np.ndarray, part: torch.Tensor) -> tuple[float, np.ndarray]:
        cost, gradient = cost_and_gradient(unpacked(flat), part)
        return float(cost), torch.cat([gradient[n].flatten() for n in names]).double().numpy()

    flat = torch.cat([tensor.flatten() for tensor in weights.values()]).double().numpy()
    steps = iter(range(1, PARTS * ITERATIONS + 1))
    total = PARTS * ITERATIONS

    def tell(_: np.ndarray) -> None:
        progress.report(f"fitting unique ({units} units)", next(steps, total), total)

    for part in patches.chunk(PARTS):
        options = {"maxiter": ITERATIONS, "maxcor": 10}
        flat = minimize(
            objective, flat, (part,), "L-BFGS-B", jac=True, callback=tell, options=options
        ).x
    return unpacked(flat)


def recipe(source: Dataset, label: str, units: int, count: int, seed: int) -> dict[str, Any]:
    """Everything that the weights follow from, as plain data."""
    images = [str(image) for image in source.table()["image"]]
    code = [Path(__file__), Path(__file__).with_name("patches.py")]
    return {
        "recipe": "unique",
        "code": [hashlib.sha256(path.read_bytes()).hexdigest() for path in code],
        "source": label,
        "images": [facts.digest for facts in source.inspect(images)],
        "units": units,
        "patches": count,
        "seed": seed,
    }


def _start(units: int, seed: int) -> dict[str, torch.Tensor]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    radius = math.sqrt(6 / (units + WIDTH + 1))

    def uniform(*shape: int) -> torch.Tensor:
        return (2 * torch.rand(shape, generator=generator) - 1) * radius

    return {
        "encoder.weight": uniform(units, WIDTH),
        "encoder.bias": torch.zeros(units),
        "decoder.weight": uniform(WIDTH, units),
        "decoder.bias": torch.zeros(WIDTH),
    }
