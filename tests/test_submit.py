"""Records laid out for a pull request: nothing of the machine, nothing overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchbench import DataError, UsageError
from benchbench.identity import digest
from benchbench.records import read_record
from benchbench.submit import pathless, submit
from tests.toys import execute, forget_plugins, selection
from tests.verification.laid_out import check, record_of, tamper

WEIGHTED = '''
import pathlib


class Weighted(Mean):
    name = "weighted"

    def __init__(self, weights: pathlib.Path, source: str = ""):
        self.weights = weights

    def extract(self, signals):
        return signals[self.probe] * len(self.weights.read_bytes())


class Latent('''


def test_records_lie_below_their_task_with_their_predictions(tmp_path: Path, toys: Path) -> None:
    made, _ = execute(tmp_path / "runs", selection("mean,spread"))
    done = submit([tmp_path / "runs"], tmp_path / "results")
    names = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "results").rglob("*.*"))
    assert names == sorted(f"results/sum/{record.cell}{suffix}" for record in made
                           for suffix in (".json", ".parquet"))
    assert len(done.new) == 2
    for record in made:
        path = tmp_path / "results" / "sum" / f"{record.cell}.json"
        assert read_record(path).model_copy(update={"command": ""}) == record.model_copy(
            update={"command": ""})
        assert path.with_suffix(".parquet").read_bytes() == (
            tmp_path / "runs" / "predictions" / f"{record.cell}.parquet").read_bytes()


def test_one_cell_may_be_chosen(tmp_path: Path, toys: Path) -> None:
    made, _ = execute(tmp_path / "runs", selection("mean,spread"))
    done = submit([tmp_path / "runs"], tmp_path / "results", made[0].cell[:6])
    assert [path.stem for path in done.new] == [made[0].cell]
    with pytest.raises(UsageError, match="no records of 000 below"):
        submit([tmp_path / "runs"], tmp_path / "results", "000")


def test_the_second_time_nothing_is_new_and_nothing_is_overwritten(
    tmp_path: Path, toys: Path
) -> None:
    execute(tmp_path / "runs", selection("mean,spread"))
    results = tmp_path / "results"
    submit([tmp_path / "runs"], results)
    again = submit([tmp_path / "runs"], results)
    assert (len(again.new), len(again.same), again.refused) == (0, 2, [])
    path = record_of(results)
    kept = path.read_bytes()
    tamper(tmp_path / "runs" / "cells" / path.name, lambda data: data.update(notes=["newer"]))
    again = submit([tmp_path / "runs"], results)
    assert (len(again.new), len(again.same)) == (0, 1)
    assert again.refused[0].startswith(f"{path}: accepted already with other content")
    assert path.read_bytes() == kept


def test_the_same_cell_of_another_run_is_there_already(tmp_path: Path, toys: Path) -> None:
    for run in ("one", "other"):
        execute(tmp_path / run, selection("mean"))
    other = next((tmp_path / "other" / "cells").glob("*.json"))
    tamper(other, lambda record: record["cost"].update(evaluate_s=123.0))
    done = submit([tmp_path / "one", tmp_path / "other"], tmp_path / "results")
    assert (len(done.new), len(done.same), done.refused) == (1, 1, [])


def test_failed_cells_are_laid_out_and_skipped_ones_are_not(tmp_path: Path, toys: Path) -> None:
    execute(tmp_path / "runs", selection("error", task="sum[fault=raises],sum",
                                         dataset="pictures,pictures[labels=bare]"))
    done = submit([tmp_path / "runs"], tmp_path / "results")
    assert sorted(read_record(path).status for path in done.new) == ["failed", "ok"]
    assert done.left == {"skipped": 2}


def test_damaged_predictions_are_refused(tmp_path: Path, toys: Path) -> None:
    made, _ = execute(tmp_path / "runs", selection("mean"))
    path = tmp_path / "runs" / "predictions" / f"{made[0].cell}.parquet"
    path.write_bytes(b"PAR1")
    [said] = submit([tmp_path / "runs"], tmp_path / "results").refused
    assert said.startswith(f"{path}: not the predictions that ")
    assert not (tmp_path / "results").exists()


def test_no_path_of_the_machine_is_passed_on(tmp_path: Path, toys: Path) -> None:
    """A weights file is part of the identity by its content, so that its path can go."""
    code = (toys / "toy.py").read_text("utf-8").replace("class Latent(", WEIGHTED)
    (toys / "toy.py").write_text(code, "utf-8")
    forget_plugins()
    weights = tmp_path / "private" / "weights of ann.bin"
    weights.parent.mkdir()
    weights.write_bytes(b"12")
    fault = "sum,sum[fault=raises]"
    execute(tmp_path / "runs", selection(f"weighted[weights={weights}]", task=fault),
            command=f"benchbench run --out {tmp_path}/runs --data-root /data/ann")
    done = submit([tmp_path / "runs"], tmp_path / "results")
    assert len(done.new) == 2
    for path in done.new:
        text = path.read_text("utf-8")
        assert str(tmp_path) not in text
        assert "/data" not in text
        data = json.loads(text)
        assert digest(data["identity"])[:16] == path.stem
        assert data["identity"]["extractor"]["params"]["weights"].startswith("sha256:")
        assert data["extractor"]["params"] == {"weights": "weights of ann.bin"}
    failed = next(data for path in done.new if (data := json.loads(path.read_bytes()))["traceback"])
    assert 'File "toy.py", line' in failed["traceback"]
    assert check(tmp_path / "results").problems == []


def test_a_path_in_the_identity_is_refused(tmp_path: Path, toys: Path) -> None:
    code = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(code.replace('fault: str = ""', 'fault: str = "", path: str = ""'),
                                 encoding="utf-8")
    forget_plugins()
    execute(tmp_path / "runs", selection("mean", task="sum[path=/home/ann/x.toml]"))
    [said] = submit([tmp_path / "runs"], tmp_path / "results").refused
    assert "its identity holds the path '/home/ann/x.toml' of this machine; run it again" in said


@pytest.mark.parametrize("text, expected", [
    ("read /home/ann/data/x.png twice", "read x.png twice"),
    ("net[weights=/opt/w/net.pt,size=24]", "net[weights=net.pt,size=24]"),
    ('File "/usr/lib/python3/a.py", line 3', 'File "a.py", line 3'),
    (r"C:\Users\ann\x.png", "x.png"),
    ("file:///home/ann/x.png", "x.png"),
    ("~ann/x.png ~/y.png", "x.png y.png"),
    ("see https://example.org/a/b.html", "see https://example.org/a/b.html"),
    ("timm/resnet18, 13 images/s, c0/blur/1", "timm/resnet18, 13 images/s, c0/blur/1"),
    ("a / b and 3 // 2", "a / b and 3 // 2"),
])  # fmt: skip
def test_paths_become_names(text: str, expected: str) -> None:
    assert pathless(text) == expected


def test_labels_that_may_not_be_passed_on_stay_behind(
    tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = execute(tmp_path / "runs", selection("mean", dataset="private"))
    assert made[0].dataset.share_labels is False
    done = submit([tmp_path / "runs"], tmp_path / "results")
    found = pd.read_parquet(done.new[0].with_suffix(".parquet"))
    own = pd.read_parquet(tmp_path / "runs" / "predictions" / f"{made[0].cell}.parquet")
    assert list(found) == ["digest", "split", "prediction"]
    assert found["digest"].nunique() == 24
    assert list(found["prediction"]) == list(own["prediction"])
    assert submit([tmp_path / "runs"], tmp_path / "results").new == []

    code: Any = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(code.replace("return _named(Dataset)", "return []"), "utf-8")
    forget_plugins()
    [said] = submit([tmp_path / "runs"], tmp_path / "elsewhere").refused
    assert "the labels of private may not be passed on" in said
    assert "give --data-root" in said
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_no_record_is_refused(tmp_path: Path, toys: Path) -> None:
    execute(tmp_path / "runs", selection("mean,spread"))
    path = next((tmp_path / "runs" / "cells").glob("*.json"))
    path.write_text("{}")
    done = submit([tmp_path / "runs"], tmp_path / "results")
    assert len(done.new) == 1
    assert f"record {path}: " in done.refused[0]
    with pytest.raises(DataError):
        read_record(path)
