"""``benchbench store``: what it holds, and pruning to a size."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from benchbench.cli.store import _bytes
from benchbench.errors import UsageError


def _fill(store: Path) -> None:
    for age, (name, size) in enumerate([("weights/w.safetensors", 3_000_000),
                                        ("features/f.safetensors", 1_500_000),
                                        ("datasets/d.json", 1000)]):
        path = store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        then = time.time() - 1000 * (5 - age)
        os.utime(path, (then, then))


def test_what_it_holds_oldest_use_first(store: Path, call: Any) -> None:
    _fill(store)
    done = call("store")
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split()[2:] for line in lines[:-1]] == [
        ["3.000", "MB", "weights/w.safetensors"], ["1.500", "MB", "features/f.safetensors"],
        ["0.001", "MB", "datasets/d.json"]]
    assert lines[-1] == f"3 entries, 4.5 MB in {store}"


def test_pruning(store: Path, call: Any) -> None:
    _fill(store)
    done = call("store", "--prune", "2M")
    assert done.out.splitlines()[0] == f"removed 1 entries from {store}"
    assert not (store / "weights" / "w.safetensors").exists()
    assert call("store", "--prune", "0").out.endswith(f"0 entries, 0.0 MB in {store}\n")


def test_an_empty_store(store: Path, call: Any) -> None:
    assert call("store").out == f"0 entries, 0.0 MB in {store}\n"
    assert not store.exists()


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("500M", 500_000_000), ("1.5k", 1500),
                                            ("20GB", 20_000_000_000), ("2T", 2 * 10**12),
                                            ("12b", 12)])
def test_sizes(text: str, size: int) -> None:
    assert _bytes(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "ten", "1X", "nan", "inf", "1e400"])
def test_wrong_sizes(text: str, call: Any) -> None:
    with pytest.raises(UsageError, match="expected a size such as 500M"):
        _bytes(text)


def test_a_wrong_size_is_a_wrong_call(store: Path, call: Any) -> None:
    done = call("store", "--prune", "much")
    assert done.code == 2 and "--prune 'much'" in done.err
