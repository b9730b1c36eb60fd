"""What is asked of one loss and one parameter, and where its rows go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import Tensor

from benchbench.errors import BenchbenchError
from benchbench.gradients.capture import Target
from benchbench.gradients.factors import Gradients, UnitNorms
from benchbench.gradients.reduction import Reducer
from benchbench.memory import out_of_memory
from benchbench.probes import Probe


@dataclass(slots=True, eq=False)
class Job:
    """One loss to one target: its reducers, and what happened to them.

    ``total`` sums the gradients of several calls, ``coarse`` is the relative difference from
    autograd that the arithmetic alone may make.
    """

    loss: str
    target: Target
    reducers: list[Reducer]
    reached: bool = False
    doubtful: bool = False
    total: Tensor | None = None
    coarse: float = 0.005


@dataclass(slots=True)
class GradientBatch:
    """What a batch's gradient probes gave: rows or an error by probe, and notes with the probes
    that they are about."""

    rows: dict[Probe, Tensor] = field(default_factory=dict)
    errors: dict[Probe, Exception] = field(default_factory=dict)
    notes: dict[str, set[Probe]] = field(default_factory=dict)


def add(
    reducer: Reducer, first: int, gradients: Gradients | UnitNorms, found: GradientBatch
) -> None:
    """Rows to a reducer; an error of its own fails its probe alone."""
    if reducer.probe in found.errors:
        return
    try:
        reducer.add(first, gradients)
    except Exception as error:
        if out_of_memory(error):
            raise
        found.errors[reducer.probe] = error


def fail(jobs: Iterable[Job], error: Exception, found: GradientBatch) -> None:
    """The same error for every probe of these jobs that has none yet."""
    for job in jobs:
        for reducer in job.reducers:
            found.errors.setdefault(reducer.probe, error)


def checked(loss: Tensor, name: str, images: int) -> Tensor:
    """The loss, where it is one number an image."""
    if loss.shape != (images,):
        raise BenchbenchError(
            f"loss {name!r}: has shape {tuple(loss.shape)}, expected one number an image, "
            f"({images},); average over all other axes in the backbone's loss()"
        )
    return loss
