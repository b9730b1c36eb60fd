"""The conformance suite of extractors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from benchbench.describe import describe
from benchbench.errors import BenchbenchError, UsageError
from benchbench.interfaces import Backbone, Extractor
from benchbench.names import parse
from benchbench.no_backbone import NoBackbone
from benchbench.precision import precision_scope
from benchbench.probes import OfReference, Probe
from benchbench.registry import registry
from benchbench.testing import leaks, state
from benchbench.testing.checks import Check, Failed, Skipped, run_suite
from benchbench.testing.rig import (
    ALIKE,
    DEVICE_TOLERANCE,
    LARGER,
    TOLERANCE,
    Rig,
    close,
    one_thread,
)
from benchbench.testing.subjects import (
    Subject,
    check_declaration,
    check_light_import,
    check_parameters,
    find_subject,
)
from benchbench.testing.toys import ToyAutoencoder, ToyClassifier

LARGE = 6
"""How much larger pictures are for extractors that refuse the tiny ones."""
LEAK = 256
"""Bytes a pass. Extractors that keep nothing leave 0; one kept feature row is over it."""


def check_extractor(
    extractor: str | type[Extractor] | Extractor, *, backbone: str | Backbone | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Iterator[Check]:
    """Check an extractor on tiny pictures.

    ``extractor`` is a name with parameters, a class or an instance. Without ``backbone`` the first
    toy is taken that the extractor's ``probes()`` accepts: a classifier, then a variational
    autoencoder. ``expected_failures``, here or as an attribute of the class, maps the names of
    checks to the reasons why they fail. Raises ``UsageError`` where no backbone is accepted.
    """
    subject = find_subject("extractor", extractor)
    with one_thread():
        build, options = _choose(subject, backbone)
        for variant in _variants(subject, build()):
            suite = _Suite(variant, build, options)
            label = f"extractor {variant.label} on {build().name}"
            if suite.scale > 1:
                label += f", pictures {suite.scale} times as large"
            yield from run_suite(label, suite.tests(), variant.expected(expected_failures))


def _variants(subject: Subject, backbone: Backbone) -> list[Subject]:
    """What the name stands for with this backbone: of several cells the first and the last."""
    changes = list(subject.make().expand(describe(backbone)))
    if not changes:
        raise UsageError(f"extractor {subject.label}: expand() gives no cell at all")
    if len(changes) == 1 and not changes[0]:
        return [subject]
    ends = changes if len(changes) == 1 else [changes[0], changes[-1]]
    return [subject.changed(each) for each in ends]


def _choose(
    subject: Subject, backbone: str | Backbone | None
) -> tuple[Callable[[], Backbone], Mapping[str, str]]:
    """How to make the backbone, and the preprocessing options given with its name."""
    if isinstance(backbone, Backbone):
        return lambda: backbone, {}
    if backbone is not None:
        selector = parse(backbone)
        made = registry().make("backbone", selector)
        return lambda: registry().make("backbone", selector).part, made.overrides
    extractor: Extractor = subject.make()
    if not extractor.needs_backbone:
        return NoBackbone, {}
    refusals = []
    for toy in (ToyClassifier, ToyAutoencoder):
        try:
            facts = describe(toy())
            for changes in extractor.expand(facts):
                (subject.changed(changes).make() if changes else extractor).probes(facts)
        except UsageError as error:
            refusals.append(f"{toy.name}: {error}")
        except Exception:  # the suite runs on this toy and says what happened
            return toy, {}
        else:
            return toy, {}
    raise UsageError(f"extractor {subject.label}: neither toy backbone is accepted "
                     f"({'; '.join(refusals)}); give --backbone NAME")


class _Suite:
    def __init__(
        self, subject: Subject, build: Callable[[], Backbone], options: Mapping[str, str]
    ) -> None:
        self.subject, self.build, self.options = subject, build, options
        self.scale = self._least_scale()
        self.rig = self._rig()

    def tests(self) -> dict[str, Callable[[], str]]:
        return {
            "declaration": self.declaration,
            "parameters": lambda: check_parameters(self.subject),
            "light_import": lambda: check_light_import(self.subject),
            "probes": self.probes,
            "shape": self.shape,
            "finite": self.finite,
            "repeatable": self.repeatable,
            "batch_size": self.batch_size,
            "order": self.order,
            "short_batch": self.short_batch,
            "image_size": self.image_size,
            "probes_read": self.probes_read,
            "signals_kept": self.signals_kept,
            "model_kept": self.model_kept,
            "modes_kept": self.modes_kept,
            "memory": self.memory,
            "devices": self.devices,
        }

    def declaration(self) -> str:
        extractor = self._make()
        if extractor.gives not in ("vector", "score", "map", "head"):
            raise Failed(f"gives is {extractor.gives!r}, expected vector, score, map or head")
        return f"{check_declaration(self.subject)}, gives a {extractor.gives}"

    def probes(self) -> str:
        """The same probes each time, known from the facts alone."""
        extractor = self._make()
        asked = list(extractor.probes(self.rig.facts))
        if not asked:
            raise Failed("probes() asks for nothing; features have to come from somewhere")
        for probe in asked:
            inner = probe.probe if isinstance(probe, OfReference) else probe
            if not isinstance(inner, Probe) or isinstance(inner, OfReference):
                raise Failed(f"probes() gives {probe!r}, expected a probe of benchbench")
        for other in (extractor, self._make()):
            if list(other.probes(self.rig.facts)) != asked:
                raise Failed("probes() gives other probes when it is called again")
        return ", ".join(map(str, asked))

    def shape(self) -> str:
        """``shape()`` is what ``extract`` gives, whether or not ``probes()`` was called before."""
        said = self._make().shape(self.rig.facts)
        extractor = self._make()
        found = tuple(self.rig.features(extractor).shape[1:])
        if found != tuple(said):
            raise Failed(f"shape() says {tuple(said)}, extract gave {found} an image")
        if extractor.gives == "score" and said != ():
            raise Failed(f"gives is 'score' and shape() {tuple(said)}; a score's shape is ()")
        return str(found)

    def finite(self) -> str:
        values = self.rig.features(self._make(), ALIKE)
        bad = ~values.reshape(len(ALIKE), -1).isfinite().all(1)
        if bad.any():
            raise Failed(f"features of {int(bad.sum())} of {len(ALIKE)} pictures are not finite")
        return f"{values.numel()} numbers from {float(values.min()):.3g} to {values.max():.3g}"

    def repeatable(self) -> str:
        """The same again, from the same instance after other work and from a fresh one."""
        extractor = self._make()
        first = self.rig.features(extractor)
        self.rig.features(extractor, ALIKE[::-1], 2)
        close(self.rig.features(extractor), first, TOLERANCE, "the second pass differs")
        return close(self.rig.features(self._make()), first, TOLERANCE, "a fresh instance differs")

    def batch_size(self) -> str:
        extractor = self._make()
        together = self.rig.features(extractor)
        alone = self.rig.features(extractor, ALIKE, 1)
        return close(alone, together, TOLERANCE, "rows depend on the other images of the batch")

    def order(self) -> str:
        extractor = self._make()
        turned = [ALIKE[i] for i in (3, 0, 5, 2, 4, 1)]
        expected = self.rig.features(extractor)[[3, 0, 5, 2, 4, 1]]
        found = self.rig.features(extractor, turned)
        return close(found, expected, TOLERANCE, "rows depend on their place in the batch")

    def short_batch(self) -> str:
        extractor = self._make()
        found = self.rig.features(extractor, ALIKE, 4)
        expected = self.rig.features(extractor)
        return close(found, expected, TOLERANCE, "a last batch of 2 after one of 4 differs")

    def image_size(self) -> str:
        """The same shape for images of another size, which most quality sets mix, or a refusal in
        ``probes()``."""
        extractor = self._make()
        if extractor.gives == "map":
            raise Skipped("a map may grow with the image")
        facts = replace(self.rig.facts, other_size=True)
        try:
            extractor.probes(facts)
        except UsageError as error:
            raise Skipped(f"refused: {error}") from error
        said = tuple(extractor.shape(facts))
        found = tuple(self.rig.features(extractor, LARGER, facts=facts).shape[1:])
        if found != said:
            height, width = self.rig.arrays[LARGER[0]].shape[:2]
            raise Failed(f"shape() says {said}, a picture of {height} x {width} pixels gives "
                         f"{found}; refuse it in probes() where facts.other_size is true")
        return str(found)

    def probes_read(self) -> str:
        """``extract`` reads what it asked for, all of it and nothing else."""
        extractor = self._make()
        asked = list(extractor.probes(self.rig.facts))
        view = self.rig.view(asked, ALIKE)
        extractor.extract(view)
        unread = [probe for probe in asked if probe not in view.read]
        if unread:
            raise Failed(f"{unread[0]} is asked for and never read; it costs time for nothing")
        return f"{len(asked)} asked for and read"

    def signals_kept(self) -> str:
        """Signals are shared between extractors, so that none may change them in place."""
        extractor = self._make()
        asked = list(extractor.probes(self.rig.facts))
        view = self.rig.view(asked, ALIKE)
        before = {p: v.clone() for p, v in view.found.items() if isinstance(v, torch.Tensor)}
        extractor.extract(view)
        for probe, value in before.items():
            if not torch.equal(view.found[probe], value):
                raise Failed(f"extract changes {probe} in place, which other extractors share")
        return f"{len(before)} tensors as before"

    def model_kept(self) -> str:
        return self._kept(self._rig())

    def modes_kept(self) -> str:
        rig = self._rig()
        state.unsettle(rig.model)
        return self._kept(rig)

    def memory(self) -> str:
        extractor = self._make()
        grown = leaks.lasting_growth(lambda: self.rig.features(extractor, ALIKE, 2), LEAK)
        if grown > LEAK:
            raise Failed(f"each pass over {len(ALIKE)} pictures leaves {grown} bytes behind; "
                         "keep nothing between batches")
        return f"{grown} bytes left by a pass"

    def devices(self) -> str:
        if not torch.cuda.is_available():
            raise Skipped("no CUDA device here")
        on_cpu = self.rig.features(self._make())
        rig = self._rig("cuda")
        with precision_scope("float32", rig.device):
            on_gpu = rig.features(self._make())
        return close(on_gpu, on_cpu, DEVICE_TOLERANCE, "CPU and GPU disagree")

    def _kept(self, rig: Rig) -> str:
        before = state.snapshot(rig.model)
        rig.features(self._make(), ALIKE, 4)
        left = state.changes(before, state.snapshot(rig.model))
        if left:
            more = f", and {len(left) - 1} more" if len(left) > 1 else ""
            raise Failed(f"left on the model: {left[0]}{more}")
        return f"{len(before)} properties as before"

    def _least_scale(self) -> int:
        """Some extractors refuse tiny pictures: then larger ones are taken."""
        for scale in (1, LARGE):
            try:
                Rig(self.build(), self.options, scale=scale).features(self._make(), ALIKE[:1])
            except BenchbenchError:
                continue
            except Exception:  # the suite says what happened
                return 1
            return scale
        return 1

    def _make(self) -> Any:
        return self.subject.make()

    def _rig(self, device: str = "cpu") -> Rig:
        return Rig(self.build(), self.options, device=device, scale=self.scale)
