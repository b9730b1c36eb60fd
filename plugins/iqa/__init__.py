"""Task ``iqa``: how well do features tell the quality that people saw?

Full-reference (``mode=fr``): the quality of an image is minus the distance between its features
and its reference's; nothing is fitted. No-reference (``mode=nr``): a regression from features to
scores, tested on contents that it has never seen. An extractor that gives a score is taken as it
is (``mode=score``).
"""

from __future__ import annotations

from benchbench_plugins.iqa.task import ImageQuality, distances

from benchbench import Task, hookimpl

__all__ = ["ImageQuality", "distances"]


@hookimpl
def benchbench_tasks() -> list[type[Task]]:
    return [ImageQuality]
