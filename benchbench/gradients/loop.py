"""Autograd's own gradients, one image at a time: exact for every layer, and slow."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from benchbench.gradients.jobs import GradientBatch, Job, add, checked, fail
from benchbench.interfaces import Backbone
from benchbench.memory import out_of_memory


def autograd_loop(
    backbone: Backbone,
    model: nn.Module,
    jobs: list[Job],
    images: Iterable[int],
    inputs: Tensor,
    labels: Tensor | None,
    found: GradientBatch,
) -> None:
    """Reduce autograd's gradients of ``images``, one forward pass each, in this order."""
    parameters = {id(job.target.parameter): job.target.parameter for job in jobs}
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    try:
        for row, image in enumerate(images):
            one = inputs[image : image + 1]
            its = None if labels is None else labels[image : image + 1]
            with torch.enable_grad():
                outputs = backbone.forward(model, one)
                for name in dict.fromkeys(job.loss for job in jobs):
                    mine = [job for job in jobs if job.loss == name]
                    _one(backbone, name, mine, row, outputs, one, its, found)
    finally:
        for parameter in parameters.values():
            parameter.requires_grad_(False)


def _one(
    backbone: Backbone,
    name: str,
    jobs: list[Job],
    row: int,
    outputs: dict[str, Tensor],
    inputs: Tensor,
    labels: Tensor | None,
    found: GradientBatch,
) -> None:
    try:
        loss = checked(backbone.loss(name, outputs, inputs, labels), name, 1)
        if not loss.requires_grad:
            return
        parameters = [job.target.parameter for job in jobs]
        gradients = torch.autograd.grad(
            loss.sum(), parameters, retain_graph=True, allow_unused=True
        )
    except Exception as error:
        if out_of_memory(error):
            raise
        fail(jobs, error, found)
        return
    for job, gradient in zip(jobs, gradients, strict=True):
        if gradient is not None:
            job.reached = True
            for reducer in job.reducers:
                add(reducer, row, gradient.unsqueeze(0), found)

