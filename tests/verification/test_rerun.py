"""Cells run again from their records, in a store of their own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchbench import repeat, trust
from benchbench.records import read_record
from tests.verification.laid_out import check, lay_out, record_of, tamper, tamper_predictions


def test_a_cell_runs_again_to_the_same_scores(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path, "mean[scale=2],spread", backbone="net[size=20]",
                      dataset="pictures[contents=5]", limit=12, seeds=(3,))
    store = os.environ["BENCHBENCH_STORE"]
    found = check(results, again=2, in_ci=True, write=True)
    assert found.problems == []
    assert os.environ["BENCHBENCH_STORE"] == store
    assert {entry.trust for entry in trust.read(results).values()} == {trust.RERUN}
    assert {entry.trust for entry in check(results, again=2).confirmed.values()} == {
        trust.RECOMPUTED}


def test_the_cheapest_that_was_not_run_again_yet_is_next(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path, "mean,spread,latent")
    for path in results.glob("sum/*.json"):
        cheap = path == record_of(results, "spread")
        tamper(path, lambda data, cheap=cheap: data["cost"].update(
            extract_s=1.0 if cheap else 9.0, evaluate_s=0.1))
    first = record_of(results, "spread").stem
    assert check(results, again=1).says == {"run again, to the same scores": [first]}
    check(results, again=1, in_ci=True, write=True)
    assert trust.read(results)[first].trust == trust.RERUN
    [[second]] = check(results, again=1).says.values()  # what was run again comes last
    assert second != first


def test_scores_that_do_not_come_out_again_are_caught(tmp_path: Path, toys: Path) -> None:
    """Predictions and scores are forged together, so that only a new run can tell."""
    results = lay_out(tmp_path, "mean")
    path = record_of(results)
    tamper_predictions(path, lambda found: found.assign(
        prediction=found["target"] + 0.5))
    tamper(path, lambda data: data["scores"]["error"].update(value=0.5))
    assert check(results).problems == []
    found = check(results, again=1, in_ci=True)
    assert len(found.problems) == 1
    assert "score error: expected " in found.problems[0]
    assert "found 0.5; that is more than the noise between machines" in found.problems[0]
    assert found.confirmed == {}


@pytest.mark.parametrize("shift, problems", [(5e-4, 0), (5e-2, 1)])
def test_another_machine_may_differ_by_a_thousandth(
    tmp_path: Path, toys: Path, shift: float, problems: int
) -> None:
    results = lay_out(tmp_path, "mean")
    path = record_of(results)
    tamper_predictions(path, lambda found: found.assign(prediction=found["prediction"] - shift))
    tamper(path, lambda data: (data["scores"]["error"].update(
        value=data["scores"]["error"]["value"] + shift), data["env"].update(torch="1.0")))
    assert check(results).problems == []
    assert len(check(results, again=1).problems) == problems
    tamper(path, lambda data: data["env"].update(torch=json.loads(
        next((tmp_path / "runs" / "cells").glob("*.json")).read_bytes())["env"]["torch"]))
    assert len(check(results, again=1).problems) == 1


def test_a_cell_of_other_code_is_not_repeated(tmp_path: Path, toys: Path) -> None:
    results = lay_out(tmp_path, "mean")
    (toys / "toy.py").write_text((toys / "toy.py").read_text("utf-8") + "\n# later\n", "utf-8")
    from tests.toys import forget_plugins

    forget_plugins()
    found = check(results, again=1)
    assert found.problems == []
    assert list(found.says) == [
        "not run again: its code, weights, data or parameters are others here"]


def test_the_command_is_rebuilt_and_never_taken_from_the_record(
    tmp_path: Path, toys: Path
) -> None:
    results = lay_out(tmp_path, "mean[scale=2]+spread", dataset="pictures[contents=5,rows=all]",
                      limit=12, precision="bf16")
    path = record_of(results, "mean[scale=2]+spread")
    assert read_record(path).command == (
        "benchbench run --features 'mean[scale=2]+spread' --task sum "
        "--dataset 'pictures[contents=5,rows=all]' --backbone net --seed 0 --no-controls "
        "--limit 12 --precision bf16")
    tamper(path, lambda data: data.update(command=f"touch {tmp_path}/owned"))
    assert "owned" not in repeat.command(read_record(path))
    assert check(results, again=1).problems == []
    assert not (tmp_path / "owned").exists()
