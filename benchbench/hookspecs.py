"""The hooks: the whole surface that a plugin can register through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from benchbench.interfaces import Backbone, Component, Dataset, Extractor, Task

if TYPE_CHECKING:
    from benchbench.records import Record

hookspec = pluggy.HookspecMarker("benchbench")
hookimpl = pluggy.HookimplMarker("benchbench")


@hookspec
def benchbench_datasets() -> Sequence[type[Dataset] | Component]:
    """Datasets, by class or lazily."""
    return ()


@hookspec
def benchbench_backbones() -> Sequence[type[Backbone] | Component]:
    """Backbones, by class or lazily. A name that ends in ``/*`` serves every name below it."""
    return ()


@hookspec
def benchbench_extractors() -> Sequence[type[Extractor] | Component]:
    """Extractors, by class or lazily."""
    return ()


@hookspec
def benchbench_tasks() -> Sequence[type[Task] | Component]:
    """Tasks, by class or lazily."""
    return ()


@hookspec
def benchbench_cell_finished(record: Record) -> Any:
    """A cell's record has been written, whatever its status."""
