"""The hooks; imported by every command, so nothing heavy here."""

from __future__ import annotations

from benchbench import Component, hookimpl


@hookimpl
def benchbench_extractors() -> list[Component]:
    return [Component("brightness", "benchbench_example.brightness:Brightness",
                      "mean and range of the pixels")]
