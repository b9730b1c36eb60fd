"""Runs a plan here: sweeps that miss features, then each cell's evaluation, a record for each."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchbench import records
from benchbench.cells import Cell, Plan, Selection, Sweep
from benchbench.deadline import Timeout, deadline
from benchbench.environment import environment
from benchbench.errors import DataError, UsageError
from benchbench.identity import digest, file_digest
from benchbench.plan import make_plan
from benchbench.records import Record
from benchbench.registry import registry
from benchbench.store import check_writable, store_root, write_text
from benchbench.sweep_result import Failure, SweepResult
from benchbench.tables import load_table
from benchbench.timings import known_sweep

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
    failed: dict[str, tuple[Failure, SweepResult]] = field(default_factory=dict)
    """Why features could not be made, by their key, with the sweep that should have."""

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
        self.failed = {}
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
        refused = self._refused(waiting)
        found |= {cell.id: self._write(cell, "failed", reason=why.reason, trace=why.traceback)
                  for cell, why in refused}
        for sweep in plan.sweeps([cell for cell in waiting if cell.id not in found]):
            found.update(self._sweep_and_evaluate(sweep))
        return [found[cell.id] for cell in plan.cells]

    def _refused(self, cells: list[Cell]) -> list[tuple[Cell, Failure]]:
        """Cells whose task cannot test their table (a split without outliers, a class without
        labels), said before any sweep. What else goes wrong here is left to the evaluation."""
        tables: dict[int, Any] = {}
        known: dict[str, Failure | None] = {}
        refused = []
        for cell in cells:
            source = cell.source
            asked = digest([cell.identity["dataset"], cell.task.identity, cell.seed])
            if asked not in known:
                known[asked] = None
                with contextlib.suppress(Exception):
                    if id(source) not in tables:
                        tables[id(source)] = load_table(source.made.part, source.limit)
                    try:
                        cell.task.part.tested(tables[id(source)], cell.seed)
                    except (DataError, UsageError) as error:
                        known[asked] = Failure.of(error)
            why = known[asked]
            if why is not None:
                refused.append((cell, why))
        return refused

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
        """Make the sweep's features and evaluate the cells whose features are whole then."""
        from benchbench.executors.sweeping import make_features

        found: dict[str, Record] = {}
        self.started = now()
        going = [cell for cell in sweep.cells if self._failure(cell) is None]
        keys = {share.key for cell in going for share in cell.shares}
        try:
            result = make_features(self, sweep, [s for s in sweep.shares if s.key in keys])
        except KeyboardInterrupt:
            for cell in going:
                self._write(cell, "interrupted", reason="interrupted by the user")
            raise
        self.failed.update({key: (why, result) for key, why in result.failures.items()})
        tables: dict[int, Any] = {}
        for cell in sweep.complete:
            failure = self._failure(cell)
            if failure is None:
                found[cell.id] = self._evaluate(cell, tables)
            else:
                why, result = failure
                found[cell.id] = self._write(cell, why.status, reason=why.reason,
                                             trace=why.traceback, result=result)
        return found

    def _failure(self, cell: Cell) -> tuple[Failure, SweepResult] | None:
        """Why a sweep could not make the cell's features, naming the dataset where several are
        joined."""
        for share in cell.shares:
            if share.key in self.failed:
                why, result = self.failed[share.key]
                if share.prefix:
                    why = replace(why, reason=f"in {share.source.made.selector}: {why.reason}")
                return why, result
        return None

    def _evaluate(self, cell: Cell, tables: dict[int, Any]) -> Record:
        """``tables`` keeps each dataset's table for the next cell."""
        from benchbench.evaluate import evaluate_cell

        began = time.perf_counter()
        try:
            with deadline(self.options.timeout):
                source = cell.source
                if id(source) not in tables:
                    tables[id(source)] = load_table(source.made.part, source.limit)
                outcome = evaluate_cell(cell, tables[id(source)])
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
        cost, notes = (result.cost(), []) if result else known_sweep(cell)
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
