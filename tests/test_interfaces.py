"""A dataset over another: facts and images come from it, the table does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchbench import Dataset, ImageFacts, WrappedDataset


class Whole(Dataset):
    score_kind = "dmos"
    higher_is_better = False
    size = "model"
    notes = ("of the whole",)

    def path(self, image: str) -> Path | None:
        return Path(image)

    def load(self, image: str) -> np.ndarray:
        return np.full((2, 2, 3), 7, np.uint8)

    def inspect(self, images: Any) -> list[ImageFacts]:
        return [ImageFacts(image, 2, 2) for image in images]

    def sources(self) -> list[Path]:
        return [Path("table.csv")]


class Own(WrappedDataset):
    score_kind = "expected-mos"


def test_facts_left_at_their_defaults_are_those_of_the_whole() -> None:
    wrapped = Own(Whole())
    assert wrapped.score_kind == "expected-mos"
    assert not wrapped.higher_is_better
    assert (wrapped.size, wrapped.notes, wrapped.std_kind) == ("model", ("of the whole",), None)


def test_images_are_those_of_the_whole() -> None:
    wrapped = Own(Whole())
    assert wrapped.path("a") == Path("a")
    assert wrapped.load("a").max() == 7
    assert wrapped.inspect(["a"]) == [ImageFacts("a", 2, 2)]
    assert wrapped.sources() == [Path("table.csv")]
