"""What was accepted stays as it was, and nobody claims more trust than is confirmed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchbench import UsageError, trust
from benchbench.submit import submit
from benchbench.verification.verify import verify
from tests.toys import execute, forget_plugins, selection
from tests.verification.laid_out import check, lay_out, problem, record_of, tamper


@pytest.fixture
def accepted(tmp_path: Path, toys: Path) -> Path:
    """Two accepted records, recomputed; beside them a copy: a pull request without changes."""
    folder = lay_out(tmp_path).rename(tmp_path / "accepted")
    check(folder, write=True)
    shutil.copytree(folder, tmp_path / "results")
    return folder


@pytest.fixture
def results(accepted: Path) -> Path:
    return accepted.with_name("results")


def test_nothing_changed_is_nothing_wrong(accepted: Path, results: Path) -> None:
    assert check(results, accepted=accepted).problems == []


def test_an_overwritten_record_is_caught(accepted: Path, results: Path) -> None:
    path = record_of(results)
    tamper(path, lambda data: data.update(notes=["now better"]))
    said = check(results, accepted=accepted).problems
    assert f"{path}: accepted file: expected the content that was accepted" in said[0]
    assert "trust of" not in "".join(said)  # the claim stands where it stood, and counts no more
    assert trust.of(trust.read(results), path.stem, path,
                    path.with_suffix(".parquet")) == trust.SELF_REPORTED


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_removed_file_is_caught(accepted: Path, results: Path, suffix: str) -> None:
    path = record_of(results).with_suffix(suffix)
    path.unlink()
    said = check(results, accepted=accepted).problems
    assert any(f"{path}: accepted file: expected there, as it was accepted, found no file" in line
               for line in said)


def test_a_failed_record_may_be_replaced_by_one_that_is_ok(tmp_path: Path, toys: Path) -> None:
    accepted = lay_out(tmp_path, "mean").rename(tmp_path / "accepted")
    shutil.copytree(accepted, tmp_path / "results")
    path = record_of(accepted)
    tamper(path, lambda data: data.update(status="failed", scores={}, reason="out of luck"))
    assert check(tmp_path / "results", accepted=accepted).problems == []
    record_of(tmp_path / "results").write_bytes(path.read_bytes())
    shutil.rmtree(accepted)
    shutil.copytree(tmp_path / "results", accepted)
    done = submit([tmp_path / "runs"], accepted)
    assert (len(done.new), done.refused) == (1, [])


def test_trust_that_is_not_confirmed_is_caught(accepted: Path, results: Path) -> None:
    path = results / "trust.json"
    cell = record_of(results).stem
    tamper(path, lambda data: data[cell].update(trust=trust.RERUN))
    assert problem(results, accepted=accepted).startswith(
        f"{path}: trust of {cell}: expected 'recomputed from predictions', found 'rerun in CI'; "
        "claim what `benchbench verify --write` confirms")
    tamper(path, lambda data: data.update({"0" * 16: data.pop(cell)}))
    assert "trust of 0000000000000000: expected 'self-reported', found 'rerun in CI'" in problem(
        results, accepted=accepted)


def test_new_records_may_claim_what_is_confirmed(
    tmp_path: Path, accepted: Path, results: Path
) -> None:
    execute(tmp_path / "runs", selection("latent", dataset="pictures[contents=4]"))
    submit([tmp_path / "runs"], results)
    assert check(results, accepted=accepted, write=True).problems == []
    assert len(trust.read(results)) == 3
    assert check(results, accepted=accepted).problems == []
    tamper(results / "fingerprints.json", lambda data: data.update(
        {"sha256:00": {"name": "pictures", "n": 3}}))
    assert "sha256:00: expected a dataset that can be made here, found 'pictures'" in problem(
        results, accepted=accepted)


def test_what_is_confirmed_is_written_once_and_stays(
    accepted: Path, results: Path, toys: Path
) -> None:
    before = (results / "trust.json").read_bytes()
    verify([results], write=True, date="2027-03-04")
    assert (results / "trust.json").read_bytes() == before
    # Nobody can tell without the dataset: what was confirmed of these very files stays.
    code = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(code.replace("return _named(Dataset)", "return []"), "utf-8")
    forget_plugins()
    verify([results], write=True)
    assert (results / "trust.json").read_bytes() == before
    tamper(record_of(results), lambda data: data["scores"]["error"].update(value=0.0))
    assert verify([results], write=True).problems
    assert (results / "trust.json").read_bytes() == before  # nothing is written with a problem
    data = json.loads(before)
    assert list(data) == sorted(data)
    assert {entry["date"] for entry in data.values()} == {"2026-01-02"}


def test_what_cannot_be_verified_is_said(tmp_path: Path, toys: Path) -> None:
    with pytest.raises(UsageError, match="no records below"):
        verify([tmp_path])
    results = lay_out(tmp_path)
    with pytest.raises(UsageError, match="the one folder of accepted records"):
        verify([tmp_path / "runs"], write=True)
    with pytest.raises(UsageError, match="the one folder of accepted records"):
        verify([record_of(results)], accepted=results)
    assert verify([record_of(results)]).problems == []
