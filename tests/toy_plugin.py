"""The toy plugin of the tests: copied into a folder of the test's own and loaded from there, as an
outsider's single file is. Each component is good, or wrong in one way."""

import os
import time
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch

from benchbench import (
    Activation,
    Backbone,
    Dataset,
    Extractor,
    OfReference,
    Outcome,
    Output,
    Pixels,
    Score,
    Task,
    hookimpl,
)


def _log(line):
    """Workers append to one file, where a test asks for it."""
    if "TOY_LOG" in os.environ:
        with open(os.environ["TOY_LOG"], "a") as file:
            file.write(line + "\n")


class Pictures(Dataset):
    """Some contents, each with its reference and versions with more and more noise."""

    name = "pictures"
    score_kind = "mos"

    def __init__(self, contents: int = 6, levels: int = 4, sizes: int = 2, rows: str = "noisy",
                 labels: str = "plain"):
        self.contents, self.levels, self.sizes = contents, levels, sizes
        self.rows, self.labels = rows, labels

    def table(self):
        rows = []
        for c in range(self.contents):
            first = 0 if self.rows == "all" else 1
            for level in range(first, self.levels + 1):
                rows.append({"image": f"c{c}_l{level}", "reference": f"c{c}_l0",
                             "score": 5.0 - level + 0.01 * c, "level": level})
        table = pd.DataFrame(rows)
        if self.labels == "bare":
            table = table.drop(columns=["reference"])
        return table

    def load(self, image):
        _log(f"load {image}")
        content, level = (int(part[1:]) for part in image.split("_"))
        random = np.random.default_rng(content)
        shape = ((24, 32, 3), (28, 20, 3), (40, 40, 3))[content % self.sizes]
        base = random.integers(60, 200, shape)
        noise = np.random.default_rng([content, level]).normal(0, 12 * level, shape)
        return np.clip(base + noise, 0, 255).astype(np.uint8)


class Private(Pictures):
    """Pictures whose labels may not be passed on."""

    name = "private"
    share_labels = False


class Net(Backbone):
    name = "net"
    gives = ("latent", "activations")
    preprocessing = MappingProxyType({"size": 24, "resize": 24})

    def __init__(self, seed: int = 0, most: int = 1000, fitted: str = ""):
        self.seed, self.most = seed, most
        self.fitted_on = (fitted,) if fitted else ()

    def build(self):
        torch.manual_seed(self.seed)
        net = torch.nn.Sequential()
        net.add_module("first", torch.nn.Conv2d(3, 4, 3, stride=2))
        net.add_module("act", torch.nn.Tanh())
        net.add_module("second", torch.nn.Conv2d(4, 6, 3))
        return net.eval()

    def forward(self, model, inputs):
        _log(f"forward {len(inputs)} {tuple(inputs.shape[2:])}")
        if len(inputs) > int(os.environ.get("TOY_MOST", self.most)):
            raise torch.OutOfMemoryError(f"CUDA out of memory: {len(inputs)} images do not fit")
        return {"latent": model(inputs).mean((2, 3))}


class Feature(Extractor):
    """Pooled activations; the base of those that go wrong."""

    probe = Activation("second", "avg")
    width = 6

    def probes(self, facts):
        return [self.probe]

    def shape(self, facts):
        return (self.width,)

    def extract(self, signals):
        return signals[self.probe]


class Mean(Feature):
    name = "mean"

    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def extract(self, signals):
        return signals[self.probe] * self.scale


class Latent(Feature):
    name = "latent"
    probe = Output("latent")


class Spread(Feature):
    name = "spread"
    probe = Activation("first", "std")
    width = 4


class Sharpness(Feature):
    name = "sharpness"
    gives = "score"
    higher_is_better = False

    def shape(self, facts):
        return ()

    def extract(self, signals):
        return signals[self.probe].std(1)


class Behind(Feature):
    """How far an image's activations are from those of its reference."""

    name = "behind"

    def probes(self, facts):
        return [self.probe, OfReference(self.probe)]

    def extract(self, signals):
        return signals[self.probe] - signals[OfReference(self.probe)]


class Error(Extractor):
    """The mean squared error of an image against its reference: looks at pixels alone."""

    name = "error"
    gives = "score"
    higher_is_better = False
    needs_backbone = False

    def probes(self, facts):
        return [Pixels(), OfReference(Pixels())]

    def shape(self, facts):
        return ()

    def extract(self, signals):
        found = signals[Pixels()].double() - signals[OfReference(Pixels())].double()
        return found.square().flatten(1).mean(1)


class Product(Extractor):
    """A matrix product of pixels, which autocast would round."""

    name = "product"
    needs_backbone = False

    def probes(self, facts):
        return [Pixels()]

    def shape(self, facts):
        return (2,)

    def extract(self, signals):
        pixels = signals[Pixels()][:, :, :20, :20].float().flatten(1)
        weights = torch.linspace(0, 1, pixels.shape[1] * 2).reshape(-1, 2)
        return pixels @ weights


class Constant(Feature):
    name = "constant"

    def extract(self, signals):
        return torch.ones_like(signals[self.probe])


class Sum(Task):
    """Predicts a score by the sum of its features: quick, and the answer is known."""

    name = "sum"
    takes = ("vector", "score")
    metrics = ("error",)
    needs = ("score",)

    def __init__(self, fault: str = ""):
        self.fault = fault

    def evaluate(self, features, table, seed):
        if self.fault == "raises":
            raise RuntimeError("the task is at a loss")
        if self.fault == "slow":
            time.sleep(5)
        predicted = features.rows.reshape(len(table), -1).sum(1).astype(float)
        made = self.tested(table, seed).assign(prediction=predicted)
        if self.fault == "fewer":
            made = made.iloc[1:]
        if self.fault == "nan prediction":
            made.loc[2, "prediction"] = np.nan
        details = {"rows": np.int64(3)} if self.fault == "details" else {"seed": seed}
        scores = {"error": Score(float("nan"))} if self.fault == "nan" else self.score(made, seed)
        return Outcome(scores, made, ["a note of the task"], details)

    def tested(self, table, seed):
        return pd.DataFrame({"image": table["image"], "split": 0, "group": table["group"],
                             "target": table["score"]})

    def score(self, predictions, seed):
        error = (predictions["prediction"] - predictions["target"]).abs().mean()
        return {"error": Score(float(error), False)}


class Maps(Task):
    name = "maps"
    takes = ("map",)


class Labelled(Task):
    name = "labelled"
    needs = ("label",)


def _named(kind):
    """Every class of that kind above that has a name."""
    return [found for found in globals().values()
            if isinstance(found, type) and issubclass(found, kind) and found.name]


@hookimpl
def benchbench_datasets():
    return _named(Dataset)


@hookimpl
def benchbench_backbones():
    return _named(Backbone)


@hookimpl
def benchbench_extractors():
    return _named(Extractor)


@hookimpl
def benchbench_tasks():
    return _named(Task)
