"""Records: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchbench.errors import DataError
from benchbench.records import (
    SCHEMA,
    BackboneEntry,
    CostEntry,
    DatasetEntry,
    ExtractorEntry,
    NewerSchema,
    Record,
    ScoreEntry,
    TaskEntry,
    cell_path,
    read_record,
    read_records,
    write_record,
)


def record(cell: str = "3fa1", **changes: Any) -> Record:
    given: dict[str, Any] = {
        "cell": cell, "status": "ok", "identity": {"engine": "1", "seed": 0},
        "dataset": DatasetEntry(name="live", version="1", fingerprint="sha256:0", n=38,
                                n_scored=38, n_official=779, groups=3),
        "backbone": BackboneEntry(name="unique"),
        "extractor": ExtractorEntry(name="grad", version="1", plugin="p 1", shape=[400]),
        "task": TaskEntry(name="iqa", version="1", params={"mode": "nr"}, metrics=["srocc"]),
        "seed": 0, "scores": {"srocc": ScoreEntry(value=0.889, ci95=(0.8, 0.9))},
        "cost": CostEntry(extract_s=3.1),
    }
    return Record(**{**given, **changes})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = record(notes=["größer"], details={"splits": 100})
    path = write_record(tmp_path, made)
    assert path == cell_path(tmp_path, "3fa1") == tmp_path / "cells" / "3fa1.json"
    assert read_record(path) == made
    assert json.loads(path.read_text("utf-8"))["schema"] == SCHEMA == 1
    assert path.read_text("utf-8").endswith("}\n")


def test_all_records_of_a_folder_by_id(tmp_path: Path) -> None:
    for cell in ("b", "a", "c"):
        write_record(tmp_path, record(cell))
    assert [found.cell for found in read_records(tmp_path)] == ["a", "b", "c"]
    assert read_records(tmp_path / "nothing") == []


def _with(path: Path, change: Any) -> Path:
    data = json.loads(path.read_text("utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(colour="red"), "colour: Extra inputs"),
        (lambda d: d["dataset"].update(colour="red"), "dataset.colour: Extra inputs"),
        (lambda d: d["scores"]["srocc"].update(colour=1), "scores.srocc.colour: Extra inputs"),
        (lambda d: d.pop("identity"), "identity: Field required"),
        (lambda d: d.update(status="fine"), "status: Input should be 'ok', 'failed', 'skipped', "
         "'timeout', 'oom' or 'interrupted'"),
        (lambda d: d["scores"]["srocc"].update(value="high"), "scores.srocc.value"),
        (lambda d: d["scores"]["srocc"].update(ci95=[0.1]), "scores.srocc.ci95"),
        (lambda d: d.update(schema="one"), "schema: Input should be a valid integer"),
    ],
)
def test_a_wrong_record_names_file_and_field(tmp_path: Path, change: Any, where: str) -> None:
    path = _with(write_record(tmp_path, record()), change)
    with pytest.raises(DataError) as caught:
        read_record(path)
    assert f"record {path}: {where}" in str(caught.value)
    assert "remove the file to compute the cell again" in str(caught.value)


def test_a_newer_schema_is_named_and_not_guessed_at(tmp_path: Path) -> None:
    path = _with(write_record(tmp_path, record()), lambda d: d.update(schema=2, new_field={}))
    with pytest.raises(NewerSchema, match="its schema is 2, this benchbench knows 1; upgrade"):
        read_record(path)


@pytest.mark.parametrize("keep", [0, 1, 100, -2])
def test_a_part_of_a_record_is_not_read(tmp_path: Path, keep: int) -> None:
    path = write_record(tmp_path, record())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="remove the file"):
        read_record(path)


def test_other_damage(tmp_path: Path) -> None:
    path = write_record(tmp_path, record(notes=["é"]))
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9"))
    with pytest.raises(DataError, match=r"3fa1\.json"):
        read_record(path)
    with pytest.raises(DataError, match="No such file"):
        read_record(tmp_path / "none.json")
    with pytest.raises(DataError, match="Is a directory"):
        read_record(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        ScoreEntry(value=value)
    with pytest.raises(ValidationError, match="finite"):
        ScoreEntry(value=0.5, ci95=(0.1, value))
    with pytest.raises(ValidationError, match="finite"):
        CostEntry(extract_s=value)


def test_a_nan_in_a_file_is_refused(tmp_path: Path) -> None:
    path = write_record(tmp_path, record())
    path.write_text(path.read_text("utf-8").replace("0.889", "NaN"), encoding="utf-8")
    with pytest.raises(DataError, match=r"scores\.srocc\.value|file"):
        read_record(path)


def test_the_json_schema_tells_the_same() -> None:
    schema = Record.model_json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"cell", "status", "identity", "dataset", "backbone",
                                       "extractor", "task", "seed"}
    assert schema["properties"]["schema"]["default"] == 1
    assert schema["properties"]["status"]["enum"] == [
        "ok", "failed", "skipped", "timeout", "oom", "interrupted"]
    assert all(entry["additionalProperties"] is False for entry in schema["$defs"].values())
    assert set(json.loads(record().dumps())) == set(schema["properties"])
