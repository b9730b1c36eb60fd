"""The backbone ``resnet20-cifar``: the 20-layer network for CIFAR-10 of He et al. (2016)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import Backbone, Component, checkpoints, hookimpl

if TYPE_CHECKING:
    import torch

_SEED = 0
"""Of random weights."""


class ResNet20Cifar(Backbone):
    """``resnet20-cifar[checkpoint=FILE]``: three groups of three blocks, 16, 32 and 64 channels,
    parameter-free shortcuts (every second pixel, missing channels zero), 10 classes.

    Without a checkpoint the weights are random, always the same. Output: ``logits``
    ``[images, 10]``.
    """

    name = "resnet20-cifar"
    summary = "ResNet-20 for CIFAR-10 with parameter-free shortcuts, from a checkpoint"
    gives = ("logits", "activations")
    preprocessing: Mapping[str, Any] = {
        "size": 32,
        "resize": 32,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "interpolation": "bilinear",
    }

    def __init__(self, checkpoint: Path | None = None) -> None:
        self.checkpoint = checkpoint
        if checkpoint is None:
            self.notes = ("random weights",)

    def build(self) -> torch.nn.Module:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            model = _network()
        if self.checkpoint is not None:
            checkpoints.load_weights(model, self.checkpoint)
        return model.eval()


def _network() -> torch.nn.Module:
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, channels: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.stride, self.added = stride, out - channels

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = functional.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            low, high = self.added // 2, self.added - self.added // 2
            short = x[:, :, :: self.stride, :: self.stride]
            return functional.relu(y + functional.pad(short, (0, 0, 0, 0, low, high)))

    class ResNet20(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(16)
            self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(3)))
            self.layer2 = nn.Sequential(Block(16, 32, 2), *(Block(32, 32, 1) for _ in range(2)))
            self.layer3 = nn.Sequential(Block(32, 64, 2), *(Block(64, 64, 1) for _ in range(2)))
            self.linear = nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = functional.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.linear(x.mean((2, 3)))

    return ResNet20()


@hookimpl
def benchbench_backbones() -> list[Component]:
    return [Component("resnet20-cifar", f"{__name__}:ResNet20Cifar", ResNet20Cifar.summary)]
