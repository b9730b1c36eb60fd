"""The trust file: an entry counts while the files are those that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench import DataError, trust


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    record, predictions = tmp_path / "a.json", tmp_path / "a.parquet"
    record.write_text("{}")
    predictions.write_bytes(b"PAR1")
    return record, predictions


def test_an_entry_counts_while_both_files_stay(files: tuple[Path, Path], tmp_path: Path) -> None:
    record, predictions = files
    entry = trust.Entry(trust.RECOMPUTED, trust.seal(record) or "", trust.seal(predictions),
                        "2026-01-02")
    trust.write(tmp_path, {"b": entry, "a": entry})
    entries = trust.read(tmp_path)
    assert list(entries) == ["a", "b"]
    assert entries["a"] == entry
    assert trust.of(entries, "a", record, predictions) == trust.RECOMPUTED
    assert trust.of(entries, "c", record, predictions) == trust.SELF_REPORTED
    predictions.write_bytes(b"PAR2")
    assert trust.of(entries, "a", record, predictions) == trust.SELF_REPORTED
    predictions.write_bytes(b"PAR1")
    record.write_text("{ }")
    assert trust.of(entries, "a", record, predictions) == trust.SELF_REPORTED
    record.write_text("{}")
    predictions.unlink()
    assert trust.of(entries, "a", record, predictions) == trust.SELF_REPORTED


def test_an_entry_without_predictions_is_of_a_record_without(files: tuple[Path, Path]) -> None:
    record, predictions = files
    entries = {"a": trust.Entry(trust.RERUN, trust.seal(record) or "", None, "2026-01-02")}
    assert trust.of(entries, "a", record, None) == trust.RERUN
    assert trust.of(entries, "a", record, predictions) == trust.SELF_REPORTED


def test_no_file_is_no_trust(tmp_path: Path) -> None:
    assert trust.read(tmp_path) == {}


@pytest.mark.parametrize("text, said", [
    ("{", "not JSON"),
    ("[]", "expected an object of cell ids"),
    ('{"a": 1}', "a: expected trust"),
    ('{"a": {"trust": "believe me", "record": "", "predictions": null, "date": ""}}',
     "a: expected trust \\(self-reported, recomputed from predictions, rerun in CI\\)"),
    ('{"a": {"trust": "rerun in CI", "record": 1, "predictions": null, "date": ""}}',
     "a: expected trust"),
])
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "trust.json").write_text(text)
    with pytest.raises(DataError, match=f"trust.json: {said}"):
        trust.read(tmp_path)
