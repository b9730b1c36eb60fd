"""Models of timm: preprocessing, checkpoints, and what is said where there are no weights."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from benchbench_plugins import timm_models
from benchbench_plugins.timm_models import TimmModel
from safetensors.torch import save_file

from benchbench import Backbone, DataError, UsageError
from benchbench.describe import describe
from benchbench.images import read_image
from benchbench.preprocessing import Preprocessing


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def test_random_weights_are_always_the_same_and_disturb_nobody() -> None:
    state = torch.random.get_rng_state()
    first = TimmModel("resnet10t", pretrained=False).build()
    assert torch.random.get_rng_state().equal(state)
    torch.manual_seed(99)
    second = TimmModel("resnet10t", pretrained=False).build()
    assert not first.training
    for name, tensor in first.state_dict().items():
        assert tensor.equal(second.state_dict()[name])
    assert describe(TimmModel("resnet10t", pretrained=False)).notes == ("random weights",)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenetv2_100", "vit_tiny_patch16_224", "dm_nfnet_f0", "convnext_atto"]
)
def test_preprocessing_is_timms_own(name: str) -> None:
    from PIL import Image

    model = timm.create_model(name)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    declared = TimmModel(name, pretrained=False).preprocessing
    ours = Preprocessing.of(declared)
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    theirs = transform(Image.fromarray(pixels))
    mean, std = ours.tensors(torch.float32)
    images = torch.from_numpy(ours.apply(pixels)).permute(2, 0, 1)[None]
    torch.testing.assert_close(Backbone().prepare(images, mean, std)[0], theirs)
    assert declared["fixed"] is (name == "vit_tiny_patch16_224")


def test_options_reach_the_model() -> None:
    assert TimmModel("resnet10t", pretrained=False, num_classes=7).build().num_classes == 7
    headless = describe(TimmModel("resnet10t", pretrained=False, num_classes=0))
    assert headless.gives == ("latent", "activations")
    assert headless.outputs == {"latent": (512,)}
    small = TimmModel("vit_tiny_patch16_224", pretrained=False, img_size=64)
    assert small.preprocessing["size"] == (64, 64)
    free = TimmModel("vit_tiny_patch16_224", pretrained=False, dynamic_img_size=True)
    assert free.preprocessing["fixed"] is False


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("resnet81", {}, "did you mean 'resnet18'"),
        ("resnet18.nope", {}, r"timm has resnet18\.a1_in1k"),
        ("resnet18", {"colour": 3}, "'colour'"),
    ],
)
def test_unknown_names_and_options_are_said(
    model: str, options: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        TimmModel(model, pretrained=False, **options).build()


def test_without_weights_and_network_three_ways_out_are_named(hub: Path) -> None:
    with pytest.raises(DataError) as caught:
        TimmModel("resnet18").build()
    said = str(caught.value)
    assert "resnet18[pretrained=false]" in said
    assert "resnet18[checkpoint=FILE]" in said
    assert "hub's cache" in said


def test_weights_in_the_hubs_cache_need_no_network(hub: Path) -> None:
    torch.manual_seed(5)
    model = timm.create_model("resnet10t")
    folder = hub / "models--timm--resnet10t.c3_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    save_file(model.state_dict(), folder / "snapshots" / "abc" / "model.safetensors")
    loaded = TimmModel("resnet10t").build().state_dict()
    assert all(loaded[name].equal(tensor) for name, tensor in model.state_dict().items())


def test_a_hub_out_of_reach_is_found_out_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert not timm_models._reachable()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert timm_models._reachable()


@pytest.fixture(params=["safetensors", "plain", "state_dict", "model", "module."])
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    torch.manual_seed(3)
    state = timm.create_model("resnet10t", num_classes=5).state_dict()
    path = tmp_path / ("w.safetensors" if request.param == "safetensors" else "w.pth")
    if request.param == "safetensors":
        save_file(state, path)
    elif request.param == "plain":
        torch.save(state, path)
    elif request.param == "module.":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    else:
        torch.save({"epoch": 3, request.param: state}, path)
    yield path, str(state["fc.weight"].sum().item())


def test_checkpoints_of_every_kind_are_read(checkpoint: tuple[Path, str]) -> None:
    path, expected = checkpoint
    model = TimmModel("resnet10t", checkpoint=path, num_classes=5).build()
    assert str(model.fc.weight.sum().item()) == expected


def test_a_checkpoint_that_does_not_fit_is_said_by_name(tmp_path: Path) -> None:
    state = timm.create_model("resnet10t", num_classes=5).state_dict()
    state["extra.weight"] = state.pop("fc.bias")
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    with pytest.raises(DataError) as caught:
        TimmModel("resnet10t", checkpoint=path).build()
    said = str(caught.value)
    assert "missing: fc.bias" in said
    assert "unexpected: extra.weight" in said
    assert "fc.weight (5, 512) for (1000, 512)" in said


class Trap:
    """What a pickle could run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return shutil.rmtree, ("nowhere",)


def test_no_pickled_code_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "trap.pth"
    torch.save({"state_dict": Trap()}, path)
    with pytest.raises(DataError, match="Pickled code is never"):
        TimmModel("resnet10t", checkpoint=path).build()
    path.write_bytes(b"")
    with pytest.raises(DataError, match="not readable as plain tensors"):
        TimmModel("resnet10t", checkpoint=path).build()
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="expected tensors by name"):
        TimmModel("resnet10t", checkpoint=path).build()
    with pytest.raises(DataError, match="not a readable safetensors"):
        (tmp_path / "w.safetensors").write_bytes(b"123")
        TimmModel("resnet10t", checkpoint=tmp_path / "w.safetensors").build()


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[tuple[np.ndarray, int]]:
    """The 200 pictures of ImageNet with their classes."""
    folder = shared_data / "imagenet_sample"
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [(read_image(folder / "images" / r["file"]), int(r["class_index"])) for r in rows]


def correct(
    pictures: list[tuple[np.ndarray, int]], backbone: Backbone, options: dict[str, str]
) -> int:
    """How many of the pictures are recognised."""
    steps = Preprocessing.of(backbone.preprocessing, options)
    model = backbone.build()
    mean, std = steps.tensors(torch.float32)
    found = 0
    for start in range(0, len(pictures), 25):
        some = pictures[start : start + 25]
        images = torch.from_numpy(np.stack([steps.apply(p) for p, _ in some])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits = backbone.forward(model, backbone.prepare(images, mean, std))["logits"]
        found += int((logits.argmax(1) == torch.tensor([label for _, label in some])).sum())
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mean": "0.5", "std": "0.5", "interpolation": "bilinear"}, 177),
        ({"mean": "0.5", "std": "0.5", "interpolation": "bicubic"}, 174),
        ({}, 143),
    ],
)
def test_a_pretrained_mobilenet_reaches_its_published_counts(
    shared_data: Path,
    pictures: list[tuple[np.ndarray, int]],
    options: dict[str, str],
    expected: int,
) -> None:
    path = shared_data / "weights/mobilenetv2_100_padsame.pth"
    backbone = TimmModel("mobilenetv2_100", checkpoint=path, pad_type="same")
    assert abs(correct(pictures, backbone, options) - expected) <= 2
    # timm's settings for the name are not those of this checkpoint, and that is said.
    notes = Preprocessing.of(backbone.preprocessing, options).notes
    assert bool(notes) is not bool(options)
