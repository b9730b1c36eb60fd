"""Two tiny backbones and a tiny dataset: made by formula, so that a check runs in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench.interfaces import Backbone, Dataset

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

SIZES = {"rings": (32, 32), "squares": (32, 32), "waves": (48, 40)}
"""Height and width of each content, in pixels, at scale 1."""
LEVELS = 3
CLASSES = 5


class ToyPictures(Dataset):
    """Three contents by formula, each at three levels of noise, with the score ``5 - level``.

    Rows ``rings-1`` … ``waves-3``; the references are ``rings-0``, ``squares-0``, ``waves-0``.
    ``scale`` makes every side so many times as long.
    """

    name = "toy-pictures"
    summary = "nine tiny pictures made by formula, for checks"
    score_kind = "mos"
    std_kind = "mean"

    def __init__(self, *, scale: int = 1) -> None:
        self.scale = scale

    def table(self) -> pd.DataFrame:
        import pandas as pd

        rows = [(content, level) for content in SIZES for level in range(1, LEVELS + 1)]
        return pd.DataFrame({
            "image": [f"{content}-{level}" for content, level in rows],
            "reference": [f"{content}-0" for content, _ in rows],
            "score": [5.0 - level for _, level in rows],
            "score_std": [0.1 * level for _, level in rows],
            "distortion": ["noise" for _ in rows],
            "level": [level for _, level in rows],
            "label": [list(SIZES).index(content) for content, _ in rows],
        })

    def load(self, image: str) -> np.ndarray:
        import numpy as np

        content, _, level = image.partition("-")
        height, width = (self.scale * side for side in SIZES[content])
        y, x = np.mgrid[:height, :width] / (16.0 * self.scale) - 1.0
        plane = {
            "rings": np.sin(9 * np.hypot(y, x)),
            "squares": np.sign(np.sin(7 * y) * np.sin(7 * x)),
            "waves": np.sin(5 * y + 2 * x),
        }[content]
        tinted = np.stack([plane, 0.6 * plane + 0.2 * x, -0.8 * plane + 0.2 * y], axis=2)
        noise = np.random.default_rng([list(SIZES).index(content), int(level)])
        rough = tinted + 0.2 * int(level) * noise.standard_normal(tinted.shape)
        return np.clip(127.5 + 100 * rough, 0, 255).astype(np.uint8)


class ToyClassifier(Backbone):
    """Two convolutions, batch normalisation, dropout and a head of five classes."""

    name = "toy-classifier"
    summary = "a tiny classifier with random weights, for checks"
    gives = ("logits", "activations")
    preprocessing: Mapping[str, Any] = {
        "size": 32, "resize": 32, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    notes = ("random weights",)

    def build(self) -> torch.nn.Module:
        import torch
        from torch import nn

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Sequential()
            model.add_module("conv1", nn.Conv2d(3, 8, 3, stride=2, padding=1))
            model.add_module("bn1", nn.BatchNorm2d(8))
            model.add_module("relu1", nn.ReLU())
            model.add_module("conv2", nn.Conv2d(8, 12, 3, stride=2, padding=1))
            model.add_module("relu2", nn.ReLU())
            model.add_module("pool", nn.AdaptiveAvgPool2d(1))
            model.add_module("flatten", nn.Flatten())
            model.add_module("dropout", nn.Dropout(0.5))
            model.add_module("head", nn.Linear(12, CLASSES))
        return model.eval()


class ToyAutoencoder(Backbone):
    """A variational autoencoder of convolutions alone: a code of four channels at a quarter of the
    image's sides, its mean taken as the latent."""

    name = "toy-autoencoder"
    summary = "a tiny variational autoencoder with random weights, for checks"
    gives = ("latent", "mean", "logvar", "reconstruction", "activations")
    preprocessing: Mapping[str, Any] = {
        "size": 32, "resize": 32, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    notes = ("random weights",)

    def build(self) -> torch.nn.Module:
        import torch
        from torch import nn

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.ModuleDict({
                "encoder": nn.Sequential(
                    nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(),
                    nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU()),
                "mean": nn.Conv2d(8, 4, 1),
                "logvar": nn.Conv2d(8, 4, 1),
                "decoder": nn.Sequential(
                    nn.ConvTranspose2d(4, 8, 4, stride=2, padding=1), nn.ReLU(),
                    nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1), nn.Sigmoid()),
            })
        return model.eval()

    def forward(self, model: Any, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        code = model["encoder"](inputs)
        # A code of one vector an image, so that its shape does not grow with the image.
        mean, logvar = model["mean"](code), model["logvar"](code)
        return {
            "latent": mean.mean((2, 3)), "mean": mean.mean((2, 3)), "logvar": logvar.mean((2, 3)),
            "reconstruction": model["decoder"](mean),
        }
