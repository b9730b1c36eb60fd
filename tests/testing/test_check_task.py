"""The suite of tasks passes what is sound and catches every cheat by the check for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench import Outcome, Score, Task
from benchbench.testing import check_task
from tests.testing.suites import failed, result


class Longest(Task):
    """Sound: the rank correlation of the first feature with the score."""

    name = "longest"
    summary = "rank correlation"
    takes = ("vector", "score")
    needs = ("score",)  # type: ignore[assignment]
    metrics = ("srocc",)

    def tested(self, table: Any, seed: int) -> pd.DataFrame:
        return pd.DataFrame({"image": table["image"], "split": 0, "group": table["group"],
                             "target": table["score"]})

    def evaluate(self, features: Any, table: Any, seed: int) -> Outcome:
        rows = features.rows.reshape(len(table), -1)[:, 0]
        predictions = self.tested(table, seed).assign(prediction=rows)
        return self.cheat(features, table, Outcome(self.score(predictions, seed), predictions))

    def score(self, predictions: Any, seed: int) -> dict[str, Score]:
        ranks = predictions["prediction"].rank()
        known = ranks.nunique() > 1
        value = float(ranks.corr(predictions["target"].rank())) if known else None
        return {"srocc": Score(value, note=None if known else "constant")}

    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        return outcome


class NaNScore(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        value = outcome.scores["srocc"].value
        outcome.scores["srocc"] = Score(float("nan") if value is None else value)
        return outcome


class NoNote(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.scores["srocc"] = Score(None)
        return outcome


class MetricNotScored(Longest):
    metrics = ("srocc", "plcc")


class DropsRows(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.predictions = outcome.predictions.iloc[1:]
        return outcome


class LacksAColumn(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.predictions = outcome.predictions.drop(columns="group")
        return outcome


class RandomTask(Longest):
    draws = np.random.default_rng(0)

    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.scores["srocc"] = Score(float(self.draws.random()))
        return outcome


class DependsOnOrder(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.scores["srocc"] = Score(float(table["score"].iloc[0]))
        return outcome


class ChangesFeatures(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        features.rows[0] += 1
        return outcome


class ChangesTheTable(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        table["mine"] = 1
        return outcome


class ScoresByTheFeatures(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.scores["srocc"] = Score(float(features.rows.sum()))
        return outcome


class OtherTargets(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.predictions["target"] += 1  # the ranks stay
        return outcome


class NotPlainDetails(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.details["rows"] = features.rows
        return outcome


class TurnedInterval(Longest):
    def cheat(self, features: Any, table: Any, outcome: Outcome) -> Outcome:
        outcome.scores["srocc"] = Score(0.5, ci95=(0.9, 0.1))
        return outcome


class NeedsTheUnknown(Longest):
    needs = ("temperature",)  # type: ignore[assignment]


class NoMetrics(Longest):
    metrics = ()


CHEATS = {
    NaNScore: "constant", NoNote: "scores", MetricNotScored: "scores", DropsRows: "predictions",
    LacksAColumn: "predictions", RandomTask: "repeatable", DependsOnOrder: "order",
    ScoresByTheFeatures: "rescored", OtherTargets: "rescored",
    ChangesFeatures: "inputs_kept", ChangesTheTable: "inputs_kept", NotPlainDetails: "record",
    TurnedInterval: "scores", NeedsTheUnknown: "variants", NoMetrics: "declaration",
}


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda c: c.__name__)
def test_a_cheating_task_is_caught(cheat: type[Task]) -> None:
    assert result(check_task(cheat), CHEATS[cheat]).status == "failed"


def test_a_sound_task_conforms() -> None:
    assert failed(check_task(Longest)) == {}


def test_the_first_party_task_conforms_in_all_its_modes() -> None:
    checks = list(check_task("iqa[splits=20]"))
    assert failed(checks) == {}
    [variants] = [check for check in checks if check.name == "variants"]
    for mode in ("fr", "nr", "shuffled", "score"):
        assert mode in variants.detail
