"""The backbones ``autoencoder`` and ``vae``: fully convolutional, fitted here on clean images.

Both take images of any size. They shrink them eightfold and paint them again; sides that are no
multiple of eight are filled up with their last row or column and cut back afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import (
    Backbone,
    Component,
    DataError,
    UsageError,
    clean_parts,
    dataset,
    fit_epochs,
    fitted,
    hookimpl,
)

if TYPE_CHECKING:
    import torch

CROP = 64
BATCH = 32
EPOCH = 20
"""Batches of an epoch, where the source has fewer images than that: each gives several crops."""
RATE = 2e-3
CODE = 16
"""Channels of the code, one vector for 8 by 8 pixels."""
NOISE = 0.1
"""Standard deviation of a pixel given the code, in the VAE's likelihood."""

_SHRINK = 8


class ConvolutionalAutoencoder(Backbone):
    """``autoencoder``: three convolutions of stride two to 16, 32 and 64 channels, a code of 16,
    and the way back; fitted with the mean squared error on random crops of ``source``.

    ``crop`` is the side of the crops, and the model's own size, in pixels; the images of a
    recognition set are first resized to it, as they are in use. ``depth`` is the number of
    convolutions at each scale: with 2 or more, of stride one after the first. Fitted on the clean
    rows whose ``split`` is ``train`` and kept where the loss on those of ``val`` was lowest; no
    improvement for ``patience`` epochs ends it. A source without a ``split`` is fitted on whole,
    and kept where the loss on other crops of it was lowest.

    Outputs: ``reconstruction`` ``[images, 3, height, width]`` in [0, 1], and ``latent``
    ``[images, 16]``, the code averaged over its positions (the layer ``code`` has the map).
    """

    name = "autoencoder"
    summary = "convolutional autoencoder, fitted here on clean images"
    gives = ("latent", "reconstruction", "activations")
    losses: tuple[str, ...] = ("reconstruction",)
    variational = False

    def __init__(
        self, source: str = "photographs", epochs: int = 20, patience: int = 10, crop: int = CROP,
        depth: int = 1, seed: int = 0,
    ) -> None:
        for key, value in (("epochs", epochs), ("patience", patience), ("crop", crop),
                           ("depth", depth)):  # fmt: skip
            if value < 1:
                raise UsageError(f"{self.name}[{key}={value}]: expected at least 1")
        self.source, self.epochs, self.patience, self.seed = source, epochs, patience, seed
        self.crop, self.depth = crop, depth
        self.preprocessing = {
            "size": crop, "resize": crop, "mean": 0.0, "std": 1.0, "interpolation": "bicubic",
        }  # fmt: skip

    @property
    def fitted_on(self) -> tuple[str, ...]:  # type: ignore[override]
        split = "split" in dataset(self.source).table()
        return (f"part[source={self.source},split=train+val]" if split else self.source,)

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        return (f"{self.name} trained here on {self.fitted_on[0]}",)

    def build(self) -> torch.nn.Module:
        model = network(self.variational, self.depth, self.seed)
        model.load_state_dict(fitted(self.recipe(), self._fit, threads=1))
        return model.eval()

    def recipe(self) -> Mapping[str, Any]:
        source = dataset(self.source)
        return {
            "recipe": self.name,
            "code": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            "source": self.source,
            "images": {part: [facts.digest for facts in source.inspect(names)]
                       for part, names in _parts(self.source).items()},
            "epochs": self.epochs,
            "patience": self.patience,
            "crop": self.crop,
            "depth": self.depth,
            "seed": self.seed,
        }

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(model(inputs))

    def _fit(self) -> dict[str, torch.Tensor]:
        import torch

        parts = _parts(self.source)
        pictures = _pictures(self.source, parts["train"], self.crop)
        unseen = _pictures(self.source, parts["val"], self.crop)
        model = network(self.variational, self.depth, self.seed).train()
        side = -(-self.crop // _SHRINK)
        # The same crops of the other images in every epoch, so that their losses compare.
        drawn = torch.Generator().manual_seed(self.seed + 1)
        judged = [
            _crops(unseen, range(first, first + BATCH), self.crop, drawn)
            for first in range(0, max(len(unseen), 2 * BATCH), BATCH)
        ]

        def loss(numbers: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            crops = _crops(pictures, numbers.tolist(), self.crop, generator)
            noise = torch.randn((len(crops), CODE, side, side), generator=generator)
            return self._objective(model(crops, noise), crops)

        def judge() -> float:
            values = [float(self._objective(model(crops), crops)) for crops in judged]
            return sum(values) / len(values)

        return fit_epochs(
            self.name, self.recipe(), model, loss, judge,
            count=max(len(pictures), EPOCH * BATCH), batch=BATCH, rate=RATE,
            epochs=self.epochs, patience=self.patience, seed=self.seed,
        )

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
    summary = "convolutional variational autoencoder, fitted here on clean images"
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


def network(variational: bool, depth: int, seed: int) -> torch.nn.Module:
    """The untrained network; ``forward(images, noise)`` gives its outputs by name."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            def more(channels: int) -> list[nn.Module]:
                return [layer for _ in range(1, depth)
                        for layer in (nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU())]

            self.encoder = nn.Sequential(
                nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(), *more(16),
                nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), *more(32),
                nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), *more(64),
            )  # fmt: skip
            if variational:
                self.mean, self.logvar = nn.Conv2d(64, CODE, 1), nn.Conv2d(64, CODE, 1)
            else:
                self.code = nn.Conv2d(64, CODE, 1)
            self.decoder = nn.Sequential(
                nn.Conv2d(CODE, 64, 1), nn.ReLU(), *more(64),
                nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), *more(32),
                nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), *more(16),
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


def _parts(name: str) -> dict[str, list[str]]:
    """The images to fit on and to judge by: the same, where the source has no ``split``."""
    source = dataset(name)
    table = source.table()
    if "split" in table:
        return clean_parts(name, source)
    images = [str(image) for image in table["image"]]
    if not images:
        raise DataError(f"source {name}: no images; give a dataset of pristine pictures")
    return {"train": images, "val": images}


def _pictures(name: str, images: list[str], crop: int) -> list[torch.Tensor]:
    """The images, uint8 ``[3, height, width]``, none smaller than a crop."""
    import numpy as np
    import torch
    from PIL import Image

    source = dataset(name)
    pictures = []
    for image in images:
        pixels = source.load(image)
        height, width = pixels.shape[:2]
        if source.size == "model":
            scale = crop / min(height, width)
            size = max(crop, round(width * scale)), max(crop, round(height * scale))
            pixels = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        elif min(height, width) < crop:
            raise DataError(
                f"source {name}: image {image} of {height}x{width} pixels (height x width) is "
                f"smaller than the training crop of {crop}x{crop}; give a source of larger images "
                f"or crop={min(height, width)}"
            )
        pictures.append(torch.tensor(pixels).permute(2, 0, 1))
    return pictures


def _crops(
    pictures: list[torch.Tensor], numbers: Iterable[int], crop: int, generator: torch.Generator
) -> torch.Tensor:
    """A random crop for each number, float ``[numbers, 3, crop, crop]`` in [0, 1]; a number beyond
    the last picture counts on from the first."""
    import torch

    def below(limit: int) -> int:
        return int(torch.randint(limit, (), generator=generator))

    chosen = []
    for number in numbers:
        picture = pictures[number % len(pictures)]
        top, left = below(picture.shape[1] - crop + 1), below(picture.shape[2] - crop + 1)
        chosen.append(picture[:, top : top + crop, left : left + crop])
    return torch.stack(chosen).float() / 255


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [
        Component(part.name, f"{__name__}:{part.__name__}", part.summary)
        for part in (ConvolutionalAutoencoder, ConvolutionalVae)
    ]
