"""Task ``ood``: does what a network's reaction tells separate outliers from what it knows?"""

from __future__ import annotations

from benchbench import Component, hookimpl


@hookimpl
def benchbench_tasks() -> list[Component]:
    return [
        Component(
            "ood",
            "benchbench_plugins.ood.task:OutOfDistribution",
            "out-of-distribution detection: outlier exposure, or one class alone",
        )
    ]
