"""A small plugin file with a dataset, a backbone, extractors and a task, and a way to run them.

The text is written into a folder of the test's own and loaded through ``BENCHBENCH_PLUGIN_PATH``,
as an outsider's single file is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOY = '''
import os
import time

import numpy as np
import pandas as pd
import torch

from benchbench import (
    Activation, Backbone, Dataset, Extractor, OfReference, Outcome, Output, Pixels, Score, Task,
    hookimpl,
)


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
        if "TOY_LOG" in os.environ:
            with open(os.environ["TOY_LOG"], "a") as file:
                file.write(f"load {image}\\n")
        content, level = (int(part[1:]) for part in image.split("_"))
        random = np.random.default_rng(content)
        shape = ((24, 32, 3), (28, 20, 3), (40, 40, 3))[content % self.sizes]
        base = random.integers(60, 200, shape)
        noise = np.random.default_rng([content, level]).normal(0, 12 * level, shape)
        return np.clip(base + noise, 0, 255).astype(np.uint8)


class Net(Backbone):
    name = "net"
    gives = ("latent", "activations")
    preprocessing = {"size": 24, "resize": 24}

    def __init__(self, seed: int = 0, most: int = 0, fitted: str = ""):
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
        if "TOY_LOG" in os.environ:
            with open(os.environ["TOY_LOG"], "a") as file:
                file.write(f"forward {len(inputs)} {tuple(inputs.shape[2:])}\\n")
        if self.most and len(inputs) > self.most:
            raise torch.OutOfMemoryError(f"{len(inputs)} images do not fit")
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


class NotFinite(Feature):
    """NaN where the image is much noisier than a reference: not in every batch."""

    name = "notfinite"
    probe = Pixels()
    width = 1

    def extract(self, signals):
        spread = signals[self.probe].float().flatten(1).std(1, keepdim=True)
        return torch.where(spread > 60, torch.nan, spread)


class Raises(Feature):
    name = "raises"

    def extract(self, signals):
        raise ValueError("the extractor is at a loss")


class WrongShape(Feature):
    name = "wrongshape"

    def extract(self, signals):
        return signals[self.probe][:, :5]


class NoTensor(Feature):
    name = "notensor"

    def extract(self, signals):
        return [1.0]


class NoLayer(Feature):
    name = "nolayer"
    probe = Activation("third")


class BadProbes(Feature):
    name = "badprobes"

    def probes(self, facts):
        raise KeyError("lost")


class NoWidth(Feature):
    name = "nowidth"
    width = 0


class Refuses(Feature):
    name = "refuses"

    def probes(self, facts):
        from benchbench import UsageError
        raise UsageError("refuses: this backbone has nothing for it")


class Greedy(Feature):
    """Runs out of memory whatever the batch."""

    name = "greedy"

    def extract(self, signals):
        raise MemoryError("never enough")


class Slow(Feature):
    name = "slow"

    def extract(self, signals):
        time.sleep(5)
        return signals[self.probe]


class Behind(Feature):
    """How far an image's activations are from those of its reference."""

    name = "behind"

    def probes(self, facts):
        return [self.probe, OfReference(self.probe)]

    def extract(self, signals):
        return signals[self.probe] - signals[OfReference(self.probe)]


class BehindNothing(Behind):
    name = "behindnothing"

    def probes(self, facts):
        return [self.probe, OfReference(Activation("third"))]

    def extract(self, signals):
        return signals[OfReference(Activation("third"))]


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
        error = float(np.abs(predicted - table["score"]).mean())
        made = pd.DataFrame({
            "image": table["image"], "split": 0, "group": table["group"],
            "target": table["score"], "prediction": predicted,
        })
        if self.fault == "fewer":
            made = made.iloc[1:]
        if self.fault == "nan prediction":
            made.loc[2, "prediction"] = np.nan
        details = {"rows": np.int64(3)} if self.fault == "details" else {"seed": seed}
        value = float("nan") if self.fault == "nan" else error
        return Outcome({"error": Score(value, False)}, made, ["a note of the task"], details)


class Maps(Task):
    name = "maps"
    takes = ("map",)


class Labelled(Task):
    name = "labelled"
    needs = ("label",)


@hookimpl
def benchbench_datasets():
    return [Pictures]


@hookimpl
def benchbench_backbones():
    return [Net]


@hookimpl
def benchbench_extractors():
    return [Mean, Latent, Spread, Sharpness, NotFinite, Raises, WrongShape, NoTensor, NoLayer,
            BadProbes, NoWidth, Refuses, Greedy, Slow, Behind, BehindNothing, Error, Product,
            Constant]


@hookimpl
def benchbench_tasks():
    return [Sum, Maps, Labelled]
'''


def forget_plugins() -> None:
    """What is remembered of plugins and their files within a process."""
    from benchbench.identity import code_digest
    from benchbench.registry import registry

    registry.cache_clear()
    code_digest.cache_clear()


@dataclass
class Told:
    """A reporter that writes down what it is told."""

    sweeps: list[tuple[str, str, int]] = field(default_factory=list)
    cells: list[tuple[str, str, bool]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    done: list[tuple[int, int]] = field(default_factory=list)

    def sweep(self, sweep: Any, extractors: int) -> None:
        self.sweeps.append((str(sweep.source.made.selector), str(sweep.lens.made.selector),
                            extractors))

    def progress(self, done: int, total: int) -> None:
        self.done.append((done, total))

    def cell(self, cell: Any, record: Any, cached: bool) -> None:
        self.cells.append((cell.id, record.status, cached))

    def say(self, text: str) -> None:
        self.said.append(text)


def selection(features: str = "mean", **changes: Any) -> Any:
    """A selection of the toys, without the control rows."""
    from benchbench.plan import Selection

    chosen = {"task": "sum", "dataset": "pictures", "backbone": "net", "controls": False}
    return Selection(features=features, **{**chosen, **changes})


def execute(out: Path, chosen: Any, **options: Any) -> tuple[list[Any], Told]:
    """Run a selection in this process: its records and what the reporter was told."""
    from benchbench.executors.local import LocalExecutor, Options

    told = Told()
    options = {"device": "cpu", "command": "benchbench run …", **options}
    return LocalExecutor(Options(out, **options), told).run(chosen), told
