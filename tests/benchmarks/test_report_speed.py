"""Ten thousand records as tables and a page: the first time, and when the ranks are kept.

Goal: under 20 s and 1 GiB on two cores, the page included.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchbench.records import Record, ScoreEntry
from tests.test_records import record

BOARDS, ROWS, IMAGES, GROUPS = 200, 50, 100, 25
RUN = """
import resource, sys, time
from benchbench.cli import main
began = time.perf_counter()
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"took {time.perf_counter() - began:.1f} s, peak {peak:.0f} MiB", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 boards of 50 methods, each with 100 predictions."""
    folder = tmp_path_factory.mktemp("results") / "iqa"
    folder.mkdir()
    random = np.random.default_rng(0)
    base = record()
    images = [f"image {i:03}" for i in range(IMAGES)]
    groups = [f"group {i % GROUPS:02}" for i in range(IMAGES)]
    for board in range(BOARDS):
        target = random.normal(size=IMAGES)
        dataset = base.dataset.model_copy(update={
            "name": f"set{board:03}", "fingerprint": f"sha256:{board}", "n": IMAGES,
            "n_tested": IMAGES, "n_scored": IMAGES, "groups": GROUPS, "score_kind": "mos"})
        for row in range(ROWS):
            cell = f"{board * ROWS + row:016x}"
            prediction = target + random.normal(size=IMAGES) * (0.2 + row / 20)
            value = float(np.corrcoef(target, prediction)[0, 1])
            made: Record = base.model_copy(update={
                "cell": cell, "identity": {"engine": "1", "seed": 0, "row": row},
                "dataset": dataset, "finished": "2026-01-01T00:00:00+00:00",
                "extractor": base.extractor.model_copy(update={"name": f"method{row:02}"}),
                "scores": {"srocc": ScoreEntry(value=value, ci95=(value - 0.1, value + 0.1))}})
            (folder / f"{cell}.json").write_text(made.dumps(), encoding="utf-8")
            table = pa.table({"image": images, "split": [0] * IMAGES, "group": groups,
                              "target": target, "prediction": prediction})
            pq.write_table(table, folder / f"{cell}.parquet")
    return folder.parent


@pytest.mark.parametrize("state", ["cold", "warm"])
def test_ten_thousand_records(
    state: str, results: Path, tmp_path: Path, benchmark: Any
) -> None:
    env = {**os.environ, "BENCHBENCH_STORE": str(tmp_path / "store")}
    words = [sys.executable, "-c", RUN, "report", str(results), "--format", "md,html,csv",
             "--out", str(tmp_path / "out")]

    def run() -> str:
        return subprocess.run(words, env=env, check=True, capture_output=True, text=True).stderr

    if state == "warm":
        run()
    told = benchmark.pedantic(run, rounds=1)
    page = (tmp_path / "out" / "index.html").stat().st_size / 1e6
    print(f"\n{state}: {BOARDS * ROWS} records in {BOARDS} boards: {told.strip()}, "
          f"page {page:.1f} MB")
