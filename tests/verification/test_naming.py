"""Ids, names, versions and parameters of tampered records of real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.verification.laid_out import check, forge_id, lay_out, problem, record_of, tamper


def test_a_run_and_its_accepted_copies_are_sound(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path, "mean[scale=2],mean+spread,error,latent",
                      backbone="net[seed=3,size=20]")
    for folder in (tmp_path / "runs", results):
        found = check(folder)
        assert found.problems == []
        assert found.says == {}
        assert found.records == len(found.confirmed) == 4


def test_an_edited_id_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    cell = path.stem
    tamper(path, lambda data: data.update(cell="0" * 16))
    path.with_suffix(".parquet").rename(path.with_name("0" * 16 + ".parquet"))
    path = path.rename(path.with_name("0" * 16 + ".json"))
    assert problem(results).startswith(
        f"{path}: cell id: expected '{cell}', found '0000000000000000'; it has to be the digest")


def test_an_edited_identity_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper(path, lambda data: data["identity"]["extractor"]["params"].update(scale=2.0))
    said = check(results).problems
    assert any("cell id: expected" in line for line in said)
    forge_id(path)
    # The record says nothing of the parameter, so that it would be taken for the default.
    assert "mean: scale: expected 2.0, found 1.0" in problem(results)


@pytest.mark.parametrize("part, field, value", [
    ("dataset", "name", "tid2013"), ("dataset", "version", "9"),
    ("dataset", "fingerprint", "sha256:00"), ("backbone", "name", "resnet"),
    ("backbone", "weights", "sha256:00"), ("backbone", "preprocessing", {"size": "native"}),
    ("extractor", "name", "better"), ("extractor", "version", "9"), ("task", "version", "9"),
    ("extractor", "params", {"scale": 3.0}), ("task", "params", {"fault": "none"}),
])  # fmt: skip
def test_an_edited_name_is_caught(
    tmp_path: Path, toys: Path, part: str, field: str, value: Any
) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper(path, lambda data: data[part].update({field: value}))
    said = check(results).problems
    where = f"{part}.{field}" + (f".{next(iter(value))}" if field == "params" else "")
    assert any(f"{path}: {where}: expected " in line and "identity says otherwise" in line
               for line in said)


def test_a_method_shown_as_a_control_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    tamper(record_of(results), lambda data: data["extractor"].update(control=True))
    assert "extractor.control: expected False, found True" in problem(results)


@pytest.mark.parametrize(("given", "resolved", "sound"), [
    ("0.5", [0.5, 0.5, 0.5], True), ("0.5+0.5+0.4", [0.5, 0.5, 0.4], True),
    ("0.5", [0.5, 0.5, 0.4], False),
])  # fmt: skip
def test_an_option_of_preprocessing_is_what_it_resolves_to(
    tmp_path: Path, toys: Path, given: str, resolved: list[float], sound: bool
) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)

    def change(data: dict[str, Any]) -> None:
        data["backbone"]["params"]["mean"] = given
        for part in (data["identity"], data["backbone"]):
            part["preprocessing"]["mean"] = resolved

    tamper(path, change)
    assert any("backbone.params.mean" in line
               for line in check(forge_id(path).parent.parent).problems) is not sound


def test_files_that_are_no_records_are_named(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    (record_of(results).parent / "page.html").write_text("<script>", encoding="utf-8")
    assert "expected records and predictions, found another file; take it out" in problem(results)


def test_an_edited_seed_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    tamper(record_of(results), lambda data: data.update(seed=7))
    assert "seed: expected 0, found 7" in problem(results)


def test_the_parts_of_joined_features_are_those_of_the_identity(
    tmp_path: Path, toys: Path
) -> None:
    results = lay_out(tmp_path, "mean+spread")
    [path] = results.glob("sum/*.json")
    tamper(path, lambda data: data["extractor"].update(name="mean[scale=2]+spread"))
    assert "extractor.params.scale: expected '1.0', found '2.0'" in problem(results)
    tamper(path, lambda data: data["extractor"].update(name="latent+spread"))
    assert "extractor.name: expected ['mean', 'spread'], found ['latent', 'spread']" in problem(
        results)


def test_a_moved_record_is_caught(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    other = results / "iqa"
    other.mkdir()
    for file in (path, path.with_suffix(".parquet")):
        file.rename(other / file.name)
    assert "folder: expected 'sum', found 'iqa'" in problem(results)


def test_two_records_of_one_cell_are_named(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    copy = results / "sum2" / path.name
    copy.parent.mkdir()
    for file in (path, path.with_suffix(".parquet")):
        (copy.parent / file.name).write_bytes(file.read_bytes())
    said = check(results).problems
    assert any(f"{copy}: cell: expected one record, found a second one in {path}" in line
               for line in said)


def test_an_unknown_task_is_named(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper(path, lambda data: (data["task"].update(name="zum"),
                               data["identity"]["task"].update(name="zum")))
    (results / "zum").mkdir()
    for file in (path, path.with_suffix(".parquet")):
        file.rename(results / "zum" / file.name)
    path = forge_id(results / "zum" / path.name)
    assert problem(results).startswith(f"{path}: task: expected a task that is known here, found "
                                       "'zum'; unknown task 'zum'; did you mean 'sum'?")


@pytest.mark.parametrize("text, said", [
    ('"schema": 99', "its schema is 99, this benchbench knows 1"),
    ('"schema": NaN', "NaN is not JSON"),
    ('"nothing": 1', "Extra inputs are not permitted"),
])
def test_what_is_no_record_is_named(tmp_path: Path, toys: Path, text: str, said: str) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    path.write_text(path.read_text("utf-8").replace('"schema": 1', text, 1), encoding="utf-8")
    found = check(results)
    assert len(found.problems) == 1
    assert f"record {path}: " in found.problems[0]
    assert said in found.problems[0]
    assert len(found.confirmed) == 1


def test_a_nan_anywhere_is_refused(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper(path, lambda data: data["details"].update(by=float("nan")))
    assert "NaN" in path.read_text("utf-8")
    assert "NaN is not JSON, expected a number or null" in problem(results)


def test_a_record_without_sense_is_a_line_and_not_a_crash(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path)
    path = record_of(results)
    tamper(path, lambda data: data.update(identity={"task": [1, {"\x1b[31m": 2}]}))
    found = check(results)
    assert any(line.startswith(f"{path}: record: expected one that can be checked")
               for line in found.problems)
    assert "\x1b" not in "".join(found.problems)
    assert json.loads(path.read_bytes())["cell"] not in found.confirmed
