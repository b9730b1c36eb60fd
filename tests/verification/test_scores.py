"""Scores, predictions and data of tampered records of real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench import trust
from tests.verification.laid_out import (
    check,
    lay_out,
    problem,
    record_of,
    tamper,
    tamper_predictions,
)


@pytest.mark.parametrize("change, said", [
    (lambda score: score.update(value=score["value"] + 1e-4), "score error: expected"),
    (lambda score: score.update(value=None), "score error: expected"),
    (lambda score: score.update(higher_is_better=True), "score error: higher_is_better: expected"),
    (lambda score: score.update(ci95=[0.1, 0.2]), "score error: ci95: expected None, found (0.1, "),
    (lambda score: score.update(note="the best"), "score error: note: expected None, found 'the"),
])
def test_a_tampered_score_is_caught(tmp_path: Path, toys: Path, change: Any, said: str) -> None:
    results = lay_out(tmp_path)
    tamper(record_of(results), lambda data: change(data["scores"]["error"]))
    assert said in problem(results)
    assert "it does not follow from the predictions" in problem(results)
    assert len(check(results).confirmed) == 1


def test_a_score_more_or_less_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper(path, lambda data: data["scores"].update(srocc={"value": 1.0}))
    assert "score srocc: expected none, found a value" in problem(results)
    tamper(path, lambda data: data["scores"].clear())
    assert "score error: expected a value, found none" in problem(results)


def test_an_edited_or_swapped_file_of_predictions_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    other = record_of(results, "spread").with_suffix(".parquet")
    beside = path.with_suffix(".parquet")
    kept = beside.read_bytes()
    beside.write_bytes(other.read_bytes())
    assert problem(results).startswith(f"{beside}: digest: expected 'sha256:")
    found = pd.read_parquet(other)
    found.assign(prediction=found["prediction"] + 1e-12).to_parquet(beside, index=False)
    assert problem(results).startswith(f"{beside}: digest: expected 'sha256:")
    beside.unlink()
    assert "found None; put the file there" in problem(results)
    beside.write_bytes(kept)
    assert check(results).problems == []


def test_an_edited_prediction_is_caught_behind_a_new_digest(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    tamper_predictions(record_of(results), lambda found: found.assign(
        prediction=found["prediction"].where(found.index != 3, found["target"])))
    assert "score error: expected" in problem(results)


def drop(found: pd.DataFrame) -> pd.DataFrame:
    return found.iloc[1:].reset_index(drop=True)


def test_a_dropped_image_is_caught_however_well_it_is_hidden(
    tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper_predictions(path, drop)
    assert "images with a prediction: expected 24, found 23" in problem(results)
    tamper(path, lambda data: data["dataset"].update(n_scored=23))
    assert "n scored: expected the 24 tested of 24 images, found 23" in problem(results)
    error = _error(path)
    tamper(path, lambda data: (data["dataset"].update(n_tested=23),
                               data["scores"]["error"].update(value=error)))
    assert "what is tested: expected 24 rows of ['image', 'split', 'group', 'target']" in problem(
        results)
    _without_pictures(toys, monkeypatch)
    assert "what is tested: expected as in " in problem(results)  # in the other method's file


def test_a_prediction_that_is_no_number_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper_predictions(path, lambda found: found.assign(
        prediction=found["prediction"].where(found.index != 3, np.nan)))
    assert "prediction: expected finite numbers, found 1 of 24 that are none" in problem(results)
    tamper_predictions(path, lambda found: found.assign(prediction="high"))
    assert "found 24 of 24 that are none" in problem(results)
    path.with_suffix(".parquet").write_bytes(b"PAR1")
    tamper(path, lambda data: data.update(predictions=trust.seal(path.with_suffix(".parquet"))))
    assert "file: expected parquet" in problem(results)


def test_edited_targets_are_caught(tmp_path: Path, toys: Path) -> None:
    """Even where the scores are those of the edited file."""
    results = lay_out(tmp_path, "mean")
    path = record_of(results)
    tamper_predictions(path, lambda found: found.assign(target=found["prediction"]))
    tamper(path, lambda data: data["scores"]["error"].update(value=0.0))
    assert "target in row 1: expected 4.0, found " in problem(results)


def test_predictions_without_a_record_are_named(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    path.unlink()
    assert f"{path.with_suffix('.parquet')}: record: expected '{path.name}', found no file" in (
        problem(results))


def test_a_dataset_that_is_not_here_is_unknown_until_it_is_listed(
    tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = lay_out(tmp_path, dataset="pictures[contents=5]")
    assert len(check(results, write=True).confirmed) == 2
    listed = (results / "fingerprints.json").read_bytes()
    [facts] = json.loads(listed).values()
    assert (facts["name"], facts["n"], facts["groups"]) == ("pictures", 20, 5)
    (results / "fingerprints.json").unlink()

    _without_pictures(toys, monkeypatch)
    found = check(results)
    assert found.problems == []
    assert found.confirmed == {}
    assert len(found.says["unknown fingerprint of pictures"]) == 2

    (results / "fingerprints.json").write_bytes(listed)
    assert len(check(results).confirmed) == 2
    tamper(record_of(results), lambda data: data["dataset"].update(groups=50))
    assert "dataset.groups: expected 5, found 50" in problem(results)


def test_another_dataset_of_that_name_is_a_problem(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    code = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(code.replace("5.0 - level", "16.0 - level"), encoding="utf-8")
    from tests.toys import forget_plugins

    forget_plugins()
    said = check(results).problems
    assert len(said) == 2
    assert all("dataset.fingerprint: expected" in line and "pictures is another dataset here"
               in line for line in said)


def test_withheld_labels_are_joined_or_said_to_be_absent(
    tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = lay_out(tmp_path, dataset="private")
    path = record_of(results)
    beside = path.with_suffix(".parquet")
    assert list(pd.read_parquet(beside)) == ["digest", "split", "prediction"]
    assert b"c0_l1" not in beside.read_bytes()
    found = check(results, write=True)
    assert found.problems == []
    assert {entry.trust for entry in found.confirmed.values()} == {trust.RECOMPUTED}

    turned = beside.read_bytes()
    record = path.read_bytes()
    tamper_predictions(path, lambda found: found.iloc[::-1])
    assert "digest in row 1: expected " in problem(results)
    path.write_bytes(record)
    beside.write_bytes(turned)
    tamper_predictions(path, lambda found: found.assign(prediction=found["prediction"] * 2))
    assert "score error: expected" in problem(results)

    _without_pictures(toys, monkeypatch)
    found = check(results)
    assert found.problems == []
    assert found.confirmed == {}
    [said] = found.says
    assert said == "targets absent: private is not here; give --data-root"
    path.write_bytes(record)
    beside.write_bytes(turned)
    entries = trust.read(results)
    assert trust.of(entries, path.stem, path, beside) == trust.RECOMPUTED


def test_labels_that_may_not_be_passed_on_are_refused(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path, "mean", dataset="private")
    path = record_of(results)
    beside = path.with_suffix(".parquet")
    beside.write_bytes((tmp_path / "runs" / "predictions" / beside.name).read_bytes())
    tamper(path, lambda data: data.update(predictions=trust.seal(beside)))
    assert "columns: expected the labels may not be passed on: only digest, split" in (
        problem(results))
    tamper(path, lambda data: data["dataset"].update(share_labels=True))
    assert "dataset.share_labels: expected False, found True" in problem(results)


def test_another_version_of_the_task_is_not_recomputed(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    code = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(
        code.replace('    name = "sum"\n', '    name = "sum"\n    version = "2"\n'), "utf-8")
    from tests.toys import forget_plugins

    forget_plugins()
    found = check(results)
    assert found.problems == []
    assert found.confirmed == {}
    assert list(found.says) == ["not recomputed: made with version 1 of task sum, here is 2"]


def test_failed_cells_are_checked_and_claim_nothing(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path, "mean", task="sum[fault=raises],sum[fault=fewer]")
    found = check(results)
    assert found.problems == []
    assert found.records == 2
    assert found.confirmed == {}
    raised = next(path for path in results.glob("sum/*.json")
                  if "at a loss" in path.read_text("utf-8"))
    tamper(raised, lambda data: data.update(scores={"error": {"value": 0.0}}))
    assert "scores: expected none without predictions, found ['error']" in problem(results)
    tamper(raised, lambda data: data.update(status="ok"))
    assert "predictions: expected a digest, since the status is ok, found None" in problem(results)


def _error(path: Path) -> float:
    found = pd.read_parquet(path.with_suffix(".parquet"))
    return float((found["prediction"] - found["target"]).abs().mean())


def _without_pictures(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The datasets of the toys are not there, as in a CI that lacks the data."""
    code = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(code.replace("return _named(Dataset)", "return []"), "utf-8")
    from tests.toys import forget_plugins

    forget_plugins()
