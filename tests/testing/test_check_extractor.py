"""The suite of extractors passes what is sound and catches every cheat by the check for it."""

from __future__ import annotations

from typing import Any

import pytest

from benchbench import Activation, Backbone, Extractor, Gradient, OfReference, Pixels, UsageError
from benchbench.registry import registry
from benchbench.testing import ToyAutoencoder, ToyClassifier, assert_conforms, check_extractor
from benchbench.testing.rig import Rig
from tests.testing.cheating_extractors import (
    CHEATS,
    AlwaysEval,
    AlwaysRequiresGrad,
    AsksForTooMuch,
    BadDefault,
    ChangesSignals,
    CommaDefault,
    GrowsWithTheImage,
    Leaks,
    LeaksAGraph,
    NoSummary,
    PadsShortBatches,
    Sound,
    WrongGives,
)
from tests.testing.suites import failed, result


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda c: c.__name__)
def test_a_cheating_extractor_is_caught(cheat: type[Extractor]) -> None:
    found = result(check_extractor(cheat), CHEATS[cheat])
    assert found.status == "failed" and found.detail


@pytest.mark.parametrize("cheat", [
    PadsShortBatches, Leaks, LeaksAGraph, ChangesSignals, AsksForTooMuch, GrowsWithTheImage,
    AlwaysEval, AlwaysRequiresGrad, BadDefault, CommaDefault, NoSummary, WrongGives,
], ids=lambda c: c.__name__)
def test_a_cheat_is_caught_by_its_check_alone(cheat: type[Extractor]) -> None:
    assert list(failed(check_extractor(cheat))) in (
        [CHEATS[cheat]], ["repeatable", "short_batch"])


def test_a_sound_extractor_passes_every_check() -> None:
    checks = list(check_extractor(Sound))
    assert {check.name for check in checks if check.status != "passed"} <= {
        "devices", "memory", "light_import"}
    assert failed(checks) == {}
    assert len(checks) == 17


SMALL_UNIQUE = "unique[units=16,patches=300]"
BACKBONES = {"unique": SMALL_UNIQUE, "kwon-gradient": SMALL_UNIQUE,
             "ms-unique": "ms-unique[patches=300]",
             "gradcon": "gradcon[source=parts[source=photographs],epochs=1]"}
"""For extractors that no toy will do for, a backbone that is fitted in a second."""


@pytest.mark.parametrize("name", registry().names("extractor"))
def test_first_party_extractors_conform(name: str) -> None:
    assert_conforms(check_extractor(name, backbone=BACKBONES.get(name)))


@pytest.mark.parametrize("name", [
    "activation[pool=avgstd]", "grad[reduce=norm]", "grad[reduce=sketch,width=7]",
    "grad[reduce=full,of=bias]"])
@pytest.mark.parametrize("toy", [ToyClassifier, ToyAutoencoder])
def test_first_party_extractors_conform_with_parameters(name: str, toy: type[Backbone]) -> None:
    assert_conforms(check_extractor(name, backbone=toy()))


class Full(Extractor):
    """Uses a reference, a gradient and an output together."""

    name = "full"
    summary = "difference of gradients"

    def probes(self, facts: Any) -> Any:
        self.asked = Gradient("head", "uniform", "filter")
        return [self.asked, OfReference(self.asked)]

    def shape(self, facts: Any) -> Any:
        return (5,)

    def extract(self, signals: Any) -> Any:
        return (signals[self.asked] - signals[OfReference(self.asked)]).abs()


def test_references_are_served() -> None:
    assert_conforms(check_extractor(Full))
    rig = Rig(ToyClassifier())
    rig.reference["rings-1"] = "rings-1"
    rows = rig.features(Full(), ["rings-1", "rings-2"])
    assert rows[0].max() == 0 < rows[1].max()


def test_the_toy_is_chosen_by_what_probes_accept() -> None:
    components = {check.component for check in check_extractor("latent")}
    assert components == {"extractor latent on toy-autoencoder"}

    class Demanding(Sound):
        def probes(self, facts: Any) -> Any:
            raise UsageError("needs a map")

    with pytest.raises(UsageError, match=r"toy-classifier: needs a map.*give --backbone"):
        list(check_extractor(Demanding))


def test_larger_pictures_for_those_who_refuse_tiny_ones() -> None:
    class Picky(GrowsWithTheImage):
        def shape(self, facts: Any) -> Any:
            return (3,)

        def extract(self, signals: Any) -> Any:
            if signals[Pixels()].shape[-1] < 100:
                raise UsageError("needs 100 pixels")
            return signals[Pixels()].float().mean((2, 3))

    checks = list(check_extractor(Picky))
    assert failed(checks) == {}
    assert checks[0].component.endswith("pictures 6 times as large")


def test_another_image_size_may_be_refused() -> None:
    class Honest(GrowsWithTheImage):
        def probes(self, facts: Any) -> Any:
            if facts.other_size:
                raise UsageError("one size alone")
            return [Pixels()]

    check = result(check_extractor(Honest), "image_size")
    assert check.status == "skipped" and check.detail == "refused: one size alone"


def test_of_several_cells_the_first_and_the_last_are_checked() -> None:
    class Every(Sound):
        def __init__(self, layer: str = "all") -> None:
            self.layer = layer

        def expand(self, facts: Any) -> Any:
            if self.layer != "all":
                return [{}]
            return [{"layer": layer.name} for layer in facts.layers]

        def probes(self, facts: Any) -> Any:
            return [Activation(self.layer, "avg")]

        def shape(self, facts: Any) -> Any:
            return (facts.layer(self.layer).channels,)

        def extract(self, signals: Any) -> Any:
            return signals[Activation(self.layer, "avg")]

    checks = list(check_extractor(Every))
    assert failed(checks) == {}
    assert list(dict.fromkeys(check.component for check in checks)) == [
        "extractor sound[layer=conv1] on toy-classifier",
        "extractor sound[layer=head] on toy-classifier"]
