"""The backbones ``autoencoder`` and ``vae``: fully convolutional, fitted here on pristine pictures.

Both take images of any size. They shrink them eightfold and paint them again; sides that are no
multiple of eight are filled up with their last row or column and cut back afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import (
    Backbone,
    Component,
    DataError,
    UsageError,
    dataset,
    fitted,
    hookimpl,
    progress,
)

if TYPE_CHECKING:
    import torch

CROP = 64
"""Side of the crops that are trained on, and the models' own size, in pixels."""
BATCH = 32
RATE = 2e-3
CODE = 16
"""Channels of the code, one vector for 8 by 8 pixels."""
NOISE = 0.1
"""Standard deviation of a pixel given the code, in the VAE's likelihood."""

_SHRINK = 8


class ConvolutionalAutoencoder(Backbone):
    """``autoencoder``: three convolutions of stride two to 16, 32 and 64 channels, a code of 16,
    and the way back; fitted with the mean squared error on random crops of ``source``.

    Outputs: ``reconstruction`` ``[images, 3, height, width]`` in [0, 1], and ``latent``
    ``[images, 16]``, the code averaged over its positions (the layer ``code`` has the map).
    """

    name = "autoencoder"
    summary = "convolutional autoencoder, fitted here on pristine pictures"
    gives = ("latent", "reconstruction", "activations")
    losses: tuple[str, ...] = ("reconstruction",)
    preprocessing: Mapping[str, Any] = {
        "size": CROP,
        "resize": CROP,
        "mean": 0.0,
        "std": 1.0,
        "interpolation": "bicubic",
    }
    variational = False

    def __init__(self, source: str = "photographs", steps: int = 400, seed: int = 0) -> None:
        if steps < 1:
            raise UsageError(f"{self.name}[steps={steps}]: expected at least one training step")
        self.source, self.steps, self.seed = source, steps, seed
        self.fitted_on = (source,)
        self.notes = (f"{self.name} trained here on {steps} batches of crops of {source}",)

    def build(self) -> torch.nn.Module:
        model = network(self.variational, self.seed)
        model.load_state_dict(fitted(self.recipe(), self._fit, threads=1))
        return model.eval()

    def recipe(self) -> Mapping[str, Any]:
        source = dataset(self.source)
        images = [str(image) for image in source.table()["image"]]
        return {
            "recipe": self.name,
            "code": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            "source": self.source,
            "images": [facts.digest for facts in source.inspect(images)],
            "steps": self.steps,
            "seed": self.seed,
        }

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs: dict[str, torch.Tensor] = model(inputs)
        return outputs

    def _fit(self) -> dict[str, torch.Tensor]:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        pictures = _pictures(self.source)
        model = network(self.variational, self.seed).train()
        optimiser = torch.optim.Adam(model.parameters(), RATE)
        rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        for step in range(1, self.steps + 1):
            crops = _crops(pictures, generator)
            noise = torch.randn(
                (BATCH, CODE, CROP // _SHRINK, CROP // _SHRINK), generator=generator
            )
            loss = self._objective(model(crops, noise), crops)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
            progress.report(f"fitting {self.name}", step, self.steps)
        return model.state_dict()

    def _objective(self, outputs: Mapping[str, torch.Tensor], crops: torch.Tensor) -> torch.Tensor:
        return (outputs["reconstruction"] - crops).square().mean()


class ConvolutionalVae(ConvolutionalAutoencoder):
    """``vae``: the autoencoder with a Gaussian code, N(mean, exp(logvar)) at every position
    (Kingma and Welling 2014), fitted with the evidence lower bound.

    The image is painted from the code's mean. Outputs: ``reconstruction``; ``mean`` and
    ``logvar`` ``[images, 16]``, averaged over the positions, ``latent`` being the same as
    ``mean``; ``mean_map`` and ``logvar_map`` ``[images, 16, height / 8, width / 8]``.
    Losses: ``reconstruction`` (mean squared error), ``kl`` (summed over channels and positions),
    ``elbo`` (the negative bound up to a constant: kl plus the summed squared error over 2 · 0.1²).
    """

    name = "vae"
    summary = "convolutional variational autoencoder, fitted here on pristine pictures"
    losses = ("reconstruction", "kl", "elbo")
    variational = True

    def loss(
        self,
        name: str,
        outputs: Mapping[str, torch.Tensor],
        inputs: torch.Tensor,
        labels: torch.Tensor | None,
    ) -> torch.Tensor:
        if name == "kl":
            return divergence(outputs["mean_map"], outputs["logvar_map"])
        if name == "elbo":
            error = (outputs["reconstruction"] - inputs).square().flatten(1).sum(1)
            return error / (2 * NOISE**2) + divergence(outputs["mean_map"], outputs["logvar_map"])
        return super().loss(name, outputs, inputs, labels)

    def _objective(self, outputs: Mapping[str, torch.Tensor], crops: torch.Tensor) -> torch.Tensor:
        return self.loss("elbo", outputs, crops, None).mean() / crops[0].numel()


def divergence(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """KL divergence of N(mean, exp(logvar)) from N(0, 1), summed for each image, ``[images]``."""
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).flatten(1).sum(1)


def network(variational: bool, seed: int) -> torch.nn.Module:
    """The untrained network; ``forward(images, noise)`` gives its outputs by name."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(),
                nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
                nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
            )  # fmt: skip
            if variational:
                self.mean, self.logvar = nn.Conv2d(64, CODE, 1), nn.Conv2d(64, CODE, 1)
            else:
                self.code = nn.Conv2d(64, CODE, 1)
            self.decoder = nn.Sequential(
                nn.Conv2d(CODE, 64, 1), nn.ReLU(),
                nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
                nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(),
                nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Sigmoid(),
            )  # fmt: skip

        def forward(
            self, images: torch.Tensor, noise: torch.Tensor | None = None
        ) -> dict[str, torch.Tensor]:
            height, width = images.shape[-2:]
            filled = (0, -width % _SHRINK, 0, -height % _SHRINK)
            hidden = self.encoder(functional.pad(images, filled, mode="replicate"))
            if not variational:
                code = self.code(hidden)
                latent = {"latent": code.mean((2, 3))}
            else:
                mean, logvar = self.mean(hidden), self.logvar(hidden)
                code = mean if noise is None else mean + (logvar / 2).exp() * noise
                latent = {
                    "latent": mean.mean((2, 3)),
                    "mean": mean.mean((2, 3)),
                    "logvar": logvar.mean((2, 3)),
                    "mean_map": mean,
                    "logvar_map": logvar,
                }
            painted = self.decoder(code)[..., :height, :width]
            return {"reconstruction": painted, **latent}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network()


def _pictures(name: str) -> list[torch.Tensor]:
    """The images of a dataset, uint8 ``[3, height, width]``, none smaller than a crop."""
    import torch

    source = dataset(name)
    pictures = []
    for image in source.table()["image"]:
        pixels = source.load(str(image))
        if min(pixels.shape[:2]) < CROP:
            raise DataError(
                f"source {name}: image {image} of {pixels.shape[0]}x{pixels.shape[1]} pixels "
                f"(height x width) is smaller than the training crop of {CROP}x{CROP}; "
                "give a source of larger images"
            )
        pictures.append(torch.tensor(pixels).permute(2, 0, 1))
    if not pictures:
        raise DataError(f"source {name}: no images; give a dataset of pristine pictures")
    return pictures


def _crops(pictures: list[torch.Tensor], generator: torch.Generator) -> torch.Tensor:
    """Random crops, float ``[BATCH, 3, CROP, CROP]`` in [0, 1], every picture as likely."""
    import torch

    def below(limit: int) -> int:
        return int(torch.randint(limit, (), generator=generator))

    chosen = []
    for _ in range(BATCH):
        picture = pictures[below(len(pictures))]
        top, left = below(picture.shape[1] - CROP + 1), below(picture.shape[2] - CROP + 1)
        chosen.append(picture[:, top : top + CROP, left : left + CROP])
    return torch.stack(chosen).float() / 255


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [
        Component(part.name, f"{__name__}:{part.__name__}", part.summary)
        for part in (ConvolutionalAutoencoder, ConvolutionalVae)
    ]
