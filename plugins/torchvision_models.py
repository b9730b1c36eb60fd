"""The backbones ``torchvision/<name>``: the classifiers of torchvision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import Backbone, Component, DataError, UsageError, checkpoints, hookimpl, nearest

if TYPE_CHECKING:
    import torch

_SEED = 0
"""Of random weights."""
_FAMILIES = ("detection", "segmentation", "optical_flow", "quantization", "video")


class TorchvisionModel(Backbone):
    """``torchvision/<model>``, such as ``torchvision/squeezenet1_0[checkpoint=FILE]``.

    Weights are torchvision's default ones (from the cache of ``torch.hub``, else downloaded),
    those of ``checkpoint``, or with ``pretrained=false`` random ones, always the same. Every other
    parameter goes to ``torchvision.models.get_model`` (``num_classes=10``). Output: ``logits``
    ``[images, classes]``.
    """

    name = "torchvision"
    summary = "any classifier of torchvision: torchvision/NAME"
    gives = ("logits", "activations")

    def __init__(
        self,
        model: str,
        pretrained: bool = True,
        checkpoint: Path | None = None,
        **options: str | int | float | bool,
    ) -> None:
        self.model, self.pretrained, self.checkpoint = model, pretrained, checkpoint
        self.options = options
        if checkpoint is None and not pretrained:
            self.notes = ("random weights",)

    @property
    def preprocessing(self) -> Mapping[str, Any]:  # type: ignore[override]
        """The evaluation settings of torchvision's default weights; for a checkpoint or random
        weights the usual ones of ImageNet, 256 and 224 pixels, bilinear."""
        found: dict[str, Any] = {
            "size": 224,
            "resize": 256,
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
            "interpolation": "bilinear",
            "fixed": self.model.startswith(("vit_", "maxvit_")),
        }
        if self.checkpoint is not None:
            found["assumed"] = "the usual settings of ImageNet"
        elif self.pretrained:
            transforms = self._weights().transforms()
            found["size"], found["resize"] = transforms.crop_size[0], transforms.resize_size[0]
            found["mean"], found["std"] = tuple(transforms.mean), tuple(transforms.std)
            found["interpolation"] = transforms.interpolation.value
        return found

    def build(self) -> torch.nn.Module:
        """The model in eval mode. ``UsageError`` for an unknown model or option, ``DataError``
        where there are no weights or the checkpoint does not fit."""
        import torch
        from torchvision.models import get_model

        self._check_name()
        pretrained = self.checkpoint is None and self.pretrained
        # The weights that are drawn must not depend on what ran before, nor disturb it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            try:
                weights = self._weights() if pretrained else None
                model = get_model(self.model, weights=weights, **self.options)
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"torchvision/{self.model}: an option is not taken by this model ({error}); "
                    "its options are the keyword arguments of torchvision.models.get_model"
                ) from error
            except (OSError, RuntimeError) as error:
                raise DataError(
                    f"torchvision/{self.model}: no pretrained weights ({error}). Three ways out: "
                    f"torchvision/{self.model}[pretrained=false] for random weights; "
                    f"torchvision/{self.model}[checkpoint=FILE] for a file of your own; or the "
                    "file in the cache of torch.hub (TORCH_HOME), copied from a machine with "
                    "network"
                ) from error
        if self.checkpoint is not None:
            checkpoints.load_weights(model, self.checkpoint)
        built: torch.nn.Module = model.eval()
        return built

    def _check_name(self) -> None:
        from torchvision.models import list_models

        known = [name for name in list_models() if not _special(name)]
        if self.model not in known:
            hint = nearest(self.model, known) or "torchvision.models.list_models() lists them"
            raise UsageError(
                f"torchvision/{self.model}: torchvision has no such classifier; {hint}"
            )

    def _weights(self) -> Any:
        from torchvision.models import get_model_weights

        self._check_name()
        return get_model_weights(self.model).DEFAULT


def _special(name: str) -> bool:
    """Whether the model is something else than a classifier of images."""
    from torchvision.models import get_model_builder

    module = get_model_builder(name).__module__
    return any(f".{family}" in module for family in _FAMILIES)


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [Component("torchvision/*", f"{__name__}:TorchvisionModel", TorchvisionModel.summary)]
