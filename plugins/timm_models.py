"""The backbones ``timm/<name>``: every model of timm, with its own preprocessing."""

from __future__ import annotations

import math
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import Backbone, Component, DataError, UsageError, checkpoints, hookimpl, nearest

if TYPE_CHECKING:
    import torch

_HUB = "https://huggingface.co"
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_SEED = 0
"""Of random weights."""


class TimmModel(Backbone):
    """``timm/<model>``, such as ``timm/resnet18`` or ``timm/resnet18.a1_in1k``.

    Weights are timm's own (from the hub's cache, else downloaded), those of ``checkpoint``
    (safetensors, or a PyTorch file of plain tensors), or with ``pretrained=false`` random ones,
    always the same. Every other parameter goes to ``timm.create_model`` (``pad_type=same``,
    ``num_classes=10``). Outputs: ``logits`` ``[images, classes]``; with ``num_classes=0`` the
    pooled features as ``latent`` ``[images, features]``.
    """

    name = "timm"
    summary = "any model of timm: timm/NAME, pretrained, from a checkpoint or random"
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
        if options.get("num_classes") == 0:
            self.gives = ("latent", "activations")
        if checkpoint is None and not pretrained:
            self.notes = ("random weights",)

    @property
    def preprocessing(self) -> Mapping[str, Any]:  # type: ignore[override]
        """timm's evaluation settings for this model's weights."""
        from timm.data import resolve_data_config

        known = self._config()
        config = resolve_data_config({"img_size": self.options.get("img_size")}, known)
        size = tuple(config["input_size"][1:])
        scaled = tuple(math.floor(side / config["crop_pct"]) for side in size)
        squashed = config["crop_mode"] == "squash" or size[0] != size[1]
        found = {
            "size": size,
            "resize": scaled if squashed else scaled[0],
            "mean": tuple(config["mean"]),
            "std": tuple(config["std"]),
            "interpolation": config["interpolation"],
            "fixed": bool(known.get("fixed_input_size")) and not self._any_size(),
        }
        if self.checkpoint is not None:
            found["assumed"] = f"timm's data config for {self.model}"
        return found

    def build(self) -> torch.nn.Module:
        """The model in eval mode. ``UsageError`` for an unknown model or option, ``DataError``
        where there are no weights or the checkpoint does not fit."""
        if self.checkpoint is None and self.pretrained:
            return self._pretrained()
        model = self._create(pretrained=False)
        if self.checkpoint is not None:
            checkpoints.load_weights(model, self.checkpoint)
        return model

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return {self.gives[0]: model(inputs)}

    def _any_size(self) -> bool:
        return any(self.options.get(name) for name in ("dynamic_img_size", "dynamic_img_pad"))

    def _config(self) -> dict[str, Any]:
        """timm's pretrained config of the model; empty for one without published weights."""
        import timm
        from timm.models import get_pretrained_cfg

        architecture = self.model.partition(".")[0]
        if not timm.is_model(architecture):
            hint = nearest(architecture, timm.list_models()) or "timm.list_models() lists them"
            raise UsageError(f"timm/{self.model}: timm has no model {architecture!r}; {hint}")
        try:
            config = get_pretrained_cfg(self.model, allow_unregistered=False)
        except RuntimeError as error:
            tags = timm.list_pretrained(f"{architecture}.*")
            raise UsageError(
                f"timm/{self.model}: no such weights; timm has {', '.join(tags) or 'none'}"
            ) from error
        return config.to_dict() if config else {}

    def _create(self, pretrained: bool, **extra: Any) -> torch.nn.Module:
        import timm
        import torch

        self._config()
        # The weights that are drawn must not depend on what ran before, nor disturb it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            try:
                model = timm.create_model(self.model, pretrained, **self.options, **extra)
            except TypeError as error:
                raise UsageError(
                    f"timm/{self.model}: an option is not taken by this model ({error}); its "
                    "options are the keyword arguments of timm.create_model for it"
                ) from error
        built: torch.nn.Module = model.eval()
        return built

    def _pretrained(self) -> torch.nn.Module:
        config = self._config()
        cached = _cached(config.get("hf_hub_id"))
        if cached is not None:
            overlay = {"file": str(cached), "custom_load": False}
            return self._create(pretrained=True, pretrained_cfg_overlay=overlay)
        source = config.get("hf_hub_id") or config.get("url")
        if not source:
            raise UsageError(
                f"timm/{self.model}: timm publishes no weights for it; write "
                f"timm/{self.model}[pretrained=false] or [checkpoint=FILE]"
            )
        if not _reachable():
            raise self._no_weights("not in the hub's cache, and the hub is out of reach")
        try:
            return self._create(pretrained=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise self._no_weights(str(error).splitlines()[0]) from error

    def _no_weights(self, reason: str) -> DataError:
        return DataError(
            f"timm/{self.model}: no pretrained weights ({reason}). Three ways out: "
            f"timm/{self.model}[pretrained=false] for random weights; "
            f"timm/{self.model}[checkpoint=FILE] for a file of your own; or fill the hub's cache "
            f"on a machine with network: python -c \"import timm; timm.create_model('{self.model}'"
            ', pretrained=True)" and copy its folder (HF_HOME)'
        )


def _cached(repository: str | None) -> Path | None:
    """The weight file in the hub's local cache; asking the hub itself takes up to a minute of
    retries without a network."""
    from huggingface_hub import try_to_load_from_cache

    if not repository:
        return None
    name, _, revision = repository.partition("@")
    for file in _HUB_FILES:
        found = try_to_load_from_cache(name, file, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def _reachable() -> bool:
    """Whether the hub answers within three seconds, or a proxy stands before it."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    address = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT", _HUB))
    if address.scheme in urllib.request.getproxies():
        return True
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=3).close()
    except OSError:
        return False
    return True


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [Component("timm/*", f"{__name__}:TimmModel", TimmModel.summary)]
