"""Images per second of every distortion, one photograph of 600×400 pixels at level 3, as a table.

Where the package ``imagecorruptions`` is installed, its function of the same name takes turns with
ours, each first as often as second; the table has the ratio of the medians (over 1: ours is
faster). Both go on with a generator that they have: the package's is NumPy's global one.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchbench_plugins.distortions.apply import distort, generator
from benchbench_plugins.distortions.catalogue import CATALOGUE

from benchbench import dataset
from tests.oracles.imagecorruptions_values import FIXED, RANDOM, package

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

LEVEL, ROUNDS = 3, 10


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return dataset("photographs").load("coffee")


@pytest.fixture(scope="module")
def corrupt() -> Any:
    """The package's function; None where it is not installed."""
    # Looked for, not imported: package() has to prepare what it imports.
    if find_spec("imagecorruptions") is None or find_spec("cv2") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return package()


@pytest.fixture(scope="module")
def rows() -> Iterator[list[str]]:
    found: list[str] = []
    yield found
    print("\n\n| distortion | images/s | `imagecorruptions`, images/s | ratio |\n|---|---|---|---|")
    print("\n".join(found))


@pytest.mark.parametrize("name", CATALOGUE)
def test_images_per_second(
    benchmark: BenchmarkFixture,
    corrupt: Any,
    photograph: np.ndarray,
    rows: list[str],
    name: str,
) -> None:
    distortion, rng = CATALOGUE[name], generator("coffee", name, LEVEL, 0)

    def ours() -> None:
        distort(photograph, distortion, LEVEL, rng)

    def theirs() -> None:
        corrupt(photograph, LEVEL, {**FIXED, **RANDOM}[name.removeprefix("imagenet-c-")])

    if distortion.bytes_in and corrupt is not None:
        contenders: list[Callable[[], None]] = [ours, theirs]
    else:
        contenders = [ours]
    taken: dict[Any, list[float]] = {contender: [] for contender in contenders}

    def turn() -> None:
        for contender in contenders:
            start = time.perf_counter()
            contender()
            taken[contender].append(time.perf_counter() - start)
        contenders.reverse()

    if distortion.material:
        for _ in range(20):
            ours()  # until each of the five photographs of frost has been enlarged
    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=2)
    median = {each: statistics.median(seconds[2:] or seconds) for each, seconds in taken.items()}
    beside = ""
    if theirs in median:
        beside = f" {1 / median[theirs]:.0f} | {median[theirs] / median[ours]:.2f} |"
    rows.append(f"| `{name}` | {1 / median[ours]:.0f} |{beside or ' | |'}")
