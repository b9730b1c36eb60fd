"""The probes: what an extractor may ask of a backbone's reaction to an image.

A probe names a signal, the layer, the loss *and* the reduction, so that everything is known before
anything runs and the reduction can happen inside the hook. Probes are plain values: two extractors
that ask for the same probe share one tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pool = Literal["avg", "max", "std", "avgstd", "none"]
Reduce = Literal["full", "norm", "filter", "sketch"]


@dataclass(frozen=True, slots=True)
class Probe:
    """Base of all probes."""


@dataclass(frozen=True, slots=True)
class Pixels(Probe):
    """The decoded image at native size: uint8 ``[images, 3, height, width]``, RGB."""


@dataclass(frozen=True, slots=True)
class Images(Probe):
    """What enters the model, after preprocessing: float ``[images, …]``."""


@dataclass(frozen=True, slots=True)
class Output(Probe):
    """A named output of the backbone: float ``[images, …]``.

    ``name`` is one of ``facts.gives`` (``logits``, ``latent``, ``reconstruction``, …) or another
    key of what ``Backbone.forward`` returns.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Activation(Probe):
    """The output of a layer, pooled over its positions inside the hook.

    ``avg``, ``max`` and ``std`` give ``[images, channels]``, ``avgstd`` ``[images, 2 * channels]``
    (means, then standard deviations), ``none`` the whole map ``[images, …]``.
    """

    layer: str
    pool: Pool = "avg"


@dataclass(frozen=True, slots=True)
class Gradient(Probe):
    """The gradient of a per-image loss to one parameter of a layer, reduced inside the hook.

    ``full``: the gradient ``[images, *parameter.shape]``. ``norm``: its ``ord``-norm ``[images]``.
    ``filter``: one ``ord``-norm an output unit, ``[images, units]``. ``sketch``: a random
    projection ``[images, width]``, drawn from ``seed``, that preserves inner products in
    expectation.
    """

    layer: str
    loss: str
    reduce: Reduce = "full"
    ord: Literal[1, 2] = 2
    width: int = 1024
    seed: int = 0
    of: Literal["weight", "bias"] = "weight"


@dataclass(frozen=True, slots=True)
class Model(Probe):
    """The backbone itself, for an extractor that has to call it: a ``LiveBackbone``."""


@dataclass(frozen=True, slots=True)
class OfReference(Probe):
    """The same signal of the image's reference, aligned with the images of the batch."""

    probe: Probe
