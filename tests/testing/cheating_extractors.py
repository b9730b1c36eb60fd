"""Extractors that break their contract, each in one way, and the check that has to see it."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from benchbench import Activation, Extractor, Model, Output, Pixels


def _hook(*args: Any) -> None:
    return None


class Sound(Extractor):
    """Mean of each of three layers' channels, the base of all cheats."""

    name = "sound"
    summary = "mean output of conv1"

    def probes(self, facts: Any) -> Any:
        return [Activation("conv1", "avg")]

    def shape(self, facts: Any) -> Any:
        return (8,)

    def extract(self, signals: Any) -> Any:
        return self.cheat(signals[Activation("conv1", "avg")])

    def cheat(self, rows: torch.Tensor) -> Any:
        return rows


class Live(Sound):
    """As sound, but asks for the model."""

    def probes(self, facts: Any) -> Any:
        return [Activation("conv1", "avg"), Model()]

    def extract(self, signals: Any) -> Any:
        self.touch(signals[Model()].model)
        return signals[Activation("conv1", "avg")]

    def touch(self, model: Any) -> None:
        raise NotImplementedError


class WrongShape(Sound):
    def shape(self, facts: Any) -> Any:
        return (9,)


class NoRowsAxis(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return rows.mean()


class NotATensor(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return rows.tolist()


class SeesTheBatch(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return rows - rows.mean(0)


class SeesItsPlace(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return rows + torch.arange(len(rows)).unsqueeze(1)


class SeesItsPlaceInFullBatches(Sound):
    """Batches of one are right; the last of a longer batch is not."""

    def cheat(self, rows: torch.Tensor) -> Any:
        rows = rows.clone()
        if len(rows) > 1:
            rows[-1] = 0
        return rows


class PadsShortBatches(Sound):
    """Only a last batch of two is wrong."""

    def cheat(self, rows: torch.Tensor) -> Any:
        return rows * 1.01 if len(rows) == 2 else rows


class NotFinite(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return torch.where(rows == rows.amax(), torch.nan, rows)


class Random(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return rows + torch.rand_like(rows)


class Accumulates(Sound):
    """The same in the first pass of every instance."""

    passes = 0

    def cheat(self, rows: torch.Tensor) -> Any:
        self.passes += 1
        return rows * self.passes


class DiffersByInstance(Sound):
    instances = itertools.count(1)

    def __init__(self) -> None:
        self.factor = next(self.instances)

    def cheat(self, rows: torch.Tensor) -> Any:
        return rows * self.factor


class Leaks(Sound):
    kept: list[torch.Tensor] = []  # noqa: RUF012

    def cheat(self, rows: torch.Tensor) -> Any:
        self.kept.append(rows.clone())
        return rows


class LeaksAGraph(Sound):
    """Python holds one tensor; what grows is behind it."""

    def __init__(self) -> None:
        self.total = torch.zeros(8, requires_grad=True)

    def cheat(self, rows: torch.Tensor) -> Any:
        self.total = self.total * rows.sum(0)
        return rows


class ChangesSignals(Sound):
    def cheat(self, rows: torch.Tensor) -> Any:
        return rows.mul_(2)


class ReadsWhatItDidNotAskFor(Sound):
    def extract(self, signals: Any) -> Any:
        return signals[Activation("conv1", "avg")] + signals[Activation("conv1", "max")]


class AsksForTooMuch(Sound):
    def probes(self, facts: Any) -> Any:
        return [Activation("conv1", "avg"), Output("logits")]


class ProbesDrift(Sound):
    count = itertools.count()

    def probes(self, facts: Any) -> Any:
        pool = "avg" if next(self.count) % 2 else "max"
        self.asked = Activation("conv1", pool)
        return [self.asked]

    def extract(self, signals: Any) -> Any:
        return signals[self.asked]


class AsksForNothing(Sound):
    def probes(self, facts: Any) -> Any:
        return []

    def extract(self, signals: Any) -> Any:
        return torch.zeros(1, 8)


class GrowsWithTheImage(Sound):
    def probes(self, facts: Any) -> Any:
        return [Pixels()]

    def shape(self, facts: Any) -> Any:
        return (3, 32, 32)

    def extract(self, signals: Any) -> Any:
        return signals[Pixels()].float()


class LeavesAHook(Live):
    def touch(self, model: Any) -> None:
        model.conv1.register_forward_hook(_hook)


class LeavesATensorHook(Live):
    def touch(self, model: Any) -> None:
        if model.conv1.weight.requires_grad:
            model.conv1.weight.register_hook(_hook)


class LeavesAGradient(Live):
    def touch(self, model: Any) -> None:
        model.conv1.weight.grad = torch.zeros_like(model.conv1.weight)


class PatchesForward(Live):
    def touch(self, model: Any) -> None:
        model.conv2.forward = model.conv2.forward


class ChangesWeights(Live):
    def touch(self, model: Any) -> None:
        with torch.no_grad():
            model.head.bias += 1e-6


class SwitchesToTraining(Live):
    def touch(self, model: Any) -> None:
        model.dropout.train()


class AlwaysEval(Live):
    """Restores a fixed state, not the one it found."""

    def touch(self, model: Any) -> None:
        model.eval()


class AlwaysRequiresGrad(Live):
    def touch(self, model: Any) -> None:
        model.requires_grad_(True)


class ScoreWithAShape(Sound):
    gives = "score"


class BadDefault(Sound):
    def __init__(self, layers: tuple[str, ...] = ("conv1",)) -> None:
        self.layers = layers


class CommaDefault(Sound):
    def __init__(self, layers: str = "conv1,conv2") -> None:
        self.layers = layers


class NoSummary(Sound):
    summary = ""


class WrongGives(Sound):
    gives = "tensor"


CHEATS = {
    WrongShape: "shape", NoRowsAxis: "shape", NotATensor: "shape", SeesTheBatch: "batch_size",
    SeesItsPlace: "order", SeesItsPlaceInFullBatches: "short_batch",
    PadsShortBatches: "short_batch", NotFinite: "finite", Random: "repeatable",
    Accumulates: "repeatable", DiffersByInstance: "repeatable", Leaks: "memory",
    LeaksAGraph: "memory", ChangesSignals: "signals_kept",
    ReadsWhatItDidNotAskFor: "probes_read", AsksForTooMuch: "probes_read",
    ProbesDrift: "probes", AsksForNothing: "probes", GrowsWithTheImage: "image_size",
    LeavesAHook: "model_kept", LeavesATensorHook: "model_kept", LeavesAGradient: "model_kept",
    PatchesForward: "model_kept", ChangesWeights: "model_kept",
    SwitchesToTraining: "model_kept", AlwaysEval: "modes_kept",
    AlwaysRequiresGrad: "modes_kept", ScoreWithAShape: "shape", BadDefault: "parameters",
    CommaDefault: "parameters", NoSummary: "declaration", WrongGives: "declaration",
}
