"""A run: a record for every cell whatever its end, and going on where an earlier run stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchbench import UsageError
from benchbench.errors import DataError
from benchbench.identity import digest, file_digest
from benchbench.records import Record, cell_path, predictions_path, read_record, read_records
from tests.toys import Told, execute, forget_plugins, selection


def _statuses(records: list[Record]) -> dict[str, str]:
    return {r.extractor.name: r.status for r in records}


def test_every_cell_leaves_a_record(toys: Path, tmp_path: Path) -> None:
    chosen = selection("mean,notfinite,raises,badprobes,greedy,mean+spread,behind",
                       dataset="pictures,pictures[labels=bare]")
    records, told = execute(tmp_path, chosen)
    by = {(r.extractor.name, r.dataset.fingerprint): r for r in records}
    assert len(by) == len(records) == 14
    assert _statuses(records[:7]) == {
        "mean": "ok", "notfinite": "failed", "raises": "failed", "badprobes": "failed",
        "greedy": "oom", "mean+spread": "ok", "behind": "ok"}
    assert records[13].status == "skipped" and "no references" in str(records[13].reason)
    for record in records:
        assert read_record(cell_path(tmp_path, record.cell)) == record
        assert (record.reason is None) == (record.status == "ok")
        failed = record.status in ("failed", "oom")
        assert (record.traceback is not None) == failed
        assert predictions_path(tmp_path, record.cell).exists() == (record.status == "ok")
    assert [(cell, status) for cell, status, _ in told.cells] and len(told.cells) == 14
    assert read_records(tmp_path) == sorted(records, key=lambda r: r.cell)


def test_what_a_record_says(toys: Path, tmp_path: Path) -> None:
    (record,), _ = execute(
        tmp_path, selection("mean[scale=2]", backbone="net[seed=1,size=16]", seeds=(3,)))
    assert record.cell == digest(record.identity)[:16]
    assert record.identity["seed"] == record.seed == 3 == record.details["seed"]
    assert record.extractor.params == {"scale": 2.0} and record.extractor.plugin == "toy"
    assert record.extractor.shape == [6]
    assert record.backbone.params == {"seed": 1, "size": "16"}
    assert record.backbone.preprocessing["size"] == 16
    assert record.backbone.parameters == 334
    assert (record.dataset.n, record.dataset.n_scored, record.dataset.groups) == (24, 24, 6)
    assert record.notes == ["a note of the task"]
    assert record.started is not None and record.finished is not None
    assert record.started <= record.finished
    assert record.command == "benchbench run …" and record.attempts == 1
    cost = record.cost
    assert cost.extract_s and cost.images_per_s and cost.evaluate_s and cost.peak_memory_mb
    assert cost.feature_mb == 4 * 6 * 30 / 1e6 and cost.batch_size == 30
    assert record.env["device"] == "cpu" and record.env["precision"] == "float32"
    assert record.predictions == f"sha256:{file_digest(predictions_path(tmp_path, record.cell))}"


def test_scores_can_be_recomputed_from_the_predictions(toys: Path, tmp_path: Path) -> None:
    (record,), _ = execute(tmp_path, selection())
    made = pd.read_parquet(predictions_path(tmp_path, record.cell))
    assert list(made.columns) == ["image", "split", "group", "target", "prediction"]
    error = np.abs(made["prediction"] - made["target"]).mean()
    assert record.scores["error"].value == pytest.approx(error, rel=1e-12)


def test_the_manifest_comes_first(toys: Path, tmp_path: Path) -> None:
    records, _ = execute(tmp_path, selection("mean,raises"))
    (manifest,) = (tmp_path / "runs").iterdir()
    data = json.loads(manifest.read_text("utf-8"))
    assert data["cells"] == [r.cell for r in records]
    assert data["command"] == "benchbench run …" and data["env"]["torch"]


# Going on.


def _computed(told: Told) -> int:
    return len(told.sweeps) + sum(not cached for _, _, cached in told.cells)


def test_a_second_run_computes_nothing(toys: Path, tmp_path: Path) -> None:
    chosen = selection("mean,raises,greedy,behind", dataset="pictures,pictures[labels=bare]")
    first, _ = execute(tmp_path, chosen)
    files = {p: p.read_bytes() for p in tmp_path.glob("[cp]*/*") if "plugins" not in str(p)}
    second, told = execute(tmp_path, chosen)
    assert second == first and _computed(told) == 0
    assert all(path.read_bytes() == data for path, data in files.items())


def test_another_folder_shares_the_features(toys: Path, tmp_path: Path) -> None:
    (first,), _ = execute(tmp_path / "a", selection())
    (second,), told = execute(tmp_path / "b", selection())
    assert told.sweeps == [] and second.scores == first.scores
    assert second.cost.model_copy(update={"evaluate_s": None}) == first.cost.model_copy(
        update={"evaluate_s": None})


def test_another_task_or_label_needs_no_sweep(toys: Path, tmp_path: Path) -> None:
    execute(tmp_path, selection())
    for chosen in (selection(seeds=(1,)), selection(task="sum[fault=x]")):
        _, told = execute(tmp_path, chosen)
        assert told.sweeps == [] and [status for _, status, _ in told.cells] == ["ok"]


def test_only_missing_extractors_are_swept(toys: Path, tmp_path: Path) -> None:
    execute(tmp_path, selection("mean"))
    _, told = execute(tmp_path, selection("mean,spread,latent"))
    assert told.sweeps == [("pictures", "net", 2)]


@pytest.mark.parametrize(
    ("retry", "again"),
    [("never", set()), ("failed", {"raises", "greedy"}), ("all", {"mean", "raises", "greedy"})],
)
def test_retry(toys: Path, tmp_path: Path, retry: str, again: set[str]) -> None:
    chosen = selection("mean,raises,greedy")
    execute(tmp_path, chosen)
    records, told = execute(tmp_path, chosen, retry=retry)
    assert {r.extractor.name for r in records if r.attempts == 2} == again
    assert len([1 for _, _, cached in told.cells if not cached]) == len(again)


def test_a_wrong_option_is_refused(toys: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="retry 'sometimes': expected never, failed, all"):
        execute(tmp_path, selection(), retry="sometimes")
    with pytest.raises(UsageError, match="device 'toaster': expected auto, cpu, cuda"):
        execute(tmp_path, selection(), device="toaster")
    assert not (tmp_path / "cells").exists()


def test_a_repaired_extractor_is_another_cell(toys: Path, tmp_path: Path) -> None:
    (before,), _ = execute(tmp_path, selection("raises"))
    text, fault = (toys / "faults.py").read_text(), 'raise ValueError("the extractor is at a loss")'
    (toys / "faults.py").write_text(text.replace(fault, "return signals[self.probe]"))
    forget_plugins()
    (after,), _ = execute(tmp_path, selection("raises"))
    assert (before.status, after.status) == ("failed", "ok") and before.cell != after.cell


@pytest.mark.parametrize("damage", ["half a record", "no predictions", "half the predictions"])
def test_what_is_half_written_is_computed_again(toys: Path, tmp_path: Path, damage: str) -> None:
    (before,), _ = execute(tmp_path, selection())
    path = (cell_path if damage == "half a record" else predictions_path)(tmp_path, before.cell)
    if damage == "no predictions":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (after,), told = execute(tmp_path, selection())
    assert after.scores == before.scores and after.predictions == before.predictions
    assert told.sweeps == [] and _computed(told) == 1
    assert read_record(cell_path(tmp_path, after.cell)) == after
    if damage == "half a record":
        assert "computed again: record" in told.said[0]


def test_a_record_of_a_later_benchbench_is_left_alone(toys: Path, tmp_path: Path) -> None:
    (record,), _ = execute(tmp_path, selection())
    path = cell_path(tmp_path, record.cell)
    path.write_text(path.read_text("utf-8").replace('"schema": 1', '"schema": 2'), "utf-8")
    later = path.read_bytes()
    with pytest.raises(DataError, match="its schema is 2"):
        execute(tmp_path, selection(), retry="all")
    assert path.read_bytes() == later


def test_damaged_features_are_said_and_not_read(toys: Path, store: Path, tmp_path: Path) -> None:
    execute(tmp_path / "a", selection())
    (path,) = (store / "features").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-3])
    (record,), _ = execute(tmp_path / "b", selection())
    assert record.status == "failed" and "remove the file and run again" in str(record.reason)
    path.unlink()
    (record,), _ = execute(tmp_path / "b", selection(), retry="failed")
    assert record.status == "ok" and record.attempts == 2


def test_a_skipped_cell_is_looked_at_again_when_its_reason_goes(
    toys: Path, tmp_path: Path
) -> None:
    several = "pictures[contents=2],pictures[contents=7]"
    chosen = selection(dataset=several, max_feature_gb=5e-7)
    records, _ = execute(tmp_path, chosen)
    assert [r.status for r in records] == ["ok", "skipped"]
    assert "over --max-feature-gb 5e-07" in str(records[1].reason)
    records, told = execute(tmp_path, selection(dataset=several))
    assert [r.status for r in records] == ["ok", "ok"]
    assert _computed(told) == 2


# Tasks that go wrong.


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raises", "RuntimeError: the task is at a loss"),
        ("fewer", "23 of 24 images were scored; every one has to be"),
        ("nan prediction", "23 of 24 images were scored"),
        ("nan", "ValidationError"),
        ("details", "int64"),
    ],
)
def test_a_task_that_fails_leaves_a_record_and_the_others(
    toys: Path, tmp_path: Path, fault: str, said: str
) -> None:
    records, _ = execute(tmp_path, selection(task=f"sum[fault={fault}],sum"))
    assert [r.status for r in records] == ["failed", "ok"]
    assert said in str(records[0].reason)
    assert read_record(cell_path(tmp_path, records[0].cell)) == records[0]


# Those who watch.


def test_observers_are_told_and_harm_nothing(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toys / "watch.py").write_text(
        "import os\n"
        "from benchbench import hookimpl\n"
        "@hookimpl\n"
        "def benchbench_cell_finished(record):\n"
        "    with open(os.environ['TOY_WATCH'], 'a') as file:\n"
        "        file.write(f'{record.extractor.name} {record.status}\\n')\n"
    )
    (toys / "sulk.py").write_text(
        "from benchbench import hookimpl\n"
        "@hookimpl\n"
        "def benchbench_cell_finished():\n"
        "    raise RuntimeError('I saw nothing')\n"
    )
    monkeypatch.setenv("TOY_WATCH", str(tmp_path / "seen"))
    forget_plugins()
    records, told = execute(tmp_path / "out", selection("mean,raises"))
    assert _statuses(records) == {"mean": "ok", "raises": "failed"}
    assert (tmp_path / "seen").read_text() == "mean ok\nraises failed\n"
    assert told.said == ["observer sulk: RuntimeError: I saw nothing"] * 2
    execute(tmp_path / "out", selection("mean,raises"))
    assert len((tmp_path / "seen").read_text().splitlines()) == 2


def test_a_backbone_fitted_on_the_tested_pictures_is_marked(toys: Path, tmp_path: Path) -> None:
    records, _ = execute(
        tmp_path, selection(backbone="net[fitted=pictures],net[fitted=photographs],net"))
    marks = [[n for n in r.notes if n.startswith("backbone fitted")] for r in records]
    assert marks == [["backbone fitted on this dataset's own references (pictures)"], [], []]


def test_a_dataset_that_is_gone_after_fitting_is_no_obstacle(toys: Path, tmp_path: Path) -> None:
    (record,), _ = execute(tmp_path, selection(backbone="net[fitted=lost]"))
    assert record.status == "ok"
    assert any("'lost'" in note and "cannot be checked" in note for note in record.notes)


def test_an_unwritable_folder_is_said_before_any_work(toys: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"--out .*file.*cannot be written"):
        execute(tmp_path / "file", selection("no such extractor"))
