"""Pretrained networks reach their known counts through ``benchbench run``: our own table, files,
preprocessing, sweep and stored features, with a task that counts right answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchbench.cli import cli
from tests.toys import forget_plugins

COUNTING = '''
"""The task ``right``: how many labels are the place of the largest feature."""

from benchbench import Outcome, Score, Task, hookimpl


class Right(Task):
    name = "right"
    metrics = ("right",)
    needs = ("label",)

    def evaluate(self, features, table, seed):
        made = self.tested(table, seed).assign(prediction=features.rows.argmax(1).astype(float))
        return Outcome(self.score(made, seed), made)

    def tested(self, table, seed):
        return table[["image", "group"]].assign(split=0, target=table["label"])

    def score(self, predictions, seed):
        right = predictions["prediction"] == predictions["target"]
        return {"right": Score(float(right.sum()))}


@hookimpl
def benchbench_tasks():
    return [Right]
'''
IMAGENET = """
name = "imagenet-sample"
folder = "{folder}"
size = "model"
[table]
file = "labels.csv"
columns = {{ image = "images/{{file}}", label = "class_index" }}
"""


@pytest.mark.parametrize(("network", "dataset", "count", "of", "tolerance"), [
    ("timm/mobilenetv2_100[checkpoint={w}/mobilenetv2_100_padsame.pth,pad_type=same,mean=0.5,"
     "std=0.5,interpolation=bilinear]", "{card}", 177, 200, 2),
    ("torchvision/squeezenet1_0[checkpoint={w}/squeezenet1_0.pth]", "{card}", 128, 200, 2),
    ("resnet20-cifar[checkpoint={w}/resnet20_cifar10.pth]", "cifar10[layout=folders]", 1807, 2000,
     5),
])
def test_a_pretrained_network_reaches_its_count(
    network: str, dataset: str, count: int, of: int, tolerance: int, tmp_path: Path,
    shared_data: Path, store: Path, fresh_registry: None, monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "counting.py").write_text(COUNTING)
    card = tmp_path / "sample.toml"
    card.write_text(IMAGENET.format(folder=(shared_data / "imagenet_sample").as_posix()))
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(plugins))
    monkeypatch.setenv("BENCHBENCH_DATA", str(shared_data))
    forget_plugins()

    runs, features = tmp_path / "runs", tmp_path / "features.npz"
    call("run", "--features", "logits", "--task", "right", "--no-controls", "--out", runs,
         "--backbone", network.format(w=shared_data / "weights"),
         "--dataset", dataset.format(card=card), "--device", "cpu")
    [path] = (runs / "cells").glob("*.json")
    record = json.loads(path.read_text())
    assert record["status"] == "ok" and record["dataset"]["n_scored"] == of
    assert abs(record["scores"]["right"]["value"] - count) <= tolerance

    call("export", record["cell"], "--to", features, "--out", runs)
    with np.load(features) as kept:
        assert kept["features"].shape == (of, 1000 if of == 200 else 10)
        guessed = dict(zip(kept["image"], kept["features"].argmax(1), strict=True))
    if of == 200:
        lines = (shared_data / "imagenet_sample/labels.csv").read_text().splitlines()[1:]
        known = {f"images/{file}": int(label) for file, label, *_ in
                 (line.split(",") for line in lines)}
        right = sum(guessed[image] == label for image, label in known.items())
        assert right == record["scores"]["right"]["value"]


def call(*words: object) -> None:
    found = CliRunner().invoke(cli, [str(word) for word in words])
    assert found.exit_code == 0, found.output
