"""A plugin whose extractors are each wrong in one way; copied and loaded as the toy plugin is."""

import time

import torch

from benchbench import Activation, Extractor, OfReference, Pixels, UsageError, hookimpl


class Feature(Extractor):
    """Pooled activations."""

    probe = Activation("second", "avg")
    width = 6

    def probes(self, facts):
        return [self.probe]

    def shape(self, facts):
        return (self.width,)

    def extract(self, signals):
        return signals[self.probe]


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


class BehindNothing(Feature):
    name = "behindnothing"

    def probes(self, facts):
        return [self.probe, OfReference(Activation("third"))]

    def extract(self, signals):
        return signals[OfReference(Activation("third"))]


@hookimpl
def benchbench_extractors():
    return [found for found in globals().values()
            if isinstance(found, type) and issubclass(found, Extractor) and found.name]
