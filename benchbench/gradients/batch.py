"""The gradient probes of a batch: one forward, one backward a loss, and the way out by a loop."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import cast

import torch
from torch import Tensor, nn

from benchbench.errors import UsageError
from benchbench.gradients.capture import Capture, Target
from benchbench.gradients.factors import Call, Outer
from benchbench.gradients.gram import unit_norms
from benchbench.gradients.jobs import GradientBatch, Job, add, checked, fail
from benchbench.gradients.loop import autograd_loop
from benchbench.gradients.reduction import Reducer
from benchbench.interfaces import Backbone
from benchbench.memory import out_of_memory
from benchbench.probes import Gradient

_TOLERANCE = {torch.bfloat16: 0.05, torch.float16: 0.05}


class GradientPass:
    """Serves gradient probes batch after batch; remembers which layers need the loop, and why.

    The model has to be frozen (evaluation mode, no parameter requires a gradient) while it is
    used, so that autograd computes no weight gradient.
    """

    def __init__(self, backbone: Backbone, model: nn.Module, probes: Collection[Gradient]) -> None:
        self.backbone = backbone
        self.model = model
        self.probes = list(probes)
        self.obstacles: dict[tuple[str, str], str] = {}
        self.trusted: set[tuple[str, str]] = set()
        self.said: dict[str, set[Gradient]] = {}

    def run(
        self,
        inputs: Tensor,
        labels: Tensor | None,
        forward: Callable[[], dict[str, Tensor]],
    ) -> tuple[dict[str, Tensor], GradientBatch]:
        """The outputs of the batch's one ``forward`` (detached), and the probes' rows."""
        found = GradientBatch()
        jobs = self._jobs(len(inputs), found)
        capture = Capture([job.target for job in jobs])
        with torch.enable_grad(), capture:
            outputs = forward()
            capture.recording = False
            losses = list(dict.fromkeys(job.loss for job in jobs))
            for loss in losses:
                mine = [job for job in jobs if job.loss == loss]
                capture.release = loss == losses[-1]
                try:
                    self._backward(loss, mine, capture, outputs, inputs, labels, found)
                except Exception as error:
                    if out_of_memory(error):
                        raise
                    fail(mine, error, found)
        capture.sink = None
        outputs = {name: value.detach() for name, value in outputs.items()}
        self._finish(jobs, inputs, labels, found)
        return outputs, found

    def _jobs(self, images: int, found: GradientBatch) -> list[Job]:
        """One job a loss and parameter, with a reducer for each probe that shares it."""
        targets: dict[int, Target] = {}
        jobs: dict[tuple[str, int], Job] = {}
        for probe in self.probes:
            try:
                module = self.model.get_submodule(probe.layer)
            except AttributeError:
                found.errors[probe] = _no_layer(probe)
                continue
            parameter = getattr(module, probe.of, None)
            if not isinstance(parameter, Tensor):
                found.errors[probe] = UsageError(f"layer {probe.layer!r} has no {probe.of}")
                continue
            key = (probe.layer, probe.of)
            target = targets.setdefault(id(parameter), Target(parameter, probe.of, key))
            target.obstacle = self.obstacles.get(target.key)
            groups = None
            if probe.of == "weight" and getattr(module, "transposed", False):
                groups = cast(int, module.groups)
            job = jobs.setdefault((probe.loss, id(parameter)), Job(probe.loss, target, []))
            job.reducers.append(Reducer(probe, images, groups))
        return list(jobs.values())

    def _backward(
        self,
        name: str,
        jobs: list[Job],
        capture: Capture,
        outputs: dict[str, Tensor],
        inputs: Tensor,
        labels: Tensor | None,
        found: GradientBatch,
    ) -> None:
        images = len(inputs)
        loss = checked(self.backbone.loss(name, outputs, inputs, labels), name, images)
        if not loss.requires_grad:
            return
        by_target = {id(job.target): job for job in jobs}

        def sink(target: Target, call: Call, grad: Tensor) -> None:
            job = by_target.get(id(target))
            if job is None or target.obstacle is not None:
                return
            try:
                _reduce(job, call, grad, images, found)
            except Exception as error:
                if out_of_memory(error):
                    raise
                target.obstacle = f"its factors gave {type(error).__name__}: {error}"

        capture.sink = sink
        capture.backward(loss.sum())
        for job in jobs:
            if job.total is not None:
                for reducer in job.reducers:
                    add(reducer, 0, job.total, found)
                job.total = None

    def _finish(
        self, jobs: list[Job], inputs: Tensor, labels: Tensor | None, found: GradientBatch
    ) -> None:
        """Checks what is in doubt, does what is left by the loop, and collects the rows."""
        jobs = [job for job in jobs if any(r.probe not in found.errors for r in job.reducers)]
        for job in jobs:
            if not job.target.calls and job.target.obstacle is None:
                job.target.obstacle = f"no use of its {job.target.of} was seen in the forward pass"
        doubtful = [
            job
            for job in jobs
            if job.doubtful and job.target.obstacle is None and job.target.key not in self.trusted
        ]
        if doubtful:
            self._check(doubtful, inputs, labels)
        looped = [job for job in jobs if job.target.obstacle is not None]
        for job in looped:
            layer, of = job.target.key
            self.obstacles[job.target.key] = reason = str(job.target.obstacle)
            self._say(f"gradients of {layer}.{of}: image by image, because {reason}", job, found)
            job.reducers = [Reducer(r.probe, r.images, r.groups) for r in job.reducers]
            job.reached = False
        if looped:
            every = range(len(inputs))
            autograd_loop(self.backbone, self.model, looped, every, inputs, labels, found)
        for job in jobs:
            for reducer in job.reducers:
                if reducer.probe in found.errors:
                    continue
                if not job.reached or reducer.rows is None:
                    layer, of = job.target.key
                    found.errors[reducer.probe] = UsageError(
                        f"loss {job.loss!r} does not depend on the {of} of layer {layer!r}: its "
                        "gradient is zero for every image; choose another loss or layer"
                    )
                else:
                    found.rows[reducer.probe] = reducer.rows

    def _check(self, jobs: list[Job], inputs: Tensor, labels: Tensor | None) -> None:
        """Compares the last image with autograd's answer, where another axis may be the images'."""
        last = len(inputs) - 1
        truth = [
            Job(j.loss, j.target, [Reducer(r.probe, 1, r.groups) for r in j.reducers])
            for j in jobs
        ]
        one = range(last, last + 1)
        autograd_loop(self.backbone, self.model, truth, one, inputs, labels, GradientBatch())
        for job, true in zip(jobs, truth, strict=True):
            same = job.reached == true.reached
            for ours, right in zip(job.reducers, true.reducers, strict=True):
                if ours.rows is not None and right.rows is not None:
                    same &= _close(ours.rows[last], right.rows[0], job.coarse)
            if same:
                self.trusted.add(job.target.key)
            else:
                job.target.obstacle = "the images are not the first axis of its input"

    def _say(self, note: str, job: Job, found: GradientBatch) -> None:
        """Each note once, but for every probe that shares the layer."""
        new = {reducer.probe for reducer in job.reducers} - self.said.get(note, set())
        if new:
            self.said.setdefault(note, set()).update(new)
            found.notes.setdefault(note, set()).update(new)


def _reduce(job: Job, call: Call, grad: Tensor, images: int, found: GradientBatch) -> None:
    target = job.target
    if not call.intact():
        target.obstacle = "its input is changed in place after its use"
        return
    if call.rows(images) is None:
        target.obstacle = "the images are not the first axis of its input"
        return
    job.reached = True
    job.doubtful |= call.doubtful(images)
    job.coarse = _TOLERANCE.get(grad.dtype, job.coarse)
    if len(target.calls) == 1 and target.of == "weight" and all(
        reducer.wants_unit_norms for reducer in job.reducers
    ):
        norms = unit_norms(call, grad, images)
        if norms is not None:
            for first, part in norms:
                for reducer in job.reducers:
                    add(reducer, first, part, found)
            return
    for first, gradients in call.gradients(target.of, grad, images):
        if len(target.calls) == 1:
            for reducer in job.reducers:
                add(reducer, first, gradients, found)
            continue
        # A norm of a sum is no sum of norms: gradients of several calls are summed before.
        dense = gradients.dense() if isinstance(gradients, Outer) else gradients
        if job.total is None:
            job.total = dense.new_zeros((images, *dense.shape[1:]))
        job.total[first : first + dense.shape[0]] += dense


def _no_layer(probe: Gradient) -> UsageError:
    return UsageError(f"layer {probe.layer!r}: the model has none so named")


def _close(found: Tensor, true: Tensor, tolerance: float) -> bool:
    if not torch.isfinite(true).all():
        return not torch.isfinite(found).all()
    size = torch.linalg.vector_norm(true)
    return bool(torch.linalg.vector_norm(found - true) <= tolerance * size)
