"""GradCon (Kwon, Prabhushankar, Temel and AlRegib, ECCV 2020): backbone and extractor ``gradcon``.

A convolutional autoencoder whose gradients are held to their running average while it learns; an
image whose gradients turn away from that average is an outlier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import (
    Backbone,
    BackboneFacts,
    Component,
    Extractor,
    Gradient,
    Images,
    Model,
    Output,
    Probe,
    UsageError,
    clean_parts,
    dataset,
    fit_epochs,
    fitted,
    hookimpl,
)

if TYPE_CHECKING:
    import torch

SIDE = 32
BATCH = 64
RATE = 1e-3
ALPHA = 0.03
"""Weight of the constraint in training."""
DECODER = ("decoder_1", "decoder_2", "decoder_3", "decoder_4")


class GradConAutoencoder(Backbone):
    """Four convolutions (kernel 4, stride 2, padding 1; 32, 32, 64 and 64 channels) and four
    transposed ones back; ReLU between, a sigmoid at the end; 32 by 32 pixels in 0…1.

    Fitted on the clean rows of ``source`` whose ``split`` is ``train``, and kept where the mean
    squared error on those of ``val`` was lowest (about every fifth training group where there are
    none); no improvement for ``patience`` epochs ends it. Loss: mean squared error + 0.03 · the
    mean over the decoder's four layers of -cos(gradient of that error, average of the gradients of
    all steps before), as published; without ``constraint`` the error alone. Adam, rate 1e-3,
    batches of 64. The averages are part of the weights: the buffers ``average_decoder_1`` ….

    Outputs: ``reconstruction``, and ``latent`` ``[images, 256]``. Loss: ``reconstruction``, the
    mean squared error.
    """

    name = "gradcon"
    summary = "GradCon's convolutional autoencoder of 32x32 images, fitted here"
    gives = ("latent", "reconstruction", "activations")
    losses = ("reconstruction",)
    preprocessing: Mapping[str, Any] = {
        "size": SIDE, "resize": [SIDE, SIDE], "mean": 0.0, "std": 1.0,
        "interpolation": "bilinear", "fixed": True,
    }  # fmt: skip

    def __init__(
        self, source: str, constraint: bool = True, epochs: int = 200, patience: int = 20,
        seed: int = 0,
    ) -> None:
        if epochs < 1 or patience < 1:
            raise UsageError(f"gradcon[epochs={epochs},patience={patience}]: expected at least 1")
        self.source, self.constraint = source, constraint
        self.epochs, self.patience, self.seed = epochs, patience, seed
        self.fitted_on = (f"part[source={source},split=train+val]",)
        self.notes = (f"gradcon trained here on the train split of {source}",)

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
            "constraint": self.constraint,
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
        if name != "reconstruction":
            raise UsageError(f"loss {name!r}: gradcon has the loss 'reconstruction' alone")
        return squared_error(outputs["reconstruction"], inputs)

    def _fit(self) -> dict[str, torch.Tensor]:
        source = dataset(self.source)
        parts = clean_parts(self.source, source)
        images, validation = (_pixels(source, parts[part]) for part in ("train", "val"))
        return train(images, validation, self.constraint, self.epochs, self.patience, self.seed,
                     self.recipe())


class GradConScore(Extractor):
    """-MSE + ``beta`` · the mean over the decoder's layers of the cosine between the image's own
    gradient of the error and the training average: high for what the autoencoder knows."""

    name = "gradcon"
    version = "1"
    summary = "GradCon: reconstruction error and gradients' alignment with the training average"
    gives = "score"
    higher_is_better = True

    def __init__(self, *, beta: float = 0.12) -> None:
        self.beta = beta

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        if not set(DECODER) <= {layer.name for layer in facts.layers}:
            raise UsageError("gradcon: needs the gradients' averages of the backbone gradcon; add "
                             "--backbone gradcon[source=…]")
        self.gradients = [Gradient(name, "reconstruction", "full") for name in DECODER]
        return [Output("reconstruction"), Images(), Model(), *self.gradients]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return ()

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        model = signals[Model()].model
        aligned = [
            torch.cosine_similarity(
                signals[probe].flatten(1),
                model.get_buffer(f"average_{probe.layer}").to(signals[probe]).reshape(1, -1),
            )
            for probe in self.gradients
        ]
        error = squared_error(signals[Output("reconstruction")], signals[Images()])
        return self.beta * torch.stack(aligned).mean(0) - error


def squared_error(painted: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Mean squared error of each image, ``[images]``."""
    return (painted - images).square().flatten(1).mean(1)


def network(seed: int) -> torch.nn.Module:
    """The untrained network; ``forward(images)`` gives its outputs by name."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder_1 = nn.Conv2d(3, 32, 4, 2, 1)
            self.encoder_2 = nn.Conv2d(32, 32, 4, 2, 1)
            self.encoder_3 = nn.Conv2d(32, 64, 4, 2, 1)
            self.encoder_4 = nn.Conv2d(64, 64, 4, 2, 1)
            self.decoder_1 = nn.ConvTranspose2d(64, 64, 4, 2, 1)
            self.decoder_2 = nn.ConvTranspose2d(64, 32, 4, 2, 1)
            self.decoder_3 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
            self.decoder_4 = nn.ConvTranspose2d(32, 3, 4, 2, 1)
            self.register_buffer("steps", torch.zeros(()))
            for name in DECODER:
                weight = self.get_submodule(name).weight
                self.register_buffer(f"average_{name}", torch.zeros_like(weight))

        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            hidden = images
            for layer in (self.encoder_1, self.encoder_2, self.encoder_3):
                hidden = layer(hidden).relu()
            painted = code = self.encoder_4(hidden)
            for layer in (self.decoder_1, self.decoder_2, self.decoder_3):
                painted = layer(painted.relu())
            painted = self.decoder_4(painted.relu()).sigmoid()
            return {"reconstruction": painted, "latent": code.flatten(1)}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network()


def train(
    images: torch.Tensor, validation: torch.Tensor, constraint: bool, epochs: int, patience: int,
    seed: int, recipe: Mapping[str, Any],
) -> dict[str, torch.Tensor]:
    """The state with the lowest error on ``validation``; both float ``[n, 3, 32, 32]`` in 0…1."""
    import torch

    model = network(seed).train()
    weights = [model.get_submodule(name).weight for name in DECODER]
    averages = [model.get_buffer(f"average_{name}") for name in DECODER]
    steps = model.get_buffer("steps")

    def loss(numbers: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        error = squared_error(model(images[numbers])["reconstruction"], images[numbers]).mean()
        gradients = torch.autograd.grad(
            error, weights, create_graph=constraint, retain_graph=True
        )
        turned = error.new_zeros(())
        if constraint and steps > 0:
            turned = -torch.stack([
                torch.cosine_similarity(gradient.flatten(), average.flatten().clone(), 0)
                for gradient, average in zip(gradients, averages, strict=True)
            ]).mean()  # fmt: skip
        with torch.no_grad():
            steps.add_(1)
            for gradient, average in zip(gradients, averages, strict=True):
                average += (gradient - average) / steps
        return error + ALPHA * turned

    def judge() -> float:
        return float(squared_error(model(validation)["reconstruction"], validation).mean())

    return fit_epochs(
        "gradcon", recipe, model, loss, judge, count=len(images), batch=BATCH, rate=RATE,
        epochs=epochs, patience=patience, seed=seed,
    )


def _pixels(source: Any, names: list[str]) -> torch.Tensor:
    """Images as the backbone gets them: ``[n, 3, 32, 32]`` in 0…1."""
    import numpy as np
    import torch
    from PIL import Image

    pictures = (Image.fromarray(source.load(name)) for name in names)
    small = [np.asarray(p.resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for p in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous().float() / 255


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [Component(GradConAutoencoder.name, f"{__name__}:{GradConAutoencoder.__name__}",
                      GradConAutoencoder.summary)]  # fmt: skip


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [GradConScore]
