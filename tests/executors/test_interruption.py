"""Runs that take too long, are interrupted or killed: they go on, and end with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchbench.records import read_records
from tests.toys import execute, selection


def test_a_sweep_that_takes_too_long(toys: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    records, _ = execute(tmp_path, selection("slow,mean"), timeout=0.7)
    assert time.monotonic() - began < 5
    assert [r.status for r in records] == ["timeout", "timeout"]
    assert records[0].reason == "took longer than --timeout 0.7 s"
    again, told = execute(tmp_path, selection("mean"), retry="failed")
    assert again[0].status == "ok" and told.sweeps


def test_an_evaluation_that_takes_too_long(toys: Path, tmp_path: Path) -> None:
    records, _ = execute(tmp_path, selection(task="sum[fault=slow],sum"), timeout=2)
    assert [r.status for r in records] == ["timeout", "ok"]


def test_enough_time_leaves_no_alarm(toys: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGALRM)
    records, _ = execute(tmp_path, selection(), timeout=100)
    assert records[0].status == "ok"
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_an_interrupted_sweep(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench import sweep

    def stop(self: Any, rows: Any, values: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweep.FeatureWriter, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            execute(tmp_path, selection("mean,spread"))
    assert [r.status for r in read_records(tmp_path)] == ["interrupted"] * 2
    records, _ = execute(tmp_path, selection("mean,spread"))
    assert [(r.status, r.attempts) for r in records] == [("ok", 2)] * 2


KILLED = """
import os, signal, sys
from pathlib import Path
from benchbench import sweep
from tests.toys import execute, selection

sweep.CHECKPOINT_S = -1.0
write, count = sweep.FeatureWriter.write, 0

def dying(self, rows, values):
    global count
    write(self, rows, values)
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

sweep.FeatureWriter.write = dying
execute(Path(sys.argv[1]), selection("mean,behind", dataset="pictures[contents=16]"), batch_size=4)
"""


@pytest.mark.parametrize("after", [1, 9, 38])
def test_a_killed_run_goes_on_to_the_same_numbers(
    toys: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    chosen = selection("mean,behind", dataset="pictures[contents=16]")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "out"), str(after)], check=False,
        cwd=Path(__file__).parent.parent.parent, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == -9
    assert not list((store / "features").glob("*.safetensors"))
    assert read_records(tmp_path / "out") == []
    records, told = execute(tmp_path / "out", chosen, batch_size=4)
    if after > 8:
        # What had been written was not computed again.
        assert all(total == 80 for _, total in told.done)
        assert told.done[0][0] > 0
    monkeypatch.setenv("BENCHBENCH_STORE", str(tmp_path / "other"))
    whole, _ = execute(tmp_path / "whole", chosen, batch_size=4)
    for one, other in zip(records, whole, strict=True):
        assert one.status == "ok" and one.scores == other.scores
        assert one.predictions == other.predictions
        name = f"{one.features}.safetensors".removeprefix("sha256:")
        assert (store / "features" / name).read_bytes() == (
            tmp_path / "other" / "features" / name).read_bytes()


TWIN = """
import sys
from pathlib import Path
from tests.toys import execute, selection
records, told = execute(Path(sys.argv[1]), selection("mean,behind"))
assert [r.status for r in records] == ["ok", "ok"]
"""


def test_two_runs_at_once_share_one_sweep(toys: Path, store: Path, tmp_path: Path) -> None:
    """One writer a key: the second waits for the first and reads what it has written."""
    from benchbench.plan import make_plan

    make_plan(selection("mean,behind"))  # facts are known: what is counted are the sweeps' loads
    env = {**os.environ, "PYTHONPATH": ".", "TOY_LOG": str(tmp_path / "log")}
    twins = [subprocess.Popen([sys.executable, "-c", TWIN, str(tmp_path / name)], env=env,
                              cwd=Path(__file__).parent.parent.parent) for name in "ab"]
    assert [twin.wait() for twin in twins] == [0, 0]
    loads = [line for line in (tmp_path / "log").read_text().splitlines() if "load" in line]
    assert len(loads) == len(set(loads)) == 30
    first, second = (read_records(tmp_path / name) for name in "ab")
    assert [r.scores for r in first] == [r.scores for r in second]
