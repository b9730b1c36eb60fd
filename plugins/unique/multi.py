"""The backbone ``ms-unique``: five of UNIQUE's autoencoders side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench_plugins.unique.backbone import Unique
from benchbench_plugins.unique.filters import filter_sheet
from benchbench_plugins.unique.patches import SIDE, raw_patches, whiten

from benchbench import Backbone, UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch

WIDTHS = (81, 121, 169, 400, 625)
"""Hidden units of the five, as in MS-UNIQUE (Prabhushankar, Temel and AlRegib 2017)."""


class MsUnique(Backbone):
    """Five autoencoders of ``unique`` with 81, 121, 169, 400 and 625 hidden units.

    ``w81`` … ``w625`` are the authors' ``.mat`` files, all five or none; without them each
    network is trained at first use as ``unique`` is. Layers: ``encoder_81``, ``hidden_81``,
    ``decoder_81`` and so on. Outputs: ``latent`` ``[images, 1397]``, the mean over the patches of
    all hidden layers; ``reconstruction_81`` … ``[images, patches, 192]``. The loss
    ``reconstruction`` is the sum of the five losses of ``unique``.
    """

    name = "ms-unique"
    summary = "five sparse autoencoders of 8x8 patches (Prabhushankar et al. 2017)"
    gives = ("latent", "activations")
    losses = ("reconstruction",)
    preprocessing: Mapping[str, Any] = {"recipe": "ygcr-patches", "size": 128}
    least_side = 2 * SIDE - 1

    def __init__(
        self,
        w81: Path | None = None,
        w121: Path | None = None,
        w169: Path | None = None,
        w400: Path | None = None,
        w625: Path | None = None,
        source: str = "photographs",
        patches: int = 100_000,
        seed: int = 0,
    ) -> None:
        given = (w81, w121, w169, w400, w625)
        lacking = [f"w{n}" for n, path in zip(WIDTHS, given, strict=True) if path is None]
        if lacking and len(lacking) < len(WIDTHS):
            raise UsageError(f"ms-unique: {lacking[0]} is missing; give all five files or none")
        self.parts = [
            Unique(path, units, source, patches, seed)
            for path, units in zip(given, WIDTHS, strict=True)
        ]
        self.fitted_on, self.notes = self.parts[0].fitted_on, self.parts[0].notes

    def build(self) -> torch.nn.Module:
        from torch import nn

        model = nn.Module()
        for units, part in zip(WIDTHS, self.parts, strict=True):
            for name, module in part.build().named_children():
                model.add_module(f"{name}_{units}", module)
        return model.eval()

    def recipe(self) -> Mapping[str, Any] | None:
        recipes = [part.recipe() for part in self.parts]
        return None if recipes[0] is None else {"recipe": "ms-unique", "parts": recipes}

    def picture(self, model: torch.nn.Module) -> np.ndarray:
        """A tile of 8 by 8 pixels for each hidden unit, the five networks one below the other."""
        return filter_sheet([model.get_submodule(f"encoder_{units}").weight for units in WIDTHS])

    def prepare(self, images: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        return whiten(raw_patches(images)).to(mean.dtype)

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        import torch

        codes, painted = [], {}
        for units in WIDTHS:
            encoder, hidden, decoder = (
                model.get_submodule(f"{name}_{units}") for name in ("encoder", "hidden", "decoder")
            )
            activations = hidden(encoder(inputs))
            codes.append(activations.mean(1))
            painted[f"reconstruction_{units}"] = decoder(activations)
        return {"latent": torch.cat(codes, 1), **painted}

    def loss(
        self,
        name: str,
        outputs: Mapping[str, torch.Tensor],
        inputs: torch.Tensor,
        labels: torch.Tensor | None,
    ) -> torch.Tensor:
        if name != "reconstruction":
            raise UsageError(f"loss {name!r}: ms-unique has the loss 'reconstruction' alone")
        errors = [outputs[f"reconstruction_{units}"] - inputs for units in WIDTHS]
        return sum((e.square().sum(2).mean(1) / 2 for e in errors), inputs.new_zeros(len(inputs)))
