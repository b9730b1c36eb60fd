"""Distortions on demand: the dataset ``distorted``."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench import Component, hookimpl


@hookimpl
def benchbench_datasets() -> Sequence[Component]:
    return (
        Component(
            "distorted",
            "benchbench_plugins.distortions.distorted:Distorted",
            "any clean images, distorted on demand: type by type and level by level",
        ),
    )
