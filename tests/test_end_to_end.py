"""The commands as a person types them, in processes of their own, with the plugins included."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from benchbench.cli import main
try:
    main()
finally:
    print([m for m in ("torch", "timm") if m in sys.modules], file=sys.stderr)
"""


def _benchbench(*args: object, store: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, args)], capture_output=True, text=True, check=False,
        env={**os.environ, "BENCHBENCH_STORE": str(store), "OMP_NUM_THREADS": "1"})


def _rows(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (out / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return {(row["extractor"], row["mode"]): row for row in csv.DictReader(file)}


def test_the_first_command_on_a_few_images(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = ("run", "--features", "grad,activation", "--task", "iqa", "--limit", 21,
            "--backbone", "unique[patches=2000]", "--device", "cpu", "--out", out)
    first = _benchbench(*args, store=store)
    assert first.returncode == 0, first.stderr
    rows = _rows(out)
    assert {name for name, _ in rows} == {"grad", "activation", "random", "pixels",
                                          "grad, shuffled labels"}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert {row["control"] for row in rows.values()} == {"True", "False"}
    assert float(rows["grad", "full-reference"]["srocc"]) > 0.4
    assert "expected scores: the mean human score of that type and level" in first.stdout
    assert first.stdout.count("\nsweep ") == 0 and first.stderr.count("sweep ") == 1
    second = _benchbench(*args, store=store)
    assert second.returncode == 0 and second.stdout == first.stdout
    # Nothing is computed, and the libraries that could are not even loaded.
    assert "sweep" not in second.stderr and second.stderr.splitlines()[-1] == "[]"


def test_real_images_with_human_scores(shared_data: Path, store: Path, tmp_path: Path) -> None:
    """A DMOS falls as quality rises, and good methods are positive all the same."""
    weights = shared_data / "weights" / "unique" / "ImageNet_Weights_YGCr.mat"
    if not weights.is_file():
        pytest.skip(f"the weights are not at {weights}")
    out = tmp_path / "out"
    done = _benchbench(
        "run", "--features", "grad,activation", "--task", "iqa[mode=fr,distance=spearman]",
        "--dataset", "live-subset", "--data-root", shared_data,
        "--backbone", f"unique[weights={weights}]",
        "--device", "cpu", "--out", out, store=store)
    assert done.returncode == 0, done.stderr
    rows = _rows(out)
    for name in ("grad", "activation"):
        row = rows[name, "full-reference"]
        assert (row["score_kind"], row["n"], row["n_scored"], row["n_official"], row["groups"]) == (
            "dmos", "38", "38", "38", "3")
        assert row["srocc_low"] == ""  # three contents allow no interval
        assert float(row["srocc"]) > 0.6 and float(row["plcc"]) > 0.6
        assert float(row["srocc"]) > float(rows["pixels", "full-reference"]["srocc"])
    assert abs(float(rows["random", "full-reference"]["srocc"])) < 0.4
