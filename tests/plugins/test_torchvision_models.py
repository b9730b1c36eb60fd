"""Models of torchvision: preprocessing, checkpoints, and names that are not there."""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from benchbench_plugins.torchvision_models import TorchvisionModel

from benchbench import Backbone, DataError, UsageError
from benchbench.describe import describe
from benchbench.images import read_image
from benchbench.preprocessing import Preprocessing


def test_random_weights_are_always_the_same() -> None:
    first = TorchvisionModel("squeezenet1_1", pretrained=False, num_classes=4).build()
    torch.manual_seed(99)
    second = TorchvisionModel("squeezenet1_1", pretrained=False, num_classes=4).build()
    assert not first.training
    assert all(t.equal(second.state_dict()[n]) for n, t in first.state_dict().items())
    facts = describe(TorchvisionModel("squeezenet1_1", pretrained=False, num_classes=4))
    assert facts.outputs == {"logits": (4,)}
    assert facts.notes == ("random weights",)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b3", "vit_b_16"])
def test_preprocessing_is_that_of_the_default_weights(name: str) -> None:
    from PIL import Image
    from torchvision.models import get_model_weights

    declared = TorchvisionModel(name).preprocessing
    ours = Preprocessing.of(declared)
    pixels = np.random.default_rng(0).integers(0, 256, (310, 400, 3), dtype=np.uint8)
    theirs = get_model_weights(name).DEFAULT.transforms()(Image.fromarray(pixels))
    mean, std = ours.tensors(torch.float32)
    images = torch.from_numpy(ours.apply(pixels)).permute(2, 0, 1)[None]
    torch.testing.assert_close(Backbone().prepare(images, mean, std)[0], theirs)
    assert declared["fixed"] is (name == "vit_b_16")


@pytest.mark.parametrize("name", ["resnet81", "fasterrcnn_resnet50_fpn", "fcn_resnet50"])
def test_names_of_no_classifier_are_said(name: str) -> None:
    with pytest.raises(UsageError, match="no such classifier"):
        TorchvisionModel(name, pretrained=False).build()


def test_unknown_options_are_said() -> None:
    with pytest.raises(UsageError, match="'colour'"):
        TorchvisionModel("squeezenet1_1", pretrained=False, colour=3).build()


def test_without_weights_and_network_three_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_reach(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", out_of_reach)
    with pytest.raises(DataError) as caught:
        TorchvisionModel("squeezenet1_1").build()
    said = str(caught.value)
    assert "[pretrained=false]" in said
    assert "[checkpoint=FILE]" in said
    assert "cache of torch.hub" in said


def test_a_pretrained_squeezenet_reaches_its_published_count(shared_data: Path) -> None:
    folder = shared_data / "imagenet_sample"
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    backbone = TorchvisionModel(
        "squeezenet1_0", checkpoint=shared_data / "weights/squeezenet1_0.pth"
    )
    steps = Preprocessing.of(backbone.preprocessing)
    model = backbone.build()
    mean, std = steps.tensors(torch.float32)
    found = 0
    for start in range(0, len(rows), 25):
        some = rows[start : start + 25]
        pixels = [steps.apply(read_image(folder / "images" / row["file"])) for row in some]
        images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits = backbone.forward(model, backbone.prepare(images, mean, std))["logits"]
        labels = torch.tensor([int(row["class_index"]) for row in some])
        found += int((logits.argmax(1) == labels).sum())
    assert abs(found - 128) <= 2
    assert "ImageNet" in steps.notes[0]
