"""The conformance suite of tasks."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from benchbench.facts import DatasetFacts
from benchbench.interfaces import Features, Outcome, Task
from benchbench.testing.checks import Check, Failed, Skipped, run_suite
from benchbench.testing.subjects import (
    Subject,
    check_declaration,
    check_light_import,
    check_parameters,
    find_subject,
)

SHAPES = {"vector": (6,), "score": (), "map": (5, 5), "head": (6,)}
PREDICTIONS = ("image", "split", "group", "target", "prediction")
TOLERANCE = 1e-6
SEED = 3


def check_task(
    task: str | type[Task] | Task, *, table: pd.DataFrame | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Iterator[Check]:
    """Check a task on random features, for all that it takes and in every variant (mode, control)
    that it makes of itself.

    ``task`` is a name with parameters, a class or an instance. ``table`` replaces the made-up one:
    40 images of 10 contents with every column. ``expected_failures`` as in ``check_extractor``.
    """
    subject = find_subject("task", task)
    suite = _Suite(subject, made_up_table() if table is None else table)
    yield from run_suite(f"task {subject.label}", suite.tests(),
                         subject.expected(expected_failures))


def made_up_table(groups: int = 10, levels: int = 4) -> pd.DataFrame:
    """A table with every column: ``groups`` contents at ``levels`` levels."""
    rng = np.random.default_rng(SEED)
    rows = [(g, level) for g in range(groups) for level in range(1, levels + 1)]
    table = pd.DataFrame({
        "image": [f"{g}-{level}" for g, level in rows],
        "reference": [f"{g}-0" for g, _ in rows],
        "score": [5.5 - level + rng.normal(0, 0.3) for _, level in rows],
        "score_std": 0.2,
        "distortion": [("blur", "noise")[g % 2] for g, _ in rows],
        "level": [level for _, level in rows],
        "label": [level % 2 for _, level in rows],
        "outlier": [level == levels for _, level in rows],
        "split": [("train", "test")[g % 2] for g, _ in rows],
        "group": [f"content {g}" for g, _ in rows],
        "source": "made up",
    })
    table.attrs.update(score_kind="mos", higher_is_better=True, std_kind="mean")
    return table


@dataclass(frozen=True, slots=True)
class _Case:
    """One variant of the task, with features for it."""

    label: str
    task: Task
    features: Features


class _Suite:
    def __init__(self, subject: Subject, table: pd.DataFrame) -> None:
        self.subject, self.table = subject, table
        self.changed: list[str] = []

    def tests(self) -> dict[str, Callable[[], str]]:
        return {
            "declaration": self.declaration,
            "parameters": lambda: check_parameters(self.subject),
            "light_import": lambda: check_light_import(self.subject),
            "variants": self.variants,
            "scores": self.scores,
            "predictions": self.predictions,
            "rescored": self.rescored,
            "repeatable": self.repeatable,
            "inputs_kept": self.inputs_kept,
            "order": self.order,
            "constant": self.constant,
            "record": self.record,
        }

    @cached_property
    def cases(self) -> list[_Case]:
        """What the task makes of itself for each kind of features that it takes."""
        whole: Task = self.subject.make()
        facts = DatasetFacts(
            n=len(self.table), columns=tuple(map(str, self.table.columns)), fingerprint="none",
            images="none", n_images=len(self.table), groups=self.table["group"].nunique(),
            score_kind="mos")
        found = []
        for gives in whole.takes:
            for changes in [*whole.expand(gives, facts), *whole.controls()]:
                task = self._vary(changes)
                missing = [column for column in task.needs if column not in self.table]
                if missing:
                    raise Failed(f"needs column {missing[0]!r}, which no dataset gives")
                label = f"{gives} {dict(changes)}" if changes else gives
                found.append(_Case(label, task, self._features(gives)))
        if not found:
            raise Failed("takes nothing, so that it can never run")
        return found

    @cached_property
    def outcomes(self) -> list[tuple[_Case, Outcome]]:
        found = []
        for case in self.cases:
            rows, table = case.features.rows.copy(), self.table.copy(deep=True)
            found.append((case, self._evaluate(case)))
            if not np.array_equal(rows, case.features.rows) or not table.equals(self.table):
                self.changed.append(case.label)
                self.table = table
        return found

    def declaration(self) -> str:
        task: Task = self.subject.make()
        wrong = [gives for gives in task.takes if gives not in SHAPES]
        if wrong or not task.takes:
            raise Failed(f"takes {task.takes!r}, expected some of {', '.join(SHAPES)}")
        if not task.metrics:
            raise Failed("metrics is empty; name them, the primary one first")
        return f"{check_declaration(self.subject)}, primary metric {task.metrics[0]}"

    def variants(self) -> str:
        return "; ".join(case.label for case in self.cases)

    def scores(self) -> str:
        """Every metric, finite or None with a note, inside its interval's order."""
        for case, outcome in self.outcomes:
            _check_scores(case, outcome)
        return ", ".join(self.cases[0].task.metrics)

    def predictions(self) -> str:
        """The columns, and every row that the protocol tests at least once."""
        for case, outcome in self.outcomes:
            columns = list(outcome.predictions.columns)
            missing = [name for name in PREDICTIONS if name not in columns]
            if missing:
                raise Failed(f"{case.label}: predictions have no column {missing[0]!r}, only "
                             f"{columns}")
            found = outcome.predictions
            predicted = set(found["image"][np.isfinite(found["prediction"].to_numpy(float))])
            tested = len(self.table) if outcome.n_tested is None else outcome.n_tested
            if len(predicted) != tested or not predicted <= set(self.table["image"]):
                raise Failed(f"{case.label}: {len(predicted)} images have a finite prediction, "
                             f"expected {tested}; where a protocol tests fewer, say n_tested")
        return f"{len(self.table)} images"

    def rescored(self) -> str:
        """``tested()`` and ``score()`` give again what ``evaluate`` gave, from the file alone."""
        for case, outcome in self.outcomes:
            file = io.BytesIO()
            outcome.predictions.to_parquet(file, index=False)
            found = pd.read_parquet(file)
            if case.task.score(found, SEED) != outcome.scores:
                raise Failed(f"{case.label}: score() of the predictions gives other scores than "
                             "evaluate(); let evaluate() take them from score()")
            asked = case.task.tested(self.table, SEED)
            if not asked.equals(outcome.predictions.drop(columns="prediction")):
                raise Failed(f"{case.label}: the predictions are not the rows of tested() with the "
                             "column prediction; let evaluate() begin with tested()")
        return f"{len(self.cases)} variants"

    def repeatable(self) -> str:
        for case, outcome in self.outcomes:
            again = self._evaluate(case)
            if again.scores != outcome.scores:
                raise Failed(f"{case.label}: other scores from the same seed")
            if not again.predictions.equals(outcome.predictions):
                raise Failed(f"{case.label}: other predictions from the same seed")
        return f"{len(self.cases)} variants"

    def inputs_kept(self) -> str:
        """Features and table are shared between tasks."""
        if self.outcomes and self.changed:
            raise Failed(f"{self.changed[0]}: evaluate changes the features or the table in place")
        return f"{len(self.cases)} variants"

    def order(self) -> str:
        """Scores do not depend on the order of the rows."""
        places = np.random.default_rng(SEED).permutation(len(self.table))
        table = self.table.iloc[places].reset_index(drop=True)
        table.attrs.update(self.table.attrs)
        for case, outcome in self.outcomes:
            turned = _Case(case.label, case.task, _rows(case.features, places))
            _same_scores(case.label, self._evaluate(turned, table), outcome)
        return f"within {TOLERANCE:g}"

    def constant(self) -> str:
        """Features that say nothing give a finite score or none, with a note: never NaN."""
        for case in self.cases:
            flat = np.ones_like(case.features.rows)
            features = Features(flat, flat, case.features.gives, case.features.higher_is_better)
            _check_scores(case, case.task.evaluate(features, self.table, SEED))
        return f"{len(self.cases)} variants"

    def record(self) -> str:
        """Details and notes can be written into a record."""
        for case, outcome in self.outcomes:
            try:
                json.dumps([outcome.details, outcome.notes], allow_nan=False)
            except (TypeError, ValueError) as error:
                raise Failed(f"{case.label}: details or notes are not plain JSON ({error})"
                             ) from error
        return "plain JSON"

    def _vary(self, changes: Mapping[str, Any]) -> Task:
        if changes and not self.subject.parametrised:
            raise Skipped("an instance was given, whose variants cannot be made; give the class")
        subject = self.subject.changed(changes) if changes else self.subject
        task: Task = subject.make()
        return task

    def _features(self, gives: str) -> Features:
        rng = np.random.default_rng(SEED)
        shape = SHAPES[gives]
        signal = self.table["score"].to_numpy(float).reshape(-1, *(1 for _ in shape))
        rows = (signal + rng.normal(size=(len(self.table), *shape))).astype(np.float32)
        reference = rng.normal(5.5, 0.1, size=rows.shape).astype(np.float32)
        return Features(rows, reference, gives)

    def _evaluate(self, case: _Case, table: pd.DataFrame | None = None) -> Outcome:
        return case.task.evaluate(case.features, self.table if table is None else table, SEED)


def _check_scores(case: _Case, outcome: Outcome) -> None:
    missing = [name for name in case.task.metrics if name not in outcome.scores]
    if missing:
        raise Failed(f"{case.label}: metric {missing[0]!r} is declared and not scored")
    for name, score in outcome.scores.items():
        if score.value is None and not score.note:
            raise Failed(f"{case.label}: {name} has no value and no note that says why")
        if score.value is not None and not math.isfinite(score.value):
            raise Failed(f"{case.label}: {name} is {score.value}; give None and a note")
        if score.ci95 is not None and not score.ci95[0] <= score.ci95[1]:
            raise Failed(f"{case.label}: the interval of {name} is {score.ci95}")


def _same_scores(label: str, found: Outcome, expected: Outcome) -> None:
    for name, score in expected.scores.items():
        a, b = found.scores[name].value, score.value
        if (a is None) != (b is None) or (
            a is not None and b is not None and abs(a - b) > TOLERANCE * max(1.0, abs(b))
        ):
            raise Failed(f"{label}: {name} is {b} and after shuffling the rows {a}")


def _rows(features: Features, places: np.ndarray) -> Features:
    reference = None if features.reference is None else features.reference[places]
    return Features(features.rows[places], reference, features.gives, features.higher_is_better)
