"""Letters, rank intervals, the noise floor and differences between runs, end to end on toys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchbench_plugins.ood.task import OutOfDistribution
from scipy.stats import spearmanr

from benchbench import Features
from benchbench.errors import DataError, UsageError
from benchbench.records import read_records
from benchbench.report import ranking, text
from benchbench.report.boards import boards
from benchbench.report.changes import changes, render
from benchbench.report.ranking import noise, rank, resampled
from benchbench.report.results import read
from tests.toys import execute, selection

MANY = "pictures[contents=24,levels=3]"


@pytest.fixture
def run(toys: Path, store: Path, tmp_path: Path) -> Path:
    """A run on 24 contents: enough groups for letters."""
    out = tmp_path / "run"
    execute(out, selection("mean,constant,random", dataset=MANY, task="iqa[mode=fr]"))
    return out


def test_methods_that_differ_share_no_letter_and_rank_apart(run: Path) -> None:
    entries = read([run])
    (found,) = rank([entries])
    by_name = {e.record.extractor.name: found.by_cell.get(e.record.cell) for e in entries}
    good, control = by_name["mean"], by_name["random"]
    assert good is not None
    assert control is not None
    assert not set(good.letters) & set(control.letters)
    assert good.highest < control.lowest
    assert by_name["constant"] is None, "an undefined score takes no part"


def test_ranks_are_kept_by_the_content_of_the_predictions(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rank([read([run])])
    read_again = []
    monkeypatch.setattr(ranking, "_read", lambda path, _: read_again.append(path))
    assert rank([read([run])]) == first
    assert read_again == []
    path = next(iter(sorted((run / "predictions").glob("*.parquet"))))
    table = pd.read_parquet(path)
    table.assign(prediction=table["prediction"] * 2).to_parquet(path, index=False)
    assert rank([read([run])]) != first
    assert len(read_again) >= 2


def test_predictions_without_labels_give_no_ranks_and_the_note_says_why(run: Path) -> None:
    for path in (run / "predictions").glob("*.parquet"):
        table = pd.read_parquet(path)
        withheld = table.assign(digest=table["image"])[["digest", "split", "prediction"]]
        withheld.to_parquet(path, index=False)
    (board,) = boards(read([run]))
    assert all(row.rank is None and row.letters == "" for row in board.rows)
    assert any("the labels may not be passed on" in note for note in board.notes)


def test_rows_tested_on_other_targets_are_not_ranked_with_the_rest(run: Path) -> None:
    records = {r.extractor.name: r.cell for r in read_records(run)}
    path = run / "predictions" / f"{records['random']}.parquet"
    table = pd.read_parquet(path)
    table.assign(target=table["target"] + 1).to_parquet(path, index=False)
    (found,) = rank([read([run])])
    assert records["random"] not in found.by_cell
    assert any("other rows or targets" in note for note in found.notes)


def test_damaged_predictions_are_named(run: Path) -> None:
    path = next((run / "predictions").glob("*.parquet"))
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match=path.name):
        boards(read([run]))


def ood_entries(folder: Path, groups: int) -> list[Any]:
    """Records of task ``ood``, which tests three tenths of the groups: two that tell outliers, one
    that does not, and one whose scores are constant."""
    rows = [(f"{g}/{kind}", f"g{g}", "test" if g % 10 > 6 else "train", kind != "none", kind, 1)
            for g in range(groups) for kind in ("none", "blur", "rain")
            # Some clean images are left out of the test set of what is rarer.
            if kind != "rain" or g % 3]
    table = pd.DataFrame(rows, columns=["image", "group", "split", "outlier", "distortion",
                                        "level"])
    outlier = table["outlier"].to_numpy(float)
    noise = np.random.default_rng(1).normal(size=(3, len(table)))
    scores = {"good": 2 * outlier + noise[0], "near": 2 * outlier + noise[0] + noise[1] / 9,
              "poor": noise[2], "constant": 0 * outlier}
    made = []
    for name, values in scores.items():
        features = Features(values[:, None], gives="score", higher_is_better=False)
        outcome = OutOfDistribution().evaluate(features, table, 2)
        path = folder / f"{name}.parquet"
        outcome.predictions.to_parquet(path, index=False)
        record = SimpleNamespace(
            cell=name, status="ok", seed=2, scores=outcome.scores,
            task=SimpleNamespace(metrics=["auroc"]), dataset=SimpleNamespace(groups=groups))
        made.append(SimpleNamespace(record=record, predictions=path))
    return made


def test_outlier_detectors_are_ranked_by_the_scores_of_their_records(
    store: Path, tmp_path: Path
) -> None:
    entries = ood_entries(tmp_path, groups=100)
    (found,) = rank([entries])
    assert found.notes == (), "predictions give the very scores of the records"
    assert set(found.by_cell) == {"good", "near", "poor"}, "an undefined score takes no part"
    assert found.by_cell["good"].letters == found.by_cell["near"].letters
    assert not set(found.by_cell["good"].letters) & set(found.by_cell["poor"].letters)
    assert (found.by_cell["poor"].lowest, found.by_cell["poor"].highest) == (3, 3)
    for entry in entries[:3]:
        value = resampled(entry.predictions, "auroc", 2).scores["auroc"]
        assert value == pytest.approx(entry.record.scores["auroc"].value, abs=1e-12)


def test_a_score_that_is_not_that_of_its_predictions_is_not_ranked(
    store: Path, tmp_path: Path
) -> None:
    entries = ood_entries(tmp_path, groups=100)
    entries[0].record.scores["auroc"] = replace(entries[0].record.scores["auroc"], value=0.5)
    (found,) = rank([entries])
    assert set(found.by_cell) == {"near", "poor"}
    assert found.notes == ("No ties and ranks of 1 rows: their scores are not those of their "
                           "predictions.",)


def test_few_test_groups_give_detectors_no_letters(store: Path, tmp_path: Path) -> None:
    assert rank([ood_entries(tmp_path, groups=60)])[0].by_cell == {}  # 18 of them are tested


def test_an_accuracy_of_another_kind_of_task_gives_no_ranks(store: Path, tmp_path: Path) -> None:
    entries = ood_entries(tmp_path, groups=100)
    for entry in entries:
        table = pd.read_parquet(entry.predictions).drop(columns=["distortion", "level"])
        table.to_parquet(entry.predictions, index=False)
    assert rank([entries]) == [ranking.Ranks({})]


def test_the_table_shows_ties_and_ranks_only_with_many_groups(
    run: Path, toys: Path, tmp_path: Path
) -> None:
    wide = text.render(boards(read([run])))
    assert "ties" in wide
    assert "cannot be told apart" in wide
    few = tmp_path / "few"
    execute(few, selection("mean", dataset="pictures", task="iqa[mode=fr]"))
    assert "ties" not in text.render(boards(read([few])))


def test_scores_taken_from_the_predictions_are_the_records_own(run: Path) -> None:
    for record in read_records(run):
        path = run / "predictions" / f"{record.cell}.parquet"
        score = record.scores["srocc"].value
        table = pd.read_parquet(path)
        if score is None:
            assert table["prediction"].nunique() == 1
            continue
        expected = spearmanr(table["prediction"], table["target"]).statistic
        assert score == pytest.approx(expected, abs=1e-12)
        assert np.nanmedian(resampled(path, "srocc").scores["srocc"]) == pytest.approx(score)


def test_the_noise_floor_is_the_spread_over_seeds(toys: Path, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "seeds"
    chosen = selection("mean", dataset=MANY, task="iqa[mode=nr,splits=5]", seeds=(0, 1, 2))
    execute(out, chosen)
    records = read_records(out)
    by_method: dict[str, list[float]] = {}
    for record in records:
        value = record.scores["srocc"].value
        assert value is not None
        by_method.setdefault(record.extractor.name + str(record.task.params), []).append(value)
    widest = max(np.std(values, ddof=1) for values in by_method.values())
    assert noise(records) == [
        f"noise floor: the same cell moves by up to {widest:.3f} (standard deviation over 3 "
        "seeds); smaller differences mean nothing."
    ]
    assert noise([r for r in records if r.seed == 0]) == []
    assert [row.seed for row in boards(read([out]))[0].rows].count(1) == len(by_method)


def test_changes_between_runs(toys: Path, store: Path, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    execute(a, selection("mean", dataset=MANY, task="iqa[mode=fr]", backbone="net"))
    execute(b, selection("mean,spread", dataset=MANY, task="iqa[mode=fr]", backbone="net"))
    rows = {row["extractor"]: row for row in changes(a, b)}
    assert rows["mean"]["note"] == "the same cell"
    assert rows["mean"]["difference"] == 0
    assert rows["spread"]["note"] == "only in B"


def test_a_changed_method_gets_a_paired_interval(
    toys: Path, store: Path, tmp_path: Path
) -> None:
    """The same name with another score: as after a change of its code."""
    a, b = tmp_path / "a", tmp_path / "b"
    execute(a, selection("mean", dataset=MANY, task="iqa[mode=fr]"))
    execute(b, selection("random", dataset=MANY, task="iqa[mode=fr]", controls=False))
    for path in (b / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        record["extractor"] |= {"name": "mean", "control": False}
        record["backbone"]["name"] = "net"
        path.write_text(json.dumps(record))
    row = next(r for r in changes(a, b) if r["extractor"] == "mean")
    assert row["note"] == "differs"
    assert row["low"] < row["difference"] < row["high"] < 0
    assert "differs" in render([row])


def test_runs_that_share_nothing_are_refused(toys: Path, store: Path, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    execute(a, selection("mean", task="iqa[mode=fr]"))
    b.mkdir()
    with pytest.raises(UsageError, match="no records in"):
        changes(a, b)
