"""What gradients need of a plan, and what their cells say, from the selection to the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchbench.cells import Cell, Selection
from benchbench.errors import UsageError
from benchbench.plan import make_plan
from tests.toys import execute, forget_plugins

SORTER = '''
import numpy as np
import pandas as pd
import torch

from benchbench import Backbone, Dataset, Outcome, Score, Task, hookimpl


class Tagged(Dataset):
    """Random pictures of some classes; ``black`` is the number of one that is all black."""

    name = "tagged"

    def __init__(self, labels: str = "0 1 2 1 0 2", black: int = -1, side: int = 12):
        self.labels, self.black, self.side = labels.split(), black, side

    def table(self):
        table = pd.DataFrame({"image": [f"p{i}" for i in range(6)], "score": range(6)})
        if self.labels != ["none"]:
            numbers = all(label.isdigit() for label in self.labels)
            table["label"] = list(map(int, self.labels)) if numbers else self.labels
        return table

    def load(self, image):
        random = np.random.default_rng(int(image[1:]))
        picture = random.integers(1, 255, (self.side, self.side, 3)).astype(np.uint8)
        return picture * (image != f"p{self.black}")


class Twice(torch.nn.Module):
    """A layer whose weight is used behind the layer's back."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 4, 3)
        self.tied = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.tied(self.first(x).mean((2, 3))) @ self.tied.weight)


class Sorter(Backbone):
    name = "sorter"
    gives = ("logits", "activations")
    preprocessing = {"size": 12, "resize": 12, "mean": 0.0, "std": 1.0}

    def build(self):
        return Twice().eval()

    def loss(self, name, outputs, inputs, labels):
        loss = super().loss(name, outputs, inputs, labels)
        return loss / inputs.amax((1, 2, 3)) if name == "energy" else loss


class Sum(Task):
    name = "sum"
    takes = ("vector",)
    metrics = ("total",)

    def evaluate(self, features, table, seed):
        flat = features.rows.reshape(len(table), -1).sum(1).astype(float)
        predictions = pd.DataFrame({"image": table["image"], "split": 0, "group": table["group"],
                                    "target": 0.0, "prediction": flat})
        return Outcome({"total": Score(float(flat.sum()))}, predictions)


@hookimpl
def benchbench_datasets():
    return [Tagged]


@hookimpl
def benchbench_backbones():
    return [Sorter]


@hookimpl
def benchbench_tasks():
    return [Sum]
'''


@pytest.fixture(autouse=True)
def _sorter(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "sorter.py").write_text(SORTER, encoding="utf-8")
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(folder))
    forget_plugins()


def _selection(features: str, **changes: Any) -> Selection:
    given = {"task": "sum", "dataset": "tagged", "backbone": "sorter", "controls": False}
    return Selection(features, **{**given, **changes})


def _only(features: str, **changes: Any) -> Cell:
    (cell,) = make_plan(_selection(features, **changes)).cells
    return cell


# Labels.


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("none", "needs a whole number from 0 .* dataset tagged has not; take loss=pseudo-label"),
        ("a b a b c c", "needs a whole number from 0 .* take loss=pseudo-label"),
        ("0.5 1 2 1 0 2", "needs a whole number from 0"),
        ("0 1 2 1 0 -1", "needs a whole number from 0"),
        ("0 1 2 3 0 2", "has labels up to 3, the backbone 3 classes, .*take loss=pseudo-label"),
    ],
)
def test_the_loss_to_labels_that_are_not_there(labels: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _only("grad[loss=label]", dataset=f"tagged[labels={labels}]")
    assert _only("grad[loss=uniform]", dataset=f"tagged[labels={labels}]").reason is None


def test_features_that_depend_on_labels_know_them() -> None:
    """Everywhere else a changed label gives new cells over the same features."""
    other = "tagged[labels=0 1 2 1 0 1]"
    for features, same in (("grad[loss=label]", False), ("grad[loss=uniform]", True)):
        keys = {_only(features, dataset=name).features_key for name in ("tagged", other)}
        assert (len(keys) == 1) == same


def test_the_loss_to_labels(tmp_path: Path) -> None:
    import torch

    from benchbench.api import backbone, dataset
    from benchbench.features import read_features

    cell = _only("grad[loss=label,layer=head,reduce=full]")
    assert cell.feature is not None
    (record,), _ = execute(tmp_path, _selection("grad[loss=label,layer=head,reduce=full]"))
    assert record.status == "ok", record.reason
    rows = torch.from_numpy(read_features(cell.features_key)[1].copy())
    model, pictures = backbone("sorter").build(), dataset("tagged")
    table = pictures.table()
    for row, image, label in zip(rows, table["image"], table["label"], strict=True):
        x = torch.from_numpy(pictures.load(image)).permute(2, 0, 1)[None] / 255
        loss = torch.nn.functional.cross_entropy(model(x), torch.tensor([label]))
        (true,) = torch.autograd.grad(loss, model.head.weight)
        assert torch.allclose(row, true, rtol=1e-4, atol=1e-7)


# Sizes.


def test_a_map_at_another_size_than_the_model_s_own() -> None:
    whole = "activation[layer=first,pool=none]"
    for backbone in ("sorter", "sorter[size=16]"):  # the dataset's own default is native size
        with pytest.raises(UsageError, match=r"grows with the image; take pool=avg, .*size=model"):
            _only(whole, backbone=backbone)
        assert _only("activation[layer=first]", backbone=backbone).reason is None
    for backbone in ("sorter[size=model]", "sorter[size=12]"):
        cell = _only(whole, backbone=backbone)
        assert cell.feature is not None and cell.feature.shape == (4, 10, 10)


@pytest.mark.parametrize(
    ("features", "gigabytes", "said"),
    [
        ("grad[layer=head,reduce=full]", 2e-7, r"; reduce=filter gives \[3\], 7.2e-08 GB"),
        ("grad[layer=head,reduce=full]", 5e-8, r"; reduce=norm gives \[1\], 2.4e-08 GB"),
        ("grad[layer=head,reduce=full]", 1e-9, "; choose a smaller reduction"),
        ("activation[layer=first,pool=none]", 1e-6, r"; pool=avgstd gives \[8\], 1.9e-07 GB"),
        ("activation[layer=first,pool=none]", 1e-7, r"; pool=avg gives \[4\], 9.6e-08 GB"),
        ("grad+activation", 1e-9, "; choose a smaller reduction"),
    ],
)
def test_too_many_numbers_are_answered_with_fewer(features, gigabytes, said) -> None:
    with pytest.raises(UsageError, match=f"over --max-feature-gb {gigabytes:g}{said}"):
        _only(features, max_feature_gb=gigabytes, backbone="sorter[size=model]")


# What a record says.


def test_a_layer_that_needs_the_loop_is_marked_once_where_it_was_used(tmp_path: Path) -> None:
    features = "grad[layer=tied],grad[layer=tied,reduce=norm],grad[layer=head],activation"
    records, told = execute(tmp_path, _selection(features))
    assert {record.status for record in records} == {"ok"}
    marks = [[n for n in record.notes if "image by image" in n] for record in records]
    assert [len(found) for found in marks] == [1, 1, 0, 0]
    assert marks[0][0].startswith("gradients of tied.weight: image by image, because its weight")
    assert [line for line in told.said if "image by image" in line] == marks[0]
    again, _ = execute(tmp_path, _selection(features, seeds=(1,)))  # over stored features
    assert [[n for n in record.notes if "image by image" in n] for record in again] == marks


def test_gradients_that_are_not_finite_name_the_image(tmp_path: Path) -> None:
    features = "grad[layer=first,loss=energy],grad[layer=first,loss=uniform]"
    records, _ = execute(tmp_path, _selection(features, dataset="tagged[black=4]"))
    broken, whole = records
    assert broken.status == "failed" and whole.status == "ok"
    assert "features of image 'p4' are not finite (1 such images" in str(broken.reason)
