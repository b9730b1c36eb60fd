"""Extractors ``odin``, ``gradnorm`` and ``vim``: how sure a classifier is of an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench import BackboneFacts, Extractor, Gradient, Layer, Model, Probe, UsageError, hookimpl

if TYPE_CHECKING:
    import torch


class Odin(Extractor):
    """The largest softmax probability at ``temperature``, after a step of ``epsilon`` in the image
    that makes it larger (Liang, Li and Srikant 2018, eq. 2).

    ``epsilon`` is in units of pixel values in 0…1: the sign of the gradient is divided by the
    backbone's declared ``std``. Two forward passes and a backward one of its own.
    """

    name = "odin"
    version = "1"
    summary = "ODIN: softmax maximum at a temperature, of a perturbed image"
    gives = "score"
    higher_is_better = True

    def __init__(self, *, temperature: float = 1000.0, epsilon: float = 0.0014) -> None:
        if temperature <= 0 or epsilon < 0:
            raise UsageError(f"odin[temperature={temperature:g},epsilon={epsilon:g}]: expected a "
                             "temperature above 0 and an epsilon of at least 0")
        self.temperature, self.epsilon = temperature, epsilon

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        _check_logits(self.name, facts)
        self.std = facts.preprocessing.get("std", 1.0)
        return [Model()]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return ()

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        live = signals[Model()]
        with torch.inference_mode(False), torch.enable_grad():
            inputs = live.inputs.clone().requires_grad_()
            # In float64: at a high temperature all probabilities are nearly the same.
            sure = self._probabilities(live.forward(inputs)["logits"])
            (gradient,) = torch.autograd.grad(sure.log().sum(), inputs)
        std = torch.tensor(self.std).to(inputs).reshape(-1, 1, 1)
        with torch.no_grad():
            moved = inputs.detach() + self.epsilon * gradient.sign() / std
            return self._probabilities(live.forward(moved)["logits"])

    def _probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        return (logits.double() / self.temperature).softmax(1).amax(1)


class GradNorm(Extractor):
    """The sum of magnitudes of the gradient to the last layer's weight, of the cross-entropy to the
    uniform distribution (Huang, Geng and Li 2021): large for what the network knows."""

    name = "gradnorm"
    version = "1"
    summary = "GradNorm: norm of the last layer's gradient towards the uniform distribution"
    gives = "score"
    higher_is_better = True

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        _check_logits(self.name, facts)
        self.asked = Gradient(_head(self.name, facts).name, "uniform", "norm", 1)
        return [self.asked]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        return ()

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        rows: torch.Tensor = signals[self.asked]
        return rows


class Vim(Extractor):
    """What ViM is made of (Wang et al. 2022): ``[width + 2]``, the input of the last layer W x + b
    less the origin -W⁺b, then the largest logit and the log-sum-exp. What has to be fitted, the
    principal space and the scale of the virtual logit, task ``ood`` fits. One forward pass of its
    own.
    """

    name = "vim"
    version = "1"
    summary = "ViM: a classifier's last features and logits, for the virtual logit of task ood"
    gives = "head"

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        _check_logits(self.name, facts)
        self.head = self._linear(facts).name
        return [Model()]

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        weight = self._linear(facts).weight
        assert weight is not None
        return (weight[1] + 2,)

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        import torch

        live, seen = signals[Model()], []
        head = live.model.get_submodule(self.head)
        hook = head.register_forward_hook(lambda _, args, output: seen.append((args[0], output)))
        try:
            with torch.no_grad():
                logits = live.forward()["logits"]
        finally:
            hook.remove()
        entered, left = seen[-1]
        if not torch.equal(left, logits):
            raise UsageError(f"vim: the logits are not what layer {self.head!r} puts out, so that "
                             "there is no virtual logit beside them; take activation")
        features = entered - _origin(head).to(entered)
        return torch.cat([features, logits.amax(1, True), logits.logsumexp(1, True)], 1)

    def _linear(self, facts: BackboneFacts) -> Layer:
        head = _head(self.name, facts)
        if head.weight is None or len(head.weight) != 2:
            raise UsageError(f"vim: the last layer {head.name!r} is a {head.kind}, expected a "
                             "linear layer; take activation")
        return head


def _origin(head: Any) -> torch.Tensor:
    """Where the logits are nearest to 0, ``[width]``: -W⁺b."""
    import torch

    weight = head.weight.detach().double()
    if head.bias is None:
        return torch.zeros_like(weight[0])
    return -torch.linalg.pinv(weight) @ head.bias.detach().double()


def _check_logits(name: str, facts: BackboneFacts) -> None:
    if "logits" not in facts.outputs:
        raise UsageError(f"{name}: needs a classifier's logits, the backbone gives "
                         f"{', '.join(facts.outputs) or 'none'}; take activation or latent")


def _head(name: str, facts: BackboneFacts) -> Layer:
    """The layer with a weight whose units are the classes: the last of those."""
    classes = facts.outputs["logits"][-1]
    heads = [layer for layer in facts.layers
             if layer.weight and len(layer.weight) > 1 and layer.weight[0] == classes]
    if not heads:
        raise UsageError(f"{name}: no layer of this backbone has {classes} units, as many as it "
                         "has logits; take logits[what=energy]")
    return heads[-1]


@hookimpl
def benchbench_extractors() -> list[type[Extractor]]:
    return [Odin, GradNorm, Vim]
