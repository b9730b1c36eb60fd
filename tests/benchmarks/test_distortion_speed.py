"""Images per second of each distortion, one photograph of 600×400 pixels at level 3.

Where the package ``imagecorruptions`` is installed, its function of the same name runs in turns
with ours, and the ratio of the medians is printed (over 1: ours is faster).
"""

from __future__ import annotations

import statistics
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CATALOGUE, IMAGENET_C

from benchbench import dataset
from tests.oracles.imagecorruptions_values import FIXED, RANDOM, package

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

LEVEL, ROUNDS = 3, 9


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return dataset("photographs").load("coffee")


@pytest.fixture(scope="module")
def corrupt() -> Any:
    # Looked for, not imported: package() has to prepare what it imports.
    if find_spec("imagecorruptions") is None:
        pytest.skip("needs imagecorruptions and opencv-python-headless")
    return package()


@pytest.mark.parametrize("name", CATALOGUE)
def test_images_per_second(benchmark: BenchmarkFixture, photograph: np.ndarray, name: str) -> None:
    def once() -> np.ndarray:
        return distort(photograph, CATALOGUE[name], LEVEL, generator("coffee", name, LEVEL, 0))

    assert benchmark(once).shape == photograph.shape


@pytest.mark.parametrize("name", [each.name for each in IMAGENET_C])
def test_against_imagecorruptions(
    benchmark: BenchmarkFixture,
    corrupt: Any,
    photograph: np.ndarray,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = name.removeprefix("imagenet-c-")
    theirs = {**FIXED, **RANDOM, "jpeg": "jpeg_compression"}[short]
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}

    def turn() -> None:
        start = time.perf_counter()
        distort(photograph, CATALOGUE[name], LEVEL, generator("coffee", name, LEVEL, 0))
        middle = time.perf_counter()
        corrupt(photograph, LEVEL, theirs)
        taken["ours"].append(middle - start)
        taken["theirs"].append(time.perf_counter() - middle)

    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=1)
    ours, other = (statistics.median(taken[key]) for key in ("ours", "theirs"))
    with capsys.disabled():
        print(
            f"\n{name}: {1 / ours:.0f} images/s, imagecorruptions {1 / other:.0f}, "
            f"ratio {other / ours:.2f}"
        )
