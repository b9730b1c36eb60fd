"""The datasets ``parts`` and ``part``: another dataset with a split by group, or some of its split.

``parts`` adds what a source lacks: which groups are for fitting, for choosing and for testing.
``part`` keeps the rows of some splits, to say which images a backbone has seen.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from benchbench import Component, DataError, UsageError, WrappedDataset, dataset, hookimpl

if TYPE_CHECKING:
    import pandas as pd


class Parts(WrappedDataset):
    """``parts[source=DATASET]``: a column ``split`` with ``train``, ``val`` and ``test``.

    Groups are ordered by the SHA-256 of ``seed`` and their name; the first ``train`` of them are
    for training, the next ``val`` for validation, the rest for testing. A split that the source
    has is replaced.
    """

    name = "parts"
    version = "1"
    summary = "another dataset, its groups split into train, val and test"

    def __init__(self, source: str, train: float = 0.6, val: float = 0.2, seed: int = 0) -> None:
        if not (train > 0 and val > 0 and train + val < 1):
            raise UsageError(
                f"parts[train={train:g},val={val:g}]: expected two shares above 0 that leave some "
                "groups for testing"
            )
        super().__init__(dataset(source))
        self._shares, self._seed = (train, val), seed

    def table(self) -> pd.DataFrame:
        table = self.whole.table().reset_index(drop=True)
        column = next(name for name in ("group", "reference", "image") if name in table)
        table["group"] = table[column].astype(str)
        names = sorted(table["group"].unique(), key=self._place)
        ends = [round(len(names) * share) for share in (self._shares[0], sum(self._shares))]
        if not 0 < ends[0] < ends[1] < len(names):
            raise DataError(
                f"parts: {len(names)} groups in {self.whole.name!r} are too few for three parts; "
                "give a larger source"
            )
        part = {
            name: ("train", "val", "test")[(i >= ends[0]) + (i >= ends[1])]
            for i, name in enumerate(names)
        }
        table["split"] = table["group"].map(part)
        return table

    def _place(self, group: str) -> str:
        return hashlib.sha256(f"{self._seed}:{group}".encode()).hexdigest()


class Part(WrappedDataset):
    """``part[source=DATASET,split=train+val]``: the rows of these splits alone."""

    name = "part"
    version = "1"
    summary = "the rows of another dataset that are in some of its splits"

    def __init__(self, source: str, split: str) -> None:
        super().__init__(dataset(source))
        self._splits = [word.strip() for word in split.split("+")]

    def table(self) -> pd.DataFrame:
        table = self.whole.table()
        if "split" not in table:
            raise DataError(
                f"part: {self.whole.name!r} has no column 'split'; give parts[source=…]"
            )
        kept = table[table["split"].isin(self._splits)].reset_index(drop=True)
        if kept.empty:
            raise DataError(
                f"part: no row of {self.whole.name!r} has split {'+'.join(self._splits)}; it has "
                f"{', '.join(sorted(set(map(str, table['split']))))}"
            )
        return kept


@hookimpl
def benchbench_datasets() -> list[Component]:
    return [Component(part.name, f"{__name__}:{part.__name__}", part.summary)
            for part in (Parts, Part)]  # fmt: skip
