"""Per-image parameter gradients from the factors of one batched pass.

A layer's gradient for one image follows from two things that a batched pass holds anyway: the
layer's input and the gradient at its output. ``capture`` catches both where the parameter is
used, ``factors`` turns them into per-image gradients, ``reduction`` makes features of these. All
of it happens inside the backward pass, so that the factors die where they were met.
"""

from __future__ import annotations

from benchbench.gradients.batch import GradientPass
from benchbench.gradients.jobs import GradientBatch
from benchbench.gradients.reduction import sketch

__all__ = ["GradientBatch", "GradientPass", "sketch"]
