"""ResNet-20 for CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins.resnet_cifar import ResNet20Cifar

from benchbench import DataError
from benchbench.describe import describe
from benchbench.images import read_image
from benchbench.preprocessing import Preprocessing

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def test_its_size_is_the_published_one() -> None:
    facts = describe(ResNet20Cifar())
    # He et al. (2016), table 6: 0.27 million parameters; 19 convolutions and a linear layer.
    assert facts.parameters == 269_722
    assert sum(layer.kind in ("Conv2d", "Linear") for layer in facts.layers) == 20
    assert facts.outputs == {"logits": (10,)}
    assert facts.notes == ("random weights",)


def test_shortcuts_have_no_parameters_and_pad_with_zeros() -> None:
    block = ResNet20Cifar().build().layer2[0]
    with torch.no_grad():
        block.bn2.weight.zero_()
        block.bn2.bias.zero_()
        images = torch.rand(2, 16, 8, 8)
        out = block(images)
    assert out[:, 8:24].equal(images[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


def test_another_networks_checkpoint_is_refused(shared_data: Path) -> None:
    with pytest.raises(DataError, match=r"missing: conv1\.weight"):
        ResNet20Cifar(checkpoint=shared_data / "weights/squeezenet1_0.pth").build()


def test_the_pretrained_network_reaches_its_published_count(shared_data: Path) -> None:
    backbone = ResNet20Cifar(checkpoint=shared_data / "weights/resnet20_cifar10.pth")
    steps = Preprocessing.of(backbone.preprocessing)
    model = backbone.build()
    mean, std = steps.tensors(torch.float32)
    found = count = 0
    for number, name in enumerate(CLASSES):
        files = sorted((shared_data / "cifar10" / "test" / name).glob("*.png"))
        pixels = np.stack([steps.apply(read_image(path)) for path in files])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits = backbone.forward(model, backbone.prepare(images, mean, std))["logits"]
        found += int((logits.argmax(1) == number).sum())
        count += len(files)
    assert count == 2000
    assert abs(found - 1807) <= 5
