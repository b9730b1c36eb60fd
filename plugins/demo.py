"""The dataset ``demo``: seven photographs, twelve distortions, five levels, expected scores."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from statistics import correlation, fmean
from typing import TYPE_CHECKING

from benchbench import Component, WrappedDataset, dataset, hookimpl

if TYPE_CHECKING:
    import pandas as pd

TYPES = (
    "gaussian-blur",
    "motion-blur",
    "white-noise",
    "impulse-noise",
    "jpeg",
    "jpeg2000",
    "colour-diffusion",
    "saturation-lab",
    "darken",
    "contrast",
    "jitter",
    "pixelate",
)
LEVELS = (1, 2, 3, 4, 5)


class Demo(WrappedDataset):
    """``demo``: 420 images. An image's score is the mean score that people gave to images of that
    type and level in KADID-10k: what to expect of it, not what anyone said of it. Pixels are made
    as KADID-10k's generator makes them (``distorted`` with ``stretch``).

    ``demo[source=DATASET]`` does the same to the clean pictures of another dataset.

    How good such a score is: in KADID-10k the mean of type and level has SROCC .938 with the
    image's own score (leaving that image out; 10,125 images), .947 on the twelve types used here.
    """

    name = "demo"
    version = "1"
    summary = "seven photographs, distorted in 12 ways and 5 levels, with expected scores"
    score_kind = "expected-mos"
    higher_is_better = True

    def __init__(self, source: str = "photographs[set=natural]") -> None:
        super().__init__(dataset(
            f"distorted[source={source},with={'+'.join(TYPES)},stretch=true]"
        ))
        self.size = "native"  # a source of recognition pictures asks for the model's size
        n_source = dataset(source).n_official
        self.n_official = None if n_source is None else n_source * len(TYPES) * len(LEVELS)
        by_type, by_level = ceilings()
        self.notes = (
            "demo's scores are expected scores: the mean human score of that type and level in "
            f"KADID-10k, not of the image; knowing only the type reaches SROCC {by_type:.2f}, "
            f"only the level {by_level:.2f}, both 1",
        )

    def table(self) -> pd.DataFrame:
        table = self.whole.table()
        scores = expected_scores()
        keys = zip(table["distortion"], table["level"], strict=True)
        table["score"] = [scores[distortion, level] for distortion, level in keys]
        return table


@cache
def expected_scores() -> dict[tuple[str, int], float]:
    """Mean over KADID-10k's 81 references of its scores (1 to 5, higher is better), for each of
    its 25 types and 5 levels."""
    text = files("benchbench_datasets").joinpath("kadid10k_expected_mos.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(row["name"], int(row["level"])): float(row["mean"]) for row in rows}


@cache
def ceilings() -> tuple[float, float]:
    """SROCC between demo's scores and the mean score of each image's type, and of its level."""
    scores = expected_scores()
    grid = [[scores[distortion, level] for level in LEVELS] for distortion in TYPES]
    by_type = [fmean(row) for row in grid for _ in row]
    by_level = [fmean(column) for column in zip(*grid, strict=True)] * len(grid)
    truth = _ranks([score for row in grid for score in row])
    return correlation(truth, _ranks(by_type)), correlation(truth, _ranks(by_level))


def _ranks(values: list[float]) -> list[float]:
    """Ranks from 1; equal values share their mean rank."""
    return [
        sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values
    ]


@hookimpl
def benchbench_datasets() -> Sequence[Component]:
    return (Component(Demo.name, "benchbench_plugins.demo:Demo", Demo.summary),)
