"""The backbone ``kwon-vae``: the small variational autoencoder of Kwon et al., ICIP 2019.

Followed to the layer from the authors' published code, and fitted here, since no weights are
published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import (
    Backbone,
    Component,
    UsageError,
    clean_parts,
    dataset,
    fit_epochs,
    fitted,
    hookimpl,
)

if TYPE_CHECKING:
    import torch

SIDE = 28
LATENT = 20
BATCH = 128
RATE = 1e-3


class KwonVae(Backbone):
    """Four convolutions (kernel 4, stride 2, padding 2; 3, 6, 9 and 12 channels), 20 latents, four
    transposed convolutions back; ReLU between, a sigmoid at the end; 28 by 28 pixels in 0…1.

    Fitted on the clean rows of ``source`` whose ``split`` is ``train``, and kept where the loss on
    those of ``val`` was lowest; no improvement for ``patience`` epochs ends it. Where there are no
    ``val`` rows, every fifth training group takes their place. Without a ``split`` column nothing
    is fitted: what a task tests must be known to be unseen. Loss: binary
    cross-entropy summed over pixels plus the divergence of the latent; Adam, rate 1e-3, batches of
    128, as published.

    Outputs: ``reconstruction``, ``latent`` = ``mean`` and ``logvar``; images are painted from the
    mean. Layers ``down_0`` … ``down_6``, ``up_0`` … ``up_6``. Losses: ``reconstruction`` (summed
    binary cross-entropy), ``kl``, ``elbo`` (their sum).
    """

    name = "kwon-vae"
    summary = "Kwon et al. 2019's variational autoencoder of 28x28 images, fitted here"
    gives = ("latent", "mean", "logvar", "reconstruction", "activations")
    losses = ("reconstruction", "kl", "elbo")
    preprocessing: Mapping[str, Any] = {
        "size": SIDE, "resize": [SIDE, SIDE], "mean": 0.0, "std": 1.0,
        "interpolation": "bilinear", "fixed": True,
    }  # fmt: skip

    def __init__(
        self, source: str, epochs: int = 400, patience: int = 100, seed: int = 0
    ) -> None:
        if epochs < 1 or patience < 1:
            raise UsageError(f"kwon-vae[epochs={epochs},patience={patience}]: expected at least 1")
        self.source, self.epochs, self.patience, self.seed = source, epochs, patience, seed
        self.fitted_on = (f"part[source={source},split=train+val]",)
        self.notes = (f"kwon-vae trained here on the train split of {source}",)

    def build(self) -> torch.nn.Module:
        model = network(self.seed)
        model.load_state_dict(fitted(self.recipe(), self._fit, threads=1))
        return model.eval()

    def recipe(self) -> Mapping[str, Any]:
        source = dataset(self.source)
        parts = clean_parts(self.source, source)
        return {
            "recipe": self.name,
            "code": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            "source": self.source,
            "images": {
                part: [facts.digest for facts in source.inspect(names)]
                for part, names in parts.items()
            },
            "epochs": self.epochs,
            "patience": self.patience,
            "seed": self.seed,
        }

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs: dict[str, torch.Tensor] = model(inputs)
        return outputs

    def loss(
        self,
        name: str,
        outputs: Mapping[str, torch.Tensor],
        inputs: torch.Tensor,
        labels: torch.Tensor | None,
    ) -> torch.Tensor:
        if name == "kl":
            return divergence(outputs)
        if name == "reconstruction":
            return likelihood_loss(outputs, inputs)
        if name == "elbo":
            return likelihood_loss(outputs, inputs) + divergence(outputs)
        raise UsageError(f"loss {name!r}: kwon-vae has {', '.join(self.losses)}")

    def _fit(self) -> dict[str, torch.Tensor]:
        source = dataset(self.source)
        parts = clean_parts(self.source, source)
        images = {part: _pixels(source, names) for part, names in parts.items()}
        return train(
            images["train"], images["val"], self.epochs, self.patience, self.seed, self.recipe()
        )


def likelihood_loss(outputs: Mapping[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy summed over an image's samples, ``[images]``."""
    import torch.nn.functional as F

    each = F.binary_cross_entropy(outputs["reconstruction"], inputs, reduction="none")
    return each.flatten(1).sum(1)


def divergence(outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """KL divergence of N(mean, exp(logvar)) from N(0, 1), ``[images]``."""
    mean, logvar = outputs["mean"], outputs["logvar"]
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1)


def network(seed: int) -> torch.nn.Module:
    """The untrained network; ``forward(images, noise)`` gives its outputs by name."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down_0 = nn.Conv2d(3, 3, 4, 2, 2)
            self.down_2 = nn.Conv2d(3, 6, 4, 2, 2)
            self.down_4 = nn.Conv2d(6, 9, 4, 2, 2)
            self.down_6 = nn.Conv2d(9, 12, 4, 2, 2)
            self.mean, self.logvar = nn.Linear(108, LATENT), nn.Linear(108, LATENT)
            self.paint = nn.Linear(LATENT, 108)
            self.up_0 = nn.ConvTranspose2d(12, 9, 4, 2, 2)
            self.up_2 = nn.ConvTranspose2d(9, 6, 4, 2, 1)
            self.up_4 = nn.ConvTranspose2d(6, 3, 4, 2, 2)
            self.up_6 = nn.ConvTranspose2d(3, 3, 4, 2, 1)

        def forward(
            self, images: torch.Tensor, noise: torch.Tensor | None = None
        ) -> dict[str, torch.Tensor]:
            hidden = images
            for layer in (self.down_0, self.down_2, self.down_4, self.down_6):
                hidden = layer(hidden).relu()
            hidden = hidden.flatten(1)
            mean, logvar = self.mean(hidden), self.logvar(hidden)
            code = mean if noise is None else mean + (logvar / 2).exp() * noise
            painted = self.paint(code).unflatten(1, (12, 3, 3))
            for layer in (self.up_0, self.up_2, self.up_4):
                painted = layer(painted).relu()
            painted = self.up_6(painted).sigmoid()
            return {"reconstruction": painted, "latent": mean, "mean": mean, "logvar": logvar}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network()


def train(
    images: torch.Tensor, validation: torch.Tensor, epochs: int, patience: int, seed: int,
    recipe: Mapping[str, Any],
) -> dict[str, torch.Tensor]:
    """The weights with the lowest loss on ``validation``; both float ``[n, 3, 28, 28]`` in 0…1."""
    import torch

    model = network(seed).train()

    def bound(outputs: Mapping[str, torch.Tensor], some: torch.Tensor) -> torch.Tensor:
        return likelihood_loss(outputs, some) + divergence(outputs)

    def loss(numbers: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        some = images[numbers]
        noise = torch.randn((len(some), LATENT), generator=generator)
        return bound(model(some, noise), some).sum()

    def judge() -> float:
        return float(bound(model(validation), validation).mean())

    return fit_epochs(
        "kwon-vae", recipe, model, loss, judge, count=len(images), batch=BATCH, rate=RATE,
        epochs=epochs, patience=patience, seed=seed,
    )


def _pixels(source: Any, names: list[str]) -> torch.Tensor:
    """Images as the backbone gets them: ``[n, 3, 28, 28]`` in 0…1."""
    import numpy as np
    import torch
    from PIL import Image

    def small(name: str) -> np.ndarray:
        picture = Image.fromarray(source.load(name))
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    stacked = np.stack([small(name) for name in names])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous().float() / 255


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [Component(KwonVae.name, f"{__name__}:{KwonVae.__name__}", KwonVae.summary)]
