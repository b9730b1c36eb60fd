"""The suite of datasets passes the toy and catches every cheat by the check for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchbench import Dataset, ImageFacts
from benchbench.testing import ToyPictures, assert_conforms, check_dataset
from tests.testing.suites import result


def test_the_toy_pictures_conform() -> None:
    checks = list(check_dataset(ToyPictures))
    assert {check.name for check in checks if check.status != "passed"} == set()


class NoKind(ToyPictures):
    score_kind = None


class DividesAContent(ToyPictures):
    def table(self) -> Any:
        return super().table().assign(group=[str(i) for i in range(9)])


class NumbersAsNames(ToyPictures):
    def table(self) -> Any:
        return super().table().assign(distortion=1)


class DoubledIds(ToyPictures):
    def table(self) -> Any:
        return super().table().assign(image="rings-1")


class Shuffles(ToyPictures):
    draws = np.random.default_rng(0)

    def table(self) -> Any:
        table = super().table()
        return table.iloc[self.draws.permutation(len(table))]


class GreyImages(ToyPictures):
    def load(self, image: str) -> Any:
        return super().load(image)[:, :, 0]


class NoisyImages(ToyPictures):
    draws = np.random.default_rng(0)

    def load(self, image: str) -> Any:
        return super().load(image) ^ self.draws.integers(0, 2, dtype=np.uint8)


class WrongSizes(ToyPictures):
    def inspect(self, images: Any) -> Any:
        return [ImageFacts(image, 32, 32) for image in images]


class OneDigest(ToyPictures):
    def inspect(self, images: Any) -> Any:
        return [ImageFacts("same", *self.load(image).shape[:2]) for image in images]


class MissingReference(ToyPictures):
    def load(self, image: str) -> Any:
        if image.endswith("-0"):
            raise FileNotFoundError(image)
        return super().load(image)


CHEATS = {
    NoKind: "scores", DividesAContent: "groups", NumbersAsNames: "columns", DoubledIds: "table",
    Shuffles: "repeatable", GreyImages: "images", NoisyImages: "images", WrongSizes: "inspect",
    OneDigest: "inspect", MissingReference: "images",
}


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda c: c.__name__)
def test_a_cheating_dataset_is_caught(cheat: type[Dataset]) -> None:
    assert result(check_dataset(cheat), CHEATS[cheat]).status == "failed"


def test_an_unknown_column_is_a_warning() -> None:
    class Misspelt(ToyPictures):
        def table(self) -> Any:
            return super().table().rename(columns={"score_std": "score_sd"})

    check = result(check_dataset(Misspelt), "columns")
    assert check.status == "warning" and "'score_sd'" in check.detail


def test_the_first_party_dataset_conforms() -> None:
    assert_conforms(check_dataset("photographs"))
