"""``benchbench plan``: what would run, what is stored, what is skipped and why, and the bill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOY = ("--task", "sum", "--dataset", "pictures", "--backbone", "net", "--no-controls")


def test_states_before_between_and_after(toys: Path, tmp_path: Path, call: Any) -> None:
    out = ("--out", tmp_path / "out")

    def states(features: str, *more: Any) -> list[str]:
        done = call("plan", "--json", *TOY, "--features", features, *out, *more)
        assert done.code == 0
        return [row["state"] for row in json.loads(done.out)]

    assert states("mean,spread") == ["sweep", "sweep"]
    assert call("run", *TOY, "--device", "cpu", "--features", "mean", *out).code == 0
    assert states("mean,spread") == ["done", "sweep"]
    assert states("mean", "--seed", "0,7") == ["done", "evaluate"]
    assert states("mean", "--out", tmp_path / "other") == ["evaluate"]


def test_the_bill(toys: Path, tmp_path: Path, call: Any) -> None:
    args = ("plan", *TOY, "--features", "mean,spread", "--out", tmp_path / "out")
    text = call(*args).out
    assert "2 cells: 2 sweep" in text
    assert "sweep pictures × net: 30 images, time unknown before the first sweep" in text
    assert "disk: 0.0 MB of new features" in text
    call("run", *TOY, "--device", "cpu", "--features", "mean", "--out", tmp_path / "out")
    text = call(*args).out
    assert "2 cells: 1 done, 1 sweep" in text and " s on cpu" in text


def test_nothing_is_left_to_do(toys: Path, tmp_path: Path, call: Any) -> None:
    out = ("--out", tmp_path / "out")
    call("run", *TOY, "--device", "cpu", "--features", "mean", *out)
    assert call("plan", *TOY, "--features", "mean", *out).out.splitlines()[-1] == "1 cells: 1 done"


def test_reasons_stand_below_the_table(toys: Path, tmp_path: Path, call: Any) -> None:
    done = call("plan", *TOY[:2], "--dataset", "pictures,pictures[labels=bare]", *TOY[4:],
                "--features", "behind", "--out", tmp_path / "out")
    assert done.code == 0 and "2 cells: 1 sweep, 1 skipped" in done.out
    assert " skipped: dataset pictures has no references" in done.out


def test_planning_writes_no_record(toys: Path, tmp_path: Path, call: Any) -> None:
    call("plan", *TOY, "--features", "mean", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_wrong_name(toys: Path, call: Any) -> None:
    done = call("plan", *TOY, "--features", "maen")
    assert done.code == 2 and "did you mean 'mean'?" in done.err


def test_the_bill_of_a_joined_set_leaves_out_what_is_stored(
    toys: Path, tmp_path: Path, call: Any
) -> None:
    out = ("--out", tmp_path / "out")
    toy = ("--task", "sum", "--backbone", "net", "--no-controls", "--features", "mean")
    small, large = "pictures[contents=1]", "pictures[contents=3]"
    joined = ("--dataset", f"cross[fit={small},test={large}]")
    text = call("plan", *toy, *joined, *out).out
    assert f"sweep {small} × net: 5 images" in text and f"sweep {large} × net: 15 images" in text
    assert call("run", *toy, "--dataset", large, "--device", "cpu", *out).code == 0
    text = call("plan", *toy, *joined, *out).out
    assert f"sweep {small} × net" in text and f"sweep {large} × net" not in text
    (row,) = json.loads(call("plan", "--json", *toy, *joined, *out).out)
    assert row["state"] == "sweep" and row["feature_bytes"] == 4 * 6 * 20
    assert call("run", *toy, "--dataset", small, "--device", "cpu", *out).code == 0
    assert "1 cells: 1 evaluate" in call("plan", *toy, *joined, *out).out
