"""The geometric part against torchvision and timm on PIL images; options and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.errors import UsageError
from benchbench.preprocessing import INTERPOLATIONS, Preprocessing

DECLARED = {
    "size": 224, "resize": 256, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
    "interpolation": "bicubic",
}  # fmt: skip


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(8, 90), width=st.integers(8, 90), resize=st.integers(8, 60),
    crop=st.integers(4, 60), interpolation=st.sampled_from(INTERPOLATIONS),
)  # fmt: skip
def test_apply_equals_torchvision(
    height: int, width: int, resize: int, crop: int, interpolation: str
) -> None:
    from PIL import Image
    from torchvision.transforms import v2

    pixels = image(height, width)
    ours = Preprocessing.of({"size": crop, "resize": resize, "interpolation": interpolation}).apply(
        pixels
    )
    mode = v2.InterpolationMode(interpolation)
    theirs = v2.Compose([v2.Resize(resize, mode), v2.CenterCrop(crop)])(Image.fromarray(pixels))
    np.testing.assert_array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(300, 200), (97, 181), (64, 64)])
def test_apply_equals_timm(mode: str, interpolation: str, shape: tuple[int, int]) -> None:
    from PIL import Image
    from timm.data import create_transform

    pixels = image(*shape)
    transform = create_transform(
        (3, 64, 64), interpolation=interpolation, crop_pct=0.9, crop_mode=mode,
        mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4),
    )  # fmt: skip
    theirs = transform(Image.fromarray(pixels)).permute(1, 2, 0).numpy()
    declared = {
        "size": 64, "resize": (71, 71) if mode == "squash" else 71, "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.3, 0.4), "interpolation": interpolation,
    }  # fmt: skip
    ours = Preprocessing.of(declared)
    values = (ours.apply(pixels) / 255 - np.array(ours.mean)) / np.array(ours.std)
    np.testing.assert_allclose(values, theirs, atol=1e-6)


def test_native_size_leaves_the_image_alone() -> None:
    pixels = image(33, 47)
    native = Preprocessing.of(DECLARED, {}, "native")
    assert native.apply(pixels) is pixels
    assert native.output_size(33, 47) == (33, 47)
    assert native.crop is None


@settings(deadline=None, max_examples=30)
@given(height=st.integers(8, 90), width=st.integers(8, 90), size=st.integers(4, 40))
def test_output_size_is_the_size_that_comes_out(height: int, width: int, size: int) -> None:
    found = Preprocessing.of(DECLARED, {"size": size})
    assert found.apply(image(height, width)).shape[:2] == found.output_size(height, width)
    assert found.apply(image(height, width)).flags.c_contiguous


def test_options_from_the_command_line() -> None:
    found = Preprocessing.of(
        DECLARED,
        {"mean": "0.5", "std": "0.1+0.2+0.3", "interpolation": "bilinear", "size": "112"},
        "native",
    )
    assert found.mean == (0.5, 0.5, 0.5)
    assert found.std == (0.1, 0.2, 0.3)
    assert found.interpolation == "bilinear"
    assert (found.size, found.crop, found.resize) == (112, (112, 112), 128)
    assert Preprocessing.of(DECLARED, {"size": "112", "resize": "112"}).resize == 112
    assert Preprocessing.of(DECLARED, {"resize": "200+300"}).resize == (200, 300)


def test_default_size_is_the_datasets_unless_the_model_takes_no_other() -> None:
    assert Preprocessing.of(DECLARED, {}, "native").size == "native"
    fixed = {**DECLARED, "fixed": True}
    assert Preprocessing.of(fixed, {}, "native").size == "model"
    assert Preprocessing.of(fixed, {"size": "224"}).crop == (224, 224)
    for wrong in ("native", "112"):
        with pytest.raises(UsageError, match=r"224x224 pixels alone; use size=model"):
            Preprocessing.of(fixed, {"size": wrong})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sise": "3"}, "did you mean 'size'"),
        ({"size": "big"}, "'native', 'model' or a number of pixels"),
        ({"size": "0"}, "'native', 'model' or a number of pixels"),
        ({"size": "-3"}, "'native', 'model' or a number of pixels"),
        ({"size": "2.5"}, "'native', 'model' or a number of pixels"),
        ({"mean": "a"}, "numbers joined by '\\+'"),
        ({"mean": "0.1+0.2"}, "one number or three, got 2"),
        ({"mean": "nan"}, "finite"),
        ({"std": "0"}, "positive"),
        ({"resize": "1.5"}, "whole numbers of pixels"),
        ({"interpolation": "bicubik"}, "did you mean 'bicubic'"),
    ],
)
def test_wrong_options_are_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Preprocessing.of(DECLARED, options)


def test_a_recipe_takes_no_options() -> None:
    declared = {"recipe": "ygcr-patches", "size": 128}
    found = Preprocessing.of(declared, {"size": "native"}, "model")
    assert found.size == "native"
    assert found.to_json() == {"size": "native", "recipe": "ygcr-patches"}
    mean, std = found.tensors(__import__("torch").float64)
    assert mean.sum() == 0
    assert std.sum() == 3
    with pytest.raises(UsageError, match=r"'mean'.*ygcr-patches"):
        Preprocessing.of(declared, {"mean": "0.5"})
    with pytest.raises(UsageError, match="'size'"):
        Preprocessing.of(declared, {"size": "64"})


def test_json_tells_different_preprocessing_apart() -> None:
    import json

    def key(**options: Any) -> str:
        return json.dumps(Preprocessing.of(DECLARED, options).to_json(), sort_keys=True)

    assert key() == key(size="model") == key(mean=(0.485, 0.456, 0.406))
    keys = {
        key(), key(size="native"), key(size=112), key(mean=0.5), key(std=0.5), key(resize=240),
        key(interpolation="bilinear"),
    }  # fmt: skip
    assert len(keys) == 7
    # At native size nothing is resampled, so that resampling cannot tell cells apart.
    assert key(size="native") == key(size="native", interpolation="bilinear", resize=100)


def test_undeclared_preprocessing_is_noted_until_it_is_declared() -> None:
    declared = {**DECLARED, "assumed": "timm's data config for x"}
    assert "timm's data config for x" in Preprocessing.of(declared).notes[0]
    assert Preprocessing.of(declared, {"mean": "0.5", "std": "0.5"}).notes == ()
    assert Preprocessing.of(declared, {"size": "native"}).notes != ()
    assert Preprocessing.of(DECLARED).notes == ()


def test_tensors_broadcast_over_a_batch() -> None:
    import torch

    mean, std = Preprocessing.of(DECLARED).tensors(torch.float64)
    assert mean.shape == std.shape == (1, 3, 1, 1)
    assert mean.dtype == torch.float64
    assert std.flatten().tolist() == [0.229, 0.224, 0.225]
