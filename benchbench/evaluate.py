"""One cell's evaluation: features from the store, aligned with the table, put to the task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchbench.cells import Cell
from benchbench.errors import DataError
from benchbench.features import read_features, remember_shares
from benchbench.identity import file_digest
from benchbench.interfaces import Features, Outcome
from benchbench.store import atomic

if TYPE_CHECKING:
    import pandas as pd


@dataclass(slots=True)
class Evaluated:
    """An outcome, with how many rows it scored and whether that is all of them."""

    outcome: Outcome
    n: int

    @property
    def n_tested(self) -> int:
        return self.n if self.outcome.n_tested is None else self.outcome.n_tested

    @property
    def n_scored(self) -> int:
        made = self.outcome.predictions
        return int(made["image"][np.isfinite(made["prediction"].to_numpy(float))].nunique())

    @property
    def status(self) -> str:
        return "ok" if self.n_scored == self.n_tested else "failed"

    @property
    def reason(self) -> str | None:
        if self.status == "ok":
            return None
        return f"{self.n_scored} of {self.n_tested} images were scored; every one has to be"

    def write(self, path: Path) -> str:
        """Write the predictions whole; gives their digest."""
        with atomic(path) as temporary:
            self.outcome.predictions.to_parquet(temporary, index=False)
        return f"sha256:{file_digest(path)}"


def evaluate_cell(cell: Cell, table: pd.DataFrame) -> Evaluated:
    """Put the cell's features to its task."""
    features = aligned(cell, table)
    if len(cell.shares) > 1:
        remember_shares(cell.features_key, [(s.prefix, s.key) for s in cell.shares])
    outcome = cell.task.part.evaluate(features, table, cell.seed)
    return Evaluated(outcome, len(table))


def aligned(cell: Cell, table: pd.DataFrame) -> Features:
    """The stored features in the order of the table's rows."""
    parts = [(share.prefix, *read_features(share.key)) for share in cell.shares]
    rows = _rows(parts, list(table["image"]))
    reference = _rows(parts, list(table["reference"])) if "reference" in table else None
    return Features(rows, reference, cell.gives, cell.extractor.part.higher_is_better)


def _rows(parts: list[tuple[str, list[str], np.ndarray]], images: list[str]) -> np.ndarray:
    """The features ``[len(images), *shape]``, each from the part that its id begins with."""
    rows = np.empty((len(images), *parts[0][2].shape[1:]), np.float32)
    found = np.zeros(len(images), bool)
    for prefix, ids, values in parts:
        place = {prefix + image: i for i, image in enumerate(ids)}
        at = [i for i, image in enumerate(images) if image in place]
        rows[at] = values[[place[images[i]] for i in at]]
        found[at] = True
    if not found.all():
        first = images[int(np.flatnonzero(~found)[0])]
        raise DataError(f"the stored features lack image {first!r}; remove them and run again")
    return rows
