"""The same from Python: a table of results, and features of images in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import benchbench
from benchbench.errors import UsageError
from tests.test_sweep import by_hand

QUIET = {"controls": False, "device": "cpu"}


def _run(tmp_path: Path, features: Any = "mean", **options: Any) -> pd.DataFrame:
    chosen = {"task": "sum", "dataset": "pictures", "backbone": "net", "out": tmp_path / "out"}
    return benchbench.run(features, **{**chosen, **QUIET, **options})


def test_run_gives_a_table(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = ["mean", "raises", "mean[scale=2]"]
    found = _run(tmp_path, features, backbone="net[seed=1]", seeds=[0, 1])
    assert len(found) == 6
    assert list(found["status"].value_counts()[["ok", "failed"]]) == [4, 2]
    row = found[(found["extractor"] == "mean[scale=2.0]") & (found["seed"] == 1)].iloc[0]
    assert (row["task"], row["dataset"], row["backbone"]) == ("sum", "pictures", "net[seed=1]")
    assert row["n"] == row["n_scored"] == 24 and row["feature_width"] == 6
    assert row["error"] > 0 and not row["control"]
    assert found[found["status"] == "failed"]["reason"].str.startswith("ValueError").all()
    assert list(found["status"])[-2:] == ["failed", "failed"]
    captured = capsys.readouterr()
    assert captured.out == "" and "sweep   pictures × net[seed=1]: 30 images" in captured.err
    assert _run(tmp_path, features, backbone="net[seed=1]", seeds=[0, 1]).equals(found)


def test_wrong_calls(toys: Path, tmp_path: Path) -> None:
    for changes, said in (
        ({"features": "maen"}, "did you mean 'mean'"),
        ({"precision": "float16"}, "precision 'float16'"),
        ({"retry": "maybe"}, "retry 'maybe'"),
        ({"limit": 0}, "limit 0"),
        ({"device": "toaster"}, "device 'toaster'"),
    ):
        with pytest.raises(UsageError, match=said):
            _run(tmp_path, **changes)


def _images(names: list[str]) -> list[np.ndarray]:
    return [benchbench.dataset("pictures").load(name) for name in names]


NAMES = ["c0_l0", "c1_l2", "c0_l4", "c3_l1"]


def test_extract_by_name(toys: Path) -> None:
    images = _images(NAMES)
    found = benchbench.extract("net", images, "mean", device="cpu")
    assert found.shape == (4, 6) and found.dtype == torch.float32 and not found.requires_grad
    np.testing.assert_allclose(found, [by_hand(name) for name in NAMES], atol=1e-5)
    joined = benchbench.extract("net", images, "mean[scale=2]+spread+product", device="cpu")
    assert joined.shape == (4, 6 + 4 + 2)
    torch.testing.assert_close(joined[:, :6], 2 * found)


def test_extract_takes_a_tensor_or_arrays(toys: Path) -> None:
    images = _images(["c0_l0", "c0_l4"])
    tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    torch.testing.assert_close(benchbench.extract("net", tensor, "mean", device="cpu"),
                               benchbench.extract("net", images, "mean", device="cpu"))


def test_extract_by_preprocessing(toys: Path) -> None:
    images = _images(NAMES)
    by_name = benchbench.extract("net[size=16,mean=0.5+0.5+0.5]", images, "mean", device="cpu")
    by_option = benchbench.extract("net", images, "mean", device="cpu",
                                   preprocessing={"size": 16, "mean": (0.5, 0.5, 0.5)})
    torch.testing.assert_close(by_name, by_option)
    other = benchbench.extract(benchbench.backbone("net"), images, "mean", device="cpu")
    assert not torch.allclose(by_name, other)


class Classifier(torch.nn.Module):
    """With everything that a careless harness would change: dropout, running means, frozen
    parameters, mixed modes, and an input of 32 pixels that a linear layer insists on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.second = torch.nn.Conv2d(3, 5, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(5)
        self.drop = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(5 * 32 * 32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.drop(self.norm(self.second(x))).flatten(1))
        return found


def test_extract_of_a_module_of_one_s_own_leaves_it_as_it_was(toys: Path) -> None:
    (toys / "five.py").write_text(
        "from benchbench import Activation, Extractor, hookimpl\n"
        "class Five(Extractor):\n"
        "    name = 'five'\n"
        "    def probes(self, facts): return [Activation('second', 'avg')]\n"
        "    def shape(self, facts): return (facts.layer('second').channels,)\n"
        "    def extract(self, signals): return signals[Activation('second', 'avg')]\n"
        "@hookimpl\n"
        "def benchbench_extractors(): return [Five]\n"
    )
    from tests.toys import forget_plugins

    forget_plugins()
    model = Classifier()
    model.train()
    model.norm.eval()
    model.second.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(0))
    found = benchbench.extract(model, images, "five", device="cpu",
                               preprocessing={"mean": (0.5,) * 3, "std": (0.5,) * 3})
    with torch.no_grad():
        expected = model.second(images.float() / 127.5 - 1).mean((2, 3))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and model.drop.training and not model.norm.training
    assert not model.second.weight.requires_grad and model.head.weight.requires_grad
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("images", "features", "said"),
    [
        (torch.zeros(1, 3, 8, 8), "mean", "got a torch.float32 tensor .*expected uint8"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "mean", r"tensor \(3, 8, 8\), expected uint8 \["),
        ([np.zeros((8, 8, 3))], "mean", "image 0 is float64 .*expected uint8"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)], "mean", "image 1 is uint8"),
        ([], "mean", "no images"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "mean", "no images"),
        ([np.zeros((24, 24, 3), np.uint8)], "mean,spread", "expected one feature, got 'mean,sp"),
        ([np.zeros((24, 24, 3), np.uint8)], "behind", "compares images with references"),
        ([np.zeros((24, 24, 3), np.uint8)], "maen", "did you mean 'mean'"),
        ([np.zeros((24, 24, 3), np.uint8)], "nolayer", "layer 'third'"),
    ],
)
def test_what_extract_refuses(toys: Path, images: Any, features: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        benchbench.extract("net", images, features, device="cpu")


def test_the_public_door_is_whole() -> None:
    for name in benchbench.__all__:
        assert getattr(benchbench, name) is not None
    assert benchbench.__version__ and set(benchbench.__all__) <= set(dir(benchbench))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        benchbench.nothing  # noqa: B018
