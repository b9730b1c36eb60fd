"""Runs a plan here: sweeps that miss features, then each cell's evaluation, a record for each."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchbench import records
from benchbench.cells import Cell, Plan, Selection, Sweep
from benchbench.deadline import Timeout, deadline
from benchbench.environment import environment
from benchbench.errors import DataError, UsageError
from benchbench.identity import canonical, digest, file_digest
from benchbench.plan import make_plan
from benchbench.records import Record
from benchbench.registry import registry
from benchbench.store import check_writable, store_root, write_text
from benchbench.sweep_result import Failure, Job, SweepResult
from benchbench.tables import class_labels, image_ids, load_table
from benchbench.timings import known_sweep, remember_speed, remember_sweep

if TYPE_CHECKING:
    import torch


class Reporter(Protocol):
    """Is told how the run goes."""

    def sweep(self, sweep: Sweep, extractors: int) -> None: ...
    def progress(self, done: int, total: int) -> None: ...
    def cell(self, cell: Cell, record: Record, cached: bool) -> None: ...
    def say(self, text: str) -> None: ...


RETRY = ("never", "failed", "all")


@dataclass(slots=True)
class Options:
    """How a plan is run; none of it changes a result."""

    out: Path
    device: str = "auto"
    retry: str = "never"
    timeout: float | None = None
    batch_size: int | None = None
    command: str = ""


@dataclass
class LocalExecutor:
    """Runs the cells of a plan in this process."""

    options: Options
    reporter: Reporter
    precision: str = "float32"
    started: str = ""

    @cached_property
    def device(self) -> torch.device:
        """Resolved at first need: a run whose cells are all stored imports no torch."""
        from benchbench.precision import choose_device

        return choose_device(self.options.device)

    @cached_property
    def env(self) -> dict[str, Any]:
        return environment(str(self.device), self.precision)

    def run(self, selection: Selection) -> list[Record]:
        """One record a cell, in the plan's order; those that are complete are read back.

        Raises ``DataError`` where nothing can be written or the data cannot be used, and
        ``UsageError`` for a wrong selection, before any work.
        """
        if self.options.retry not in RETRY:
            raise UsageError(f"retry {self.options.retry!r}: expected {', '.join(RETRY)}")
        if self.options.device not in ("auto", "cpu"):
            self.device  # noqa: B018 — a device that is not there is said before any work
        check_writable(self.options.out, "--out")
        check_writable(store_root(), "BENCHBENCH_STORE")
        self.precision = selection.precision
        plan = make_plan(selection)
        self._manifest(plan)
        found: dict[str, Record] = {}
        waiting: list[Cell] = []
        for cell in plan.cells:
            kept = self._kept(cell)
            if kept is not None:
                found[cell.id] = kept
                self.reporter.cell(cell, kept, True)
            elif cell.reason is not None:
                status = "failed" if cell.error else "skipped"
                found[cell.id] = self._write(cell, status, reason=cell.reason, trace=cell.error)
            else:
                waiting.append(cell)
        for sweep in plan.sweeps(waiting):
            found.update(self._sweep_and_evaluate(sweep))
        return [found[cell.id] for cell in plan.cells]

    def _kept(self, cell: Cell) -> Record | None:
        """The record of a cell that need not be computed again."""
        path = records.cell_path(self.options.out, cell.id)
        if not path.is_file():
            return None
        try:
            record = records.read_record(path)
        except records.NewerSchema:
            raise
        except DataError as error:
            self.reporter.say(f"computed again: {error}")
            return None
        if record.status == "ok" and self.options.retry != "all":
            return record if self._predicted(record) else None
        if record.status == "skipped":
            return record if record.reason == cell.reason else None
        given_up = record.status in ("failed", "oom", "timeout")
        return record if given_up and self.options.retry == "never" else None

    def _predicted(self, record: Record) -> bool:
        """Whether the predictions that the record speaks of are there, unchanged."""
        path = records.predictions_path(self.options.out, record.cell)
        return path.is_file() and f"sha256:{file_digest(path)}" == record.predictions

    def _sweep_and_evaluate(self, sweep: Sweep) -> dict[str, Record]:
        found: dict[str, Record] = {}
        self.started = now()
        try:
            result = self._sweep(sweep)
        except KeyboardInterrupt:
            for cell in sweep.cells:
                self._write(cell, "interrupted", reason="interrupted by the user")
            raise
        table = None
        try:
            table = load_table(sweep.source.made.part, sweep.source.limit)
        except Exception as error:
            keys = [cell.features_key for cell in sweep.cells]
            result.failures = dict.fromkeys(keys, Failure.of(error))
        for cell in sweep.cells:
            failure = result.failures.get(cell.features_key)
            if failure is not None:
                found[cell.id] = self._write(cell, failure.status, reason=failure.reason,
                                             trace=failure.traceback, result=result)
            else:
                found[cell.id] = self._evaluate(cell, table)
        return found

    def _sweep(self, sweep: Sweep) -> SweepResult:
        """Make the features that the store does not hold. Failures are part of the result."""
        from filelock import FileLock

        from benchbench.features import stored

        missing = {c.features_key: c for c in sweep.cells if not stored(c.features_key)}
        kept = SweepResult()
        if not missing:
            return kept
        folder = store_root() / "features"
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as locks:
            for key in sorted(missing):  # one writer a key
                locks.enter_context(FileLock(folder / f"{key}.lock"))
            missing = {key: cell for key, cell in missing.items() if not stored(key)}
            if not missing:
                return kept
            self.reporter.sweep(sweep, len(missing))
            try:
                with deadline(self.options.timeout):
                    return self._run_sweep(sweep, missing)
            except Timeout as error:
                failure = Failure("timeout", str(error))
            except Exception as error:
                failure = Failure.of(error)
            kept.failures = {key: failure for key in missing if not stored(key)}
            return kept

    def _run_sweep(self, sweep: Sweep, missing: dict[str, Cell]) -> SweepResult:
        from benchbench.sweep import Sweeper

        dataset, backbone = sweep.source.made.part, sweep.lens.made.part
        table = load_table(dataset, sweep.source.limit)
        images = image_ids(table)
        place = {image: i for i, image in enumerate(images)}
        references: list[int | None] = [None] * len(images)
        if "reference" in table:
            for image, reference in zip(table["image"], table["reference"], strict=True):
                references[place[image]] = place[reference]
                references[place[reference]] = place[reference]
        jobs = [Job(key, cell.feature, {"identity": canonical(cell.sees)})
                for key, cell in missing.items() if cell.feature is not None]
        model = backbone.build()
        sweeper = Sweeper(
            dataset, images, references, backbone, model, sweep.lens.preprocessing, jobs,
            device=self.device, precision=str(sweep.cells[0].identity["precision"]),
            labels=class_labels(table, images), batch_size=self.options.batch_size,
            progress=self.reporter.progress,
        )
        result = sweeper.run()
        for note in sweeper.said:
            self.reporter.say(note)
        for job in jobs:
            if job.key not in result.failures:
                remember_sweep(job.key, result.cost(), sweeper.notes(job.feature))
        if result.seconds > 0 and result.images:
            remember_speed(sweep, str(self.device), result.images / result.seconds)
        return result

    def _evaluate(self, cell: Cell, table: Any) -> Record:
        from benchbench.evaluate import evaluate_cell

        began = time.perf_counter()
        try:
            with deadline(self.options.timeout):
                outcome = evaluate_cell(cell, table)
                path = records.predictions_path(self.options.out, cell.id)
                predictions = outcome.write(path)
            record = self._record(cell, outcome.status, reason=outcome.reason, outcome=outcome,
                                  predictions=predictions,
                                  evaluate_s=time.perf_counter() - began)
            record.dumps()  # a task may have put anything into its outcome
        except Timeout as error:
            return self._write(cell, "timeout", reason=str(error))
        except KeyboardInterrupt:
            self._write(cell, "interrupted", reason="interrupted by the user")
            raise
        except Exception as error:
            failure = Failure.of(error)
            return self._write(cell, "failed", reason=failure.reason, trace=failure.traceback)
        return self._keep(cell, record)

    def _write(self, cell: Cell, status: str, **more: Any) -> Record:
        return self._keep(cell, self._record(cell, status, **more))

    def _record(self, cell: Cell, status: str, *, reason: str | None = None,
                trace: str | None = None, result: SweepResult | None = None, outcome: Any = None,
                predictions: str | None = None, evaluate_s: float | None = None) -> Record:
        """``result`` is given for a cell that failed in its sweep; what the sweep of finished
        features cost lies beside them."""
        from benchbench.entries import cell_record

        path = records.cell_path(self.options.out, cell.id)
        before = None
        if path.is_file():
            with contextlib.suppress(DataError):  # an unreadable record is replaced
                before = records.read_record(path)
        cost, notes = (result.cost(), []) if result else known_sweep(cell.features_key)
        size = cell.feature_bytes / 1e6 if cell.feature else None
        return cell_record(
            cell, status=status, reason=reason, traceback=trace, env=self.env, notes=notes,
            cost=cost.model_copy(update={"evaluate_s": evaluate_s, "feature_mb": size}),
            attempts=before.attempts + 1 if before else 1, command=self.options.command,
            outcome=outcome, predictions=predictions,
            started=self.started or now(), finished=now(),
        )

    def _keep(self, cell: Cell, record: Record) -> Record:
        records.write_record(self.options.out, record)
        self.reporter.cell(cell, record, False)
        for complaint in registry().notify(record):
            self.reporter.say(complaint)
        return record

    def _manifest(self, plan: Plan) -> None:
        started = now()
        data = {
            "schema": records.SCHEMA, "command": self.options.command, "started": started,
            "cells": [cell.id for cell in plan.cells],
            "env": environment(self.options.device, self.precision),
        }
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{stamp}-{digest([data, time.time_ns()])[:8]}.json"
        write_text(self.options.out / "runs" / name, json.dumps(data, indent=1) + "\n")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
