"""What ``benchbench new`` writes. ``$name`` is the component's, ``$stem`` the module's name."""

from __future__ import annotations

import io
from string import Template

EXTRACTOR = Template('''\
"""Extractor ``$name``: the mean activation of one layer."""

from benchbench import Activation, Extractor, hookimpl


class $class_name(Extractor):
    name = "$name"
    summary = "mean activation of one layer"

    def __init__(self, layer: str | None = None):  # $name[layer=conv1]
        self.layer = layer

    def probes(self, facts):
        last = [layer for layer in facts.layers if layer.channels][-1]
        layer = facts.layer(self.layer) if self.layer else last
        self.asked, self.width = Activation(layer.name, "avg"), layer.channels
        return [self.asked]

    def shape(self, facts):
        self.probes(facts)
        return (self.width,)

    def extract(self, signals):
        return signals[self.asked]  # [images, channels]


@hookimpl
def benchbench_extractors():
    return [$class_name]
''')

BACKBONE = Template('''\
"""Backbone ``$name``: any ``nn.Module``; put your own in ``build``."""

from benchbench import Backbone, hookimpl


class $class_name(Backbone):
    name = "$name"
    version = "1"  # goes up when the numbers change
    summary = "a small classifier with random weights"
    gives = ("logits", "activations")
    preprocessing = {"size": 32, "resize": 32, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}

    def build(self):
        import torch
        from torch import nn

        # Replace these lines; weights of a file: model.load_state_dict(load_file("….safetensors"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Linear(8, 10))
        return model.eval()


@hookimpl
def benchbench_backbones():
    return [$class_name]
''')

TASK = Template('''\
"""Task ``$name``: do images with larger features look better?"""

from benchbench import Outcome, Score, Task, hookimpl, oriented, quality_metrics


class $class_name(Task):
    name = "$name"
    version = "1"  # goes up when the numbers change
    summary = "rank correlation of the length of an image's features with its score"
    takes = ("vector", "score")  # what extractors give
    needs = ("score",)  # columns of the dataset's table
    metrics = ("srocc",)  # the first is the primary one

    def tested(self, table, seed):  # what is asked of each image
        import pandas as pd

        return pd.DataFrame({"image": table["image"], "split": 0, "group": table["group"],
                             "target": table["score"]})

    def evaluate(self, features, table, seed):
        import numpy as np

        length = np.linalg.norm(features.rows.reshape(len(table), -1), axis=1)
        announced = oriented(length, table.attrs["higher_is_better"])  # False for dmos
        predictions = self.tested(table, seed).assign(prediction=announced)
        return Outcome(self.score(predictions, seed), predictions)

    def score(self, predictions, seed):  # from the file of predictions alone
        found = quality_metrics(predictions["prediction"], predictions["target"])
        srocc = found.estimates["srocc"]
        return {"srocc": Score(srocc.value, note=srocc.note)}


@hookimpl
def benchbench_tasks():
    return [$class_name]
''')

CARD = Template('''\
# Dataset $name. Replace the example pictures and scores in $stem/ with your own, then:
#   benchbench run --dataset $stem.toml
name = "$name"
version = "1"            # goes up when images or scores change
summary = "four example pictures"
folder = "$stem"         # beside this card, or in --data-root
size = "native"          # "model" resizes each image to what the backbone was trained with

[table]
file = "scores.csv"      # one row an image; a header; paths relative to the folder

[table.columns]          # which column holds what; only image is required
image = "image"
reference = "original"   # the undistorted picture, for full-reference metrics
score = "mos"
# further roles: score_std, distortion, level, label, outlier, split, group

[score]
kind = "mos"             # "dmos" for difference scores
higher_is_better = true
range = [1.0, 5.0]
''')

PLUGIN_TEST = Template('''\
"""The conformance suite on $stem.py. Add a number of your own that you know by other means."""

from pathlib import Path

from benchbench.testing import assert_conforms, check_file


def test_conforms():
    assert_conforms(check_file(Path(__file__).with_name("$stem.py")))
''')

CARD_TEST = Template('''\
"""The conformance suite on $stem.toml: the table, and a sample of the images."""

from pathlib import Path

import benchbench
from benchbench.testing import assert_conforms, check_file

CARD = Path(__file__).with_name("$stem.toml")


def test_conforms():
    assert_conforms(check_file(CARD))


def test_has_all_images():
    assert len(benchbench.dataset(str(CARD)).table()) == 4
''')

TEMPLATES: dict[str, dict[str, Template]] = {
    "extractor": {"{stem}.py": EXTRACTOR, "test_{stem}.py": PLUGIN_TEST},
    "backbone": {"{stem}.py": BACKBONE, "test_{stem}.py": PLUGIN_TEST},
    "task": {"{stem}.py": TASK, "test_{stem}.py": PLUGIN_TEST},
    "dataset": {"{stem}.toml": CARD, "test_{stem}.py": CARD_TEST},
}
"""By kind: file names and what is in them, the plugin or card first."""


def example_pictures() -> dict[str, bytes]:
    """The toy pictures of two contents as PNG, and their scores as CSV."""
    from PIL import Image

    from benchbench.testing.toys import ToyPictures

    pictures = ToyPictures()
    table = pictures.table()
    rows = table[table["image"].isin(["rings-1", "rings-3", "waves-1", "waves-3"])]
    lines = ["image,original,mos"]
    lines += [f"{row.image}.png,{row.reference}.png,{row.score:g}" for row in rows.itertuples()]
    files = {"scores.csv": ("\n".join(lines) + "\n").encode()}
    for image in dict.fromkeys([*rows["reference"], *rows["image"]]):
        buffer = io.BytesIO()
        Image.fromarray(pictures.load(image)).save(buffer, "PNG")
        files[f"{image}.png"] = buffer.getvalue()
    return files
