"""Full-reference quality by UNIQUE, MS-UNIQUE and Kwon et al.: one score for a pair of images.

All three compare what a sparse autoencoder of image patches makes of both images, unit by unit and
patch by patch, by Spearman's correlation to the tenth power. Nothing is fitted to human scores.
Sources: Temel, Prabhushankar and AlRegib 2016 (UNIQUE); Prabhushankar, Temel and AlRegib 2017
(MS-UNIQUE); Kwon, Prabhushankar, Temel and AlRegib, ICIP 2019; and their published code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchbench import (
    Activation,
    BackboneFacts,
    DataError,
    Extractor,
    Gradient,
    Images,
    Model,
    OfReference,
    Probe,
    UsageError,
    hookimpl,
)

if TYPE_CHECKING:
    import torch

FLOOR = 0.025
"""Features below this are set to zero before they are ranked."""
LUMA = 64
"""The first 64 of a patch's 192 values are its Y channel."""
PATCH = 192
_INFINITY = 0x7F800000
"""The bits of infinity in float32; those of NaN lie beyond."""


class _Pairs(Extractor):
    """What the three share: a score for each image against its reference, 1 for equal images."""

    gives = "score"
    higher_is_better = True

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        self.probes(facts)
        return ()


class UniqueScore(_Pairs):
    """``unique``: the hidden activations of both images, compared (Temel et al. 2016).

    ``power``: the exponent of the absolute correlation, 10 in the paper.
    """

    name = "unique"
    version = "1"
    summary = "UNIQUE: full-reference quality from hidden activations"

    def __init__(self, *, power: float = 10.0) -> None:
        self.power = _power(self.name, power)

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        _require_unique(self.name, facts)
        own = Activation("hidden", "none")
        return [own, OfReference(own)]

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        own = Activation("hidden", "none")
        return compare(signals[OfReference(own)], signals[own], _suppressed, self.power)


class MsUniqueScore(_Pairs):
    """``ms-unique``: as ``unique``, with five autoencoders, their units weighted by sharpness
    (Prabhushankar et al. 2017): 2 where the kurtosis of a unit's Y weights is above 5, ½ where it
    is under 2, else 1.
    """

    name = "ms-unique"
    version = "1"
    backbone = "ms-unique"
    summary = "MS-UNIQUE: full-reference quality from five sets of weighted activations"

    def __init__(self, *, power: float = 10.0) -> None:
        self.power = _power(self.name, power)

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        hidden = [layer.name for layer in facts.layers if layer.name.startswith("hidden_")]
        own = [Activation(name, "none") for name in hidden]
        if not own:
            raise UsageError("ms-unique: needs the five autoencoders of the backbone ms-unique; "
                             "add --backbone ms-unique, or take the extractor unique")
        self.own = own
        return [*own, *map(OfReference, own), Model()]

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        model = signals[Model()].model
        encoders = [probe.layer.replace("hidden", "encoder") for probe in self.own]
        weights = torch.cat([sharpness(model.get_submodule(name).weight) for name in encoders])

        def features(row: torch.Tensor) -> torch.Tensor:
            return _suppressed(row * weights.to(row))

        own = torch.cat([signals[probe] for probe in self.own], 2)
        reference = torch.cat([signals[OfReference(probe)] for probe in self.own], 2)
        return compare(reference, own, features, self.power)


class KwonGradient(_Pairs):
    """``kwon-gradient``: both images projected on the gradient of the reference's reconstruction
    error to the decoder's weights (Kwon et al. 2019).

    ``block``: the absolute values of the complex logits, their angles, or both ranked together as
    in the paper. ``power``: the exponent of the absolute correlation. ``compare=gradients`` is a
    variant of our own, which ranks the entries of both images' gradients instead.
    """

    name = "kwon-gradient"
    version = "1"
    summary = "Kwon et al. 2019: full-reference quality from projections on a gradient"

    def __init__(
        self, *, block: Literal["both", "magnitude", "phase"] = "both", power: float = 10.0,
        compare: Literal["projection", "gradients"] = "projection",
    ) -> None:
        if compare == "gradients" and block != "both":
            raise UsageError(f"kwon-gradient[compare=gradients,block={block}]: gradients have no "
                             "blocks; leave block out")
        self.block, self.compare = block, compare
        self.power = _power(self.name, power)

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        _require_unique(self.name, facts)
        gradient = Gradient("decoder", "reconstruction", "full")
        if self.compare == "gradients":
            return [gradient, OfReference(gradient)]
        return [Images(), OfReference(Images()), OfReference(gradient)]

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        gradient = Gradient("decoder", "reconstruction", "full")
        if self.compare == "gradients":
            both = signals[OfReference(gradient)], signals[gradient]
            return compare(*both, torch.flatten, self.power)
        images, references = signals[Images()], signals[OfReference(Images())]
        gradients = signals[OfReference(gradient)]
        scores = images.new_zeros(len(images))
        for places, first in _by_reference(gradients):
            features = self._features(gradients[first])
            scores[places] = compare(references[places], images[places], features, self.power)
        return scores

    def _features(self, gradient: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """From patches ``[n, 192]`` to weighted complex-logit features ``[blocks * n * units]``."""
        import torch

        weights = unit_weights(gradient).to(gradient)

        def features(patches: torch.Tensor) -> torch.Tensor:
            projected = patches @ gradient.to(patches)
            odds = projected / (1 - projected)
            size = odds.abs().log()
            turn = (odds < 0) * math.pi
            blocks = []
            if self.block != "phase":
                blocks.append(torch.hypot(size, turn) * weights)
            if self.block != "magnitude":
                blocks.append(torch.atan2(turn, size) * weights)
            return _suppressed(torch.stack(blocks))

        return features


def compare(
    references: torch.Tensor, images: torch.Tensor,
    features: Callable[[torch.Tensor], torch.Tensor], power: float,
) -> torch.Tensor:
    """|Spearman's correlation|^power of the features of each image and its reference, ``[n]``.

    A reference that follows itself in the batch is ranked once. Raises ``DataError`` where the
    numbers of patches differ. Where a side is constant there is no order to compare: 1 for equal
    features, else 0.
    """
    import torch

    if references.shape[1:] != images.shape[1:]:
        raise DataError(
            f"an image has {images.shape[1]} patches and its reference {references.shape[1]}: "
            "their sizes differ; give both the same height and width"
        )
    scores = images.new_zeros(len(images))
    for places, first in _by_reference(references):
        before = features(references[first]).flatten()
        ranks = centred_ranks(before)
        size = ranks.norm()
        for i in places:
            after = features(images[i]).flatten()
            own = centred_ranks(after)
            length = size * own.norm()
            correlation = ranks @ own / length if length > 0 else float(torch.equal(before, after))
            scores[i] = abs(float(correlation)) ** power
    return scores


def _by_reference(references: torch.Tensor) -> Iterator[tuple[list[int], int]]:
    """Runs of images with one reference: their places, and the first of them."""
    import torch

    start = 0
    shared = references.stride(0) == 0
    for i in range(1, len(references) + 1):
        if i < len(references) and (shared or torch.equal(references[i], references[start])):
            continue
        yield list(range(start, i)), start
        start = i


def centred_ranks(values: torch.Tensor) -> torch.Tensor:
    """Ranks of values ``[n]`` in float32, less their mean; ties share theirs. float64.

    The bits of floats, those of negative ones turned round, rise with them. So value and place fit
    one whole number, and one sort of those replaces a much slower argsort. Raises ``DataError``
    for values that are not a number.
    """
    import torch

    values, count = values.float() + 0.0, len(values)  # the sum makes -0 a 0
    bits = values.view(torch.int32)
    rising = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    keys = rising.long().mul_(1 << 32).add_(torch.arange(count, device=values.device))
    if keys.device.type == "cpu":
        keys.numpy().sort()  # in place, and in half of torch's time
    else:
        keys = keys.sort().values
    ordered, places = keys >> 32, keys.bitwise_and_(0xFFFFFFFF)
    if not -_INFINITY - 2 < int(ordered[0]) <= int(ordered[-1]) <= _INFINITY:
        raise DataError("features that are not a number cannot be ranked; check the weights")
    first = (ordered[1:] != ordered[:-1]).nonzero().flatten() + 1
    first, ends = (torch.cat(parts) for parts in (
        [first.new_zeros(1), first], [first, first.new_tensor([count])]))
    middle = (first + ends - count).double() / 2
    ranks = torch.empty(count, dtype=torch.float64, device=values.device)
    return ranks.scatter_(0, places, middle.repeat_interleave(ends - first))


def unit_weights(gradient: torch.Tensor) -> torch.Tensor:
    """2 for the units whose Y gradients have a kurtosis above 3, else 1: ``[192, units]`` to
    ``[units]``. As published, what is taken off is not the mean but the sum over all Y entries
    divided by the larger side of their table."""
    luma = gradient[:LUMA].T.double()
    luma = luma - luma.sum() / max(luma.shape)
    return 1.0 + (kurtosis(luma / luma.abs().amax(0)) > 3)


def sharpness(weights: torch.Tensor) -> torch.Tensor:
    """MS-UNIQUE's weight of each unit from its Y weights: ``[units, 192]`` to ``[units]``."""
    luma = weights[:, :LUMA].detach().double()
    luma = luma - luma.mean()
    peaked = kurtosis(luma / luma.abs().amax(0))
    return 1.0 + 1.0 * (peaked > 5) - 0.5 * (peaked < 2)


def kurtosis(rows: torch.Tensor) -> torch.Tensor:
    """Kurtosis of each row, corrected for bias; a normal distribution has 3."""
    n = rows.shape[1]
    centred = rows - rows.mean(1, keepdim=True)
    second, fourth = centred.square().mean(1), centred.pow(4).mean(1)
    ratio = fourth / second.square()
    return 3 + (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * ratio - 3 * (n - 1))


def _suppressed(features: torch.Tensor) -> torch.Tensor:
    return features.masked_fill(features < FLOOR, 0.0)


def _require_unique(name: str, facts: BackboneFacts) -> None:
    decoder = next((layer for layer in facts.layers if layer.name == "decoder"), None)
    weight = decoder.weight if decoder is not None else None
    if weight is None or len(weight) != 2 or weight[0] != PATCH:
        raise UsageError(
            f"{name}: needs the patches and the decoder of the backbone unique; "
            "add --backbone unique"
        )


def _power(name: str, power: float) -> float:
    if power <= 0:
        raise UsageError(f"{name}[power={power:g}]: expected a number above 0")
    return power


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [UniqueScore, MsUniqueScore, KwonGradient]
