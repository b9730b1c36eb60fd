"""Makes the features of one sweep that the store does not hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from benchbench.cells import Share, Sweep
from benchbench.deadline import Timeout, deadline
from benchbench.features import stored
from benchbench.identity import canonical
from benchbench.store import store_root
from benchbench.sweep_result import Failure, Job, SweepResult
from benchbench.tables import class_labels, image_ids, load_table
from benchbench.timings import remember_speed, remember_sweep

if TYPE_CHECKING:
    from benchbench.executors.local import LocalExecutor


def make_features(
    executor: LocalExecutor, sweep: Sweep, wanted: Iterable[Share]
) -> SweepResult:
    """Make those of ``wanted`` that are missing. Failures are part of the result."""
    from filelock import FileLock

    missing = {share.key: share for share in wanted if not stored(share.key)}
    kept = SweepResult()
    if not missing:
        return kept
    folder = store_root() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as locks:
        for key in sorted(missing):  # one writer a key
            locks.enter_context(FileLock(folder / f"{key}.lock"))
        missing = {key: share for key, share in missing.items() if not stored(key)}
        if not missing:
            return kept
        executor.reporter.sweep(sweep, len(missing))
        try:
            with deadline(executor.options.timeout):
                return _run(executor, sweep, list(missing.values()))
        except Timeout as error:
            failure = Failure("timeout", str(error))
        except Exception as error:
            failure = Failure.of(error)
        kept.failures = {key: failure for key in missing if not stored(key)}
        return kept


def _run(executor: LocalExecutor, sweep: Sweep, shares: list[Share]) -> SweepResult:
    from benchbench.sweep import Sweeper

    dataset, backbone = sweep.source.made.part, sweep.lens.made.part
    table = load_table(dataset, sweep.source.limit)
    images = image_ids(table)
    jobs = [Job(s.key, s.feature, {"identity": canonical(s.sees)}) for s in shares]
    sweeper = Sweeper(
        dataset, images, _references(table, images), backbone, backbone.build(),
        sweep.lens.preprocessing, jobs, device=executor.device,
        precision=str(sweep.shares[0].sees["precision"]), labels=class_labels(table, images),
        batch_size=executor.options.batch_size, progress=executor.reporter.progress,
    )
    result = sweeper.run()
    for note in sweeper.said:
        executor.reporter.say(note)
    for job in jobs:
        if job.key not in result.failures:
            remember_sweep(job.key, result.cost(), sweeper.notes(job.feature))
    if result.seconds > 0 and result.images:
        remember_speed(sweep, str(executor.device), result.images / result.seconds)
    return result


def _references(table: Any, images: list[str]) -> list[int | None]:
    """The place of each image's reference, which is its own for a reference."""
    references: list[int | None] = [None] * len(images)
    if "reference" in table:
        place = {image: i for i, image in enumerate(images)}
        for image, reference in zip(table["image"], table["reference"], strict=True):
            references[place[image]] = place[reference]
            references[place[reference]] = place[reference]
    return references
