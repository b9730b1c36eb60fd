"""Cells run again, from the names and parameters of their records, in a store of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchbench import repeat
from benchbench.errors import BenchbenchError
from benchbench.interfaces import Score
from benchbench.records import Record
from benchbench.verification.problem import Problem
from benchbench.verification.scores import compare

SAME, OTHER = 1e-6, 1e-3
"""How far a score may move, as a share of it where it is above 1: with the same versions on the
same kind of machine, and elsewhere."""
ENVIRONMENT = ("benchbench", "torch", "torchvision", "timm", "pillow", "numpy", "scipy",
               "scikit-learn", "python", "platform", "device")


class Silent:
    """A reporter that keeps to itself."""

    def sweep(self, sweep: Any, extractors: int) -> None: ...
    def progress(self, done: int, total: int) -> None: ...
    def cell(self, cell: Any, record: Record, cached: bool) -> None: ...
    def say(self, text: str) -> None: ...


def rerun(
    records: Sequence[tuple[Record, Path]], wanted: int, last: Collection[str] = ()
) -> Iterator[tuple[Record, list[Problem] | str]]:
    """The cheapest `wanted` cells that can be repeated here, those in `last` after the others:
    each record with its problems, or with the reason why it cannot be repeated."""
    done = 0
    with _own_store() as folder:
        for record, file in sorted(records, key=lambda r: (r[0].cell in last, _cost(r[0]))):
            if done == wanted:
                return
            try:
                again = _again(record, folder / record.cell)
            except BenchbenchError as error:
                yield record, str(error)
                continue
            done += 1
            yield record, [*_differences(record, file, again)]


def _again(record: Record, out: Path) -> Record:
    from benchbench.executors.local import LocalExecutor, Options
    from benchbench.plan import make_plan

    asked = repeat.selection(record)
    cells = [cell.id for cell in make_plan(asked).cells]
    if record.cell not in cells:
        raise BenchbenchError("its code, weights, data or parameters are others here")
    found = LocalExecutor(Options(out, device="cpu"), Silent()).run(asked)
    return next(again for again in found if again.cell == record.cell)


def _differences(record: Record, file: Path, again: Record) -> Iterator[Problem]:
    if again.status != "ok":
        yield Problem(file, "status when run again", record.status,
                      f"{again.status}: {again.reason}", "find out what differs here")
        return
    same = all(record.env.get(name) == again.env.get(name) for name in ENVIRONMENT)
    computed = {
        name: Score(entry.value, entry.higher_is_better, entry.ci95, entry.reliable, entry.note,
                    entry.mapping) for name, entry in again.scores.items()
    }
    yield from compare(file, computed, record.scores, SAME if same else OTHER,
                       "that is more than the noise between machines; run the cell again")


def _cost(record: Record) -> tuple[float, str]:
    parts = (record.cost.extract_s, record.cost.evaluate_s)
    return sum(part if part is not None else 1e9 for part in parts), record.cell


@contextmanager
def _own_store() -> Iterator[Path]:
    """A folder for records, and an empty store, so that nothing comes from an earlier run."""
    before = os.environ.get("BENCHBENCH_STORE")
    with tempfile.TemporaryDirectory() as name:
        os.environ["BENCHBENCH_STORE"] = str(Path(name) / "store")
        try:
            yield Path(name)
        finally:
            if before is None:
                del os.environ["BENCHBENCH_STORE"]
            else:
                os.environ["BENCHBENCH_STORE"] = before
