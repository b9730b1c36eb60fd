"""The backbone ``unique``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench_plugins.unique.filters import filter_sheet
from benchbench_plugins.unique.patches import SIDE, WIDTH, raw_patches, whiten
from benchbench_plugins.unique.training import draw_patches, recipe, train

from benchbench import Backbone, DataError, UsageError, dataset, fitted

if TYPE_CHECKING:
    import numpy as np
    import torch


class Unique(Backbone):
    """The sparse linear-decoder autoencoder of UNIQUE (Temel, Prabhushankar and AlRegib 2016) and
    of Kwon et al. (ICIP 2019): 192 inputs, a sigmoid layer of ``units``, 192 linear outputs.

    ``weights`` is a ``.mat`` file of the authors. Without it the network is trained at first use
    on ``patches`` random patches of the dataset ``source``, with the authors' cost.

    Inputs are an image's whitened patches ``[images, patches, 192]``. Outputs: ``reconstruction``
    of the same shape, and ``latent`` ``[images, units]``, the mean over the patches of the hidden
    layer. The layer ``hidden`` has the activations of each patch.
    """

    name = "unique"
    summary = "sparse autoencoder of 8x8 patches (Temel et al. 2016, Kwon et al. 2019)"
    gives = ("latent", "reconstruction", "activations")
    losses = ("reconstruction",)
    preprocessing: Mapping[str, Any] = {"recipe": "ygcr-patches", "size": 128}
    least_side = 2 * SIDE - 1

    def __init__(
        self,
        weights: Path | None = None,
        units: int = 400,
        source: str = "photographs",
        patches: int = 100_000,
        seed: int = 0,
    ) -> None:
        if units < 1:
            raise UsageError(f"unique[units={units}]: expected at least one hidden unit")
        self.weights, self.units = weights, units
        self.source, self.patches, self.seed = source, patches, seed
        if weights is None:
            self.fitted_on = (source,)
            self.notes = (f"unique trained here on {patches} patches of {source}",)

    def build(self) -> torch.nn.Module:
        if self.weights is None:
            return autoencoder(fitted(self._recipe(), self._fit, threads=1))
        state = read_mat(self.weights)
        units = len(state["encoder.bias"])
        if units != self.units:
            raise DataError(
                f"weights {self.weights}: {units} hidden units, expected {self.units}; "
                f"write unique[weights=…,units={units}]"
            )
        return autoencoder(state)

    def recipe(self) -> Mapping[str, Any] | None:
        return self._recipe() if self.weights is None else None

    def picture(self, model: torch.nn.Module) -> np.ndarray:
        """A tile of 8 by 8 pixels for each hidden unit."""
        return filter_sheet([model.get_submodule("encoder").weight])

    def prepare(self, images: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        return whiten(raw_patches(images)).to(mean.dtype)

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = model.hidden(model.encoder(inputs))
        return {"latent": hidden.mean(1), "reconstruction": model.decoder(hidden)}

    def loss(
        self,
        name: str,
        outputs: Mapping[str, torch.Tensor],
        inputs: torch.Tensor,
        labels: torch.Tensor | None,
    ) -> torch.Tensor:
        """``reconstruction``: the mean over an image's patches of ½‖x̂ - x‖², whose gradient to
        the decoder's weight is the G of Kwon et al., ``(x̂ - x)ᵀ a / n``."""
        if name != "reconstruction":
            raise UsageError(f"loss {name!r}: unique has the loss 'reconstruction' alone")
        return (outputs["reconstruction"] - inputs).square().sum(2).mean(1) / 2

    def _recipe(self) -> dict[str, Any]:
        return recipe(dataset(self.source), self.source, self.units, self.patches, self.seed)

    def _fit(self) -> dict[str, torch.Tensor]:
        drawn = draw_patches(dataset(self.source), self.patches, self.seed)
        return train(drawn, self.units, self.seed)


def autoencoder(state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The network with these weights, in eval mode: ``encoder``, ``hidden``, ``decoder``."""
    from collections import OrderedDict

    from torch import nn

    units = len(state["encoder.bias"])
    model = nn.Sequential(
        OrderedDict(
            encoder=nn.Linear(WIDTH, units),
            hidden=nn.Sigmoid(),
            decoder=nn.Linear(units, WIDTH),
        )
    )
    model.load_state_dict(dict(state))
    return model.eval()


def read_mat(path: Path) -> dict[str, torch.Tensor]:
    """The weights of an authors' ``.mat`` file, float32.

    Its ``optTheta`` holds W1 ``[units, 192]``, W2 ``[192, units]``, b1 and b2, column by column.
    Raises ``DataError`` for a file that cannot be read or has another shape.
    """
    import torch
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        theta = loadmat(path, variable_names=["optTheta"]).get("optTheta")
    except (OSError, ValueError, TypeError, MatReadError, NotImplementedError) as error:
        raise DataError(f"weights {path}: not a readable .mat file ({error})") from error
    units = 0 if theta is None else (theta.size - WIDTH) // (2 * WIDTH + 1)
    if theta is None or units < 1 or theta.size != units * (2 * WIDTH + 1) + WIDTH:
        found = "no optTheta" if theta is None else f"optTheta of {theta.size} values"
        raise DataError(
            f"weights {path}: {found}; expected optTheta with units * 385 + 192 values (154192 "
            "for 400 units), as in the authors' ImageNet_Weights_YGCr.mat"
        )
    flat = torch.from_numpy(theta.reshape(-1)).float()
    first, second, b1, b2 = flat.split([units * WIDTH, units * WIDTH, units, WIDTH])
    return {
        "encoder.weight": first.reshape(WIDTH, units).T.contiguous(),
        "encoder.bias": b1.clone(),
        "decoder.weight": second.reshape(units, WIDTH).T.contiguous(),
        "decoder.bias": b2.clone(),
    }
