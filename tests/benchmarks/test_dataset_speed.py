"""The table of a set of 10,000 images: read once, and known the second time.

Yardstick: the standard library's CSV reader over the same file into pandas, and a stat of every
file.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest

from benchbench.catalogue import make_dataset
from benchbench.names import parse
from benchbench.tables import dataset_facts, load_table
from tests.datasets.layouts import picture

N = 10_125


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """KADID-10k in its official layout; every picture is a link to one small file's content."""
    root = tmp_path_factory.mktemp("data")
    images = root / "kadid10k/images"
    first = picture(images / "I00.png")
    lines = ["dist_img,ref_img,dmos,var"]
    for reference in range(1, 82):
        os.link(first, images / f"I{reference:02}.png")
        for kind in range(1, 26):
            for level in range(1, 6):
                name = f"I{reference:02}_{kind:02}_{level:02}.png"
                os.link(first, images / name)
                lines.append(f"{name},I{reference:02}.png,{5 - level * 0.8:.2f},0.5")
    (root / "kadid10k/dmos.csv").write_text("\n".join(lines))
    return root


@pytest.mark.benchmark(group="dataset table")
def test_the_table_of_ten_thousand_images(
    root: Path, monkeypatch: pytest.MonkeyPatch, benchmark: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    monkeypatch.setenv("BENCHBENCH_DATA", str(root))
    folder = root / "kadid10k"

    def table() -> int:
        return len(load_table(make_dataset(parse("kadid10k")).part))

    def bare_table() -> int:
        with (folder / "dmos.csv").open() as file:
            return len(pd.DataFrame(list(csv.DictReader(file))))

    def again() -> int:
        return dataset_facts(make_dataset(parse("kadid10k"))).n

    def bare_stats() -> int:
        return sum(os.stat(path).st_size > 0 for path in (folder / "images").iterdir())

    assert table() == bare_table() == again() == N
    times: dict[str, list[float]] = {}
    for _ in range(9):
        for call in (table, bare_table, again, bare_stats):
            start = perf_counter()
            call()
            times.setdefault(call.__name__, []).append(perf_counter() - start)
    found = {name: median(values) for name, values in times.items()}
    benchmark.pedantic(again, rounds=1)
    with capsys.disabled():
        print(f"\ntable of {N:,}: {found['table']:.3f} s, "
              f"{found['table'] / found['bare_table']:.1f} times csv and pandas; "
              f"second time {found['again']:.3f} s, "
              f"{found['again'] / found['bare_stats']:.1f} times a stat of every file")
