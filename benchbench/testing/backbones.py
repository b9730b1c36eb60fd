"""The conformance suite of backbones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import torch

from benchbench.describe import describe
from benchbench.facts import BackboneFacts
from benchbench.fitting import recipe_digest
from benchbench.interfaces import Backbone
from benchbench.precision import precision_scope
from benchbench.testing import state
from benchbench.testing.checks import Check, Failed, Skipped, run_suite
from benchbench.testing.rig import ALIKE, DEVICE_TOLERANCE, TOLERANCE, Rig, close
from benchbench.testing.subjects import (
    Subject,
    check_declaration,
    check_light_import,
    check_parameters,
    find_subject,
)

GIVES = ("logits", "activations", "latent", "mean", "logvar", "reconstruction", "map")


def check_backbone(
    backbone: str | type[Backbone] | Backbone, *,
    expected_failures: Mapping[str, str] | None = None,
) -> Iterator[Check]:
    """Check a backbone on tiny pictures, resized to its own size.

    ``backbone`` is a name with parameters, a class or an instance. One that is fitted at first use
    is fitted now. ``expected_failures`` as in ``check_extractor``.
    """
    subject = find_subject("backbone", backbone)
    suite = _Suite(subject)
    yield from run_suite(f"backbone {subject.label}", suite.tests(),
                         subject.expected(expected_failures))


class _Suite:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def tests(self) -> dict[str, Callable[[], str]]:
        return {
            "declaration": self.declaration,
            "parameters": lambda: check_parameters(self.subject),
            "light_import": lambda: check_light_import(self.subject),
            "build": self.build,
            "facts": self.facts,
            "recipe": self.recipe,
            "gives": self.gives,
            "prepare": self.prepare,
            "finite": self.finite,
            "repeatable": self.repeatable,
            "batch_size": self.batch_size,
            "losses": self.losses,
            "gradients": self.gradients,
            "model_kept": self.model_kept,
            "devices": self.devices,
        }

    @cached_property
    def rig(self) -> Rig:
        return self._rig()

    def declaration(self) -> str:
        part: Backbone = self.subject.make()
        wrong = [name for name in part.gives if name not in GIVES]
        if wrong:
            raise Failed(f"gives {wrong[0]!r}; expected some of {', '.join(GIVES)}")
        return f"{check_declaration(self.subject)}, gives {', '.join(part.gives) or 'nothing'}"

    def build(self) -> str:
        """A module in eval mode on the CPU, with finite weights."""
        model = self.subject.make().build()
        if not isinstance(model, torch.nn.Module):
            raise Failed(f"build() gives a {type(model).__name__}, expected an nn.Module")
        training = [name or "the model" for name, m in model.named_modules() if m.training]
        if training:
            raise Failed(f"{training[0]} is in training mode; return model.eval()")
        for name, tensor in model.state_dict().items():
            if tensor.device.type != "cpu":
                raise Failed(f"{name} is on {tensor.device}; build on the CPU")
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise Failed(f"{name} holds numbers that are not finite")
        return f"{sum(p.numel() for p in model.parameters())} parameters"

    def facts(self) -> str:
        """The same facts and weights from a second build, also after a trip through JSON."""
        first, second = self.rig.facts, describe(self.subject.make())
        if first.weights_digest != second.weights_digest:
            raise Failed("a second build has other weights; draw them from a fixed seed")
        if first != second:
            raise Failed("a second build has other facts")
        if BackboneFacts.from_json(first.to_json()) != first:
            raise Failed("the facts change in the store; declare plain JSON data")
        return f"{len(first.layers)} layers, {first.weights_digest[:19]}"

    def recipe(self) -> str:
        """What is fitted here names its data; the recipe is plain data and the same each time."""
        part: Backbone = self.subject.make()
        recipe = part.recipe()
        if recipe is None:
            if part.fitted_on:
                raise Failed(f"fitted_on is {part.fitted_on} but recipe() gives None")
            raise Skipped("loaded, not fitted here")
        if not part.fitted_on:
            raise Failed("recipe() is given but fitted_on is empty; name the datasets seen")
        again = self.subject.make().recipe()
        if again is None or recipe_digest(again) != recipe_digest(recipe):
            raise Failed("recipe() gives something else when it is called again")
        return f"fitted on {', '.join(part.fitted_on)}"

    def gives(self) -> str:
        """Every output that is declared is there, with one row an image."""
        facts = self.rig.facts
        missing = [n for n in facts.gives if n != "activations" and n not in facts.outputs]
        if missing:
            found = ", ".join(facts.outputs) or "nothing"
            raise Failed(f"gives {missing[0]!r}, but forward gives {found}")
        if "activations" in facts.gives and not any(x.output is not None for x in facts.layers):
            raise Failed("gives activations, but no layer was seen in the forward pass")
        for count in (1, 3):
            for name, value in self._outputs(ALIKE[:count]).items():
                if len(value) != count:
                    raise Failed(f"output {name!r} has shape {tuple(value.shape)} for {count} "
                                 "images; its first axis has to be the images'")
        return ", ".join(f"{n} {list(shape)}" for n, shape in facts.outputs.items()) or "no outputs"

    def prepare(self) -> str:
        """Floating-point inputs, one row an image, from that image alone."""
        together = self.rig.inputs(ALIKE)
        if not together.is_floating_point() or len(together) != len(ALIKE):
            raise Failed(f"prepare gives {together.dtype} {tuple(together.shape)} for {len(ALIKE)} "
                         "images, expected floating-point numbers with a row an image")
        alone = torch.cat([self.rig.inputs([image]) for image in ALIKE])
        return close(alone.double(), together.double(), TOLERANCE,
                     "inputs depend on the other images of the batch")

    def finite(self) -> str:
        for name, value in self._outputs(ALIKE).items():
            if not bool(value.isfinite().all()):
                raise Failed(f"output {name!r} holds numbers that are not finite")
        return f"{len(self.rig.facts.outputs)} outputs"

    def repeatable(self) -> str:
        return self._same(self._outputs(ALIKE), "a second forward pass differs")

    def batch_size(self) -> str:
        each = [self._outputs([image]) for image in ALIKE]
        joined = {name: torch.cat([one[name] for one in each]) for name in each[0]}
        return self._same(joined, "rows depend on the other images of the batch")

    def losses(self) -> str:
        """One finite number an image, from that image alone."""
        together = self._losses(self.rig, ALIKE)
        each = [self._losses(self.rig, [image]) for image in ALIKE]
        for name, values in together.items():
            if tuple(values.shape) != (len(ALIKE),) or not bool(values.isfinite().all()):
                raise Failed(f"loss {name!r} has shape {tuple(values.shape)} or is not finite; "
                             f"expected {len(ALIKE)} numbers, one an image")
            alone = torch.cat([one[name] for one in each])
            close(alone.double(), values.double(), TOLERANCE,
                  f"loss {name!r} depends on the other images of the batch")
        if not together:
            raise Skipped("no losses")
        return ", ".join(together)

    def gradients(self) -> str:
        """Every loss can be differentiated with respect to some of the weights."""
        weights = [p for p in self.rig.model.parameters() if p.is_floating_point()]
        if not weights or not self.rig.facts.losses:
            raise Skipped("no weights or no losses")
        for name, values in self._losses(self.rig, ALIKE[:2], grad=True).items():
            if not values.requires_grad:
                raise Failed(f"loss {name!r} is cut off from the weights; is there a detach()?")
            found = torch.autograd.grad(values.sum(), weights, None, True, allow_unused=True)
            if not all(bool(g.isfinite().all()) for g in found if g is not None):
                raise Failed(f"loss {name!r} has a gradient that is not finite")
        return f"{len(self.rig.facts.losses)} losses"

    def model_kept(self) -> str:
        rig = self._rig()
        before = state.snapshot(rig.model)
        self._losses(rig, ALIKE[:2])
        left = state.changes(before, state.snapshot(rig.model))
        if left:
            raise Failed(f"forward or loss leaves on the model: {left[0]}")
        return f"{len(before)} properties as before"

    def devices(self) -> str:
        if not torch.cuda.is_available():
            raise Skipped("no CUDA device here")
        rig = self._rig("cuda")
        with precision_scope("float32", rig.device):
            found = self._outputs(ALIKE, rig)
        return self._same(found, "CPU and GPU disagree", DEVICE_TOLERANCE)

    def _same(
        self, found: Mapping[str, torch.Tensor], otherwise: str, tolerance: float = TOLERANCE
    ) -> str:
        expected = self._outputs(ALIKE)
        said = "no outputs"
        for name, value in expected.items():
            said = close(found[name], value, tolerance, f"output {name!r}: {otherwise}")
        return said

    def _outputs(
        self, images: Sequence[str], rig: Rig | None = None
    ) -> dict[str, torch.Tensor]:
        rig = rig or self.rig
        with torch.no_grad():
            outputs = rig.backbone.forward(rig.model, rig.inputs(images))
        return {name: value.detach().double().cpu() for name, value in outputs.items()}

    def _losses(
        self, rig: Rig, images: Sequence[str], grad: bool = False
    ) -> dict[str, torch.Tensor]:
        """All losses from one forward pass."""
        inputs, labels = rig.inputs(images), rig.labels(images)
        with torch.set_grad_enabled(grad):
            outputs = rig.backbone.forward(rig.model, inputs)
            return {
                name: rig.backbone.loss(name, outputs, inputs, labels)
                for name in rig.facts.losses
            }

    def _rig(self, device: str = "cpu") -> Rig:
        return Rig(self.subject.make(), self.subject.overrides, "model", device)
