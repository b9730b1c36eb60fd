"""``benchbench export``: features with their image ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.records import read_records
from tests.test_sweep import by_hand

TOY = ("--task", "sum", "--dataset", "pictures,pictures[labels=bare]", "--backbone", "net",
       "--no-controls")


@pytest.fixture
def out(toys: Path, tmp_path: Path, call: Any) -> Path:
    folder = tmp_path / "out"
    call("run", *TOY, "--device", "cpu", "--features", "mean,sharpness,raises,behind",
         "--out", folder)
    return folder


def _cell(out: Path, name: str, status: str = "ok") -> str:
    return next(r.cell for r in read_records(out)
                if r.extractor.name == name and r.status == status)


def test_npz(out: Path, tmp_path: Path, call: Any) -> None:
    target = tmp_path / "new" / "f.npz"
    done = call("export", _cell(out, "mean"), "--to", target, "--out", out)
    assert done.code == 0 and f"features [6]: {target}" in done.out
    with np.load(target, allow_pickle=False) as found:
        assert found["features"].shape == (len(found["image"]), 6)
        for image, row in zip(found["image"], found["features"], strict=True):
            np.testing.assert_allclose(row, by_hand(str(image)), atol=1e-5)


def test_parquet(out: Path, tmp_path: Path, call: Any) -> None:
    target = tmp_path / "f.parquet"
    assert call("export", _cell(out, "sharpness"), "--to", target, "--out", out).code == 0
    found = pd.read_parquet(target)
    assert list(found.columns) == ["image", "f0"]
    expected = [by_hand(image).std(ddof=1) for image in found["image"]]
    np.testing.assert_allclose(found["f0"], expected, atol=1e-5)


def test_wrong_calls(out: Path, tmp_path: Path, call: Any, store: Path) -> None:
    done = call("export", _cell(out, "mean"), "--to", tmp_path / "f.csv", "--out", out)
    assert done.code == 2 and "expected a name that ends in .npz or .parquet" in done.err
    for name, status in (("raises", "failed"), ("behind", "skipped")):
        done = call("export", _cell(out, name, status), "--to", tmp_path / "f.npz", "--out", out)
        assert done.code == 2 and status in done.err and "not in the store" in done.err
    for path in (store / "features").iterdir():
        path.unlink()
    done = call("export", _cell(out, "mean"), "--to", tmp_path / "f.npz", "--out", out)
    assert done.code == 2 and "repeat it with --retry all: benchbench run" in done.err
    assert not (tmp_path / "f.npz").exists()
