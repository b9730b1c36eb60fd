"""Ridge regression in every training part of every split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchbench.statistics.regressor import Floats, Folds, Rows
from benchbench.statistics.ridge_parts import Part, Table
from benchbench.statistics.ridge_solve import solve_all, solve_one
from benchbench.statistics.splits import Split


@dataclass(frozen=True, slots=True, eq=False)
class Outer:
    """The training part of a split, and its Gram matrix where it has no more features than rows."""

    part: Part
    gram: Floats | None


class RidgeSolver:
    """Fits every training part of every split once, shared parts included."""

    def __init__(self, table: Table, penalties: Floats, device: str | None) -> None:
        self.table = table
        self.penalties = penalties
        self.backend: Any = None
        if device is not None:
            from benchbench.statistics.ridge_torch import TorchBackend

            self.backend = TorchBackend(table, device)

    def run(self, splits: Sequence[Split], folds: Sequence[Folds]) -> tuple[list[Floats], Floats]:
        """Predictions and chosen penalties of all splits."""
        # A training part that several splits share is solved once and kept until its last use.
        waiting: dict[bytes, list[Rows]] = {}
        uses: Counter[bytes] = Counter()
        for found in folds:
            for fit, held in found:
                waiting.setdefault(fit.tobytes(), []).append(held)
                uses[fit.tobytes()] += 1
        errors: dict[bytes, tuple[Rows, Floats]] = {}
        predictions, chosen = [], np.empty(len(splits))
        for number, (split, found) in enumerate(zip(splits, folds, strict=True)):
            outer = self._outer(split.train)
            scores = []
            for fit, held in found:
                key = fit.tobytes()
                if key not in errors:
                    rows = np.unique(np.concatenate(waiting.pop(key)))
                    errors[key] = (rows, self._squared_errors(outer, fit, held, rows))
                rows, squared = errors[key]
                scores.append(squared[np.searchsorted(rows, held)].mean(axis=0))
                uses[key] -= 1
                if not uses[key]:
                    del errors[key]
            best = int(np.argmin(np.mean(scores, axis=0))) if scores else len(self.penalties) // 2
            chosen[number] = self.penalties[best]
            predictions.append(self._refit(outer, split.test, float(chosen[number])))
        return predictions, chosen

    def _outer(self, rows: Rows) -> Outer:
        part = self.table.part(rows)
        by_features = self.backend is None and self.table.d <= len(rows)
        return Outer(part, self.table.gram(part) if by_features else None)

    def _squared_errors(self, outer: Outer, fit: Rows, held: Rows, rows: Rows) -> Floats:
        """Squared errors `[rows, penalties]` of the model fitted on the rows `fit`."""
        table, part = self.table, self.table.part(fit)
        if self.backend is not None:
            guess = self.backend.predict(part, self.backend.weights(part, self.penalties), rows)
        else:
            if outer.gram is not None and table.d <= len(fit):
                gram = table.gram_within(part, outer.part, outer.gram, held)
                weights = solve_all(gram, table.cross(part), self.penalties)
            else:
                scaled, right = self._wide(part)
                weights = scaled.T @ solve_all(scaled @ scaled.T, right, self.penalties)
            guess = table.predict(part, weights, rows)
        return np.asarray((guess - table.y[rows, None]) ** 2)

    def _wide(self, part: Part) -> tuple[Floats, Floats]:
        """Standardised features and centred targets of a part with more features than rows."""
        return self.table.scaled(part), self.table.y[part.rows] - part.offset

    def _refit(self, outer: Outer, test: Rows, penalty: float) -> Floats:
        table, part = self.table, outer.part
        if self.backend is not None:
            weights = self.backend.weights(part, np.array([penalty]))
            guess = self.backend.predict(part, weights, test)
        else:
            if outer.gram is not None:
                solved = solve_one(outer.gram, table.cross(part), penalty)
            else:
                scaled, right = self._wide(part)
                solved = scaled.T @ solve_one(scaled @ scaled.T, right, penalty)
            guess = table.predict(part, solved[:, None], test)
        return np.asarray(guess[:, 0] + table.y_mean)
