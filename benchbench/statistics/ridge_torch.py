"""The linear algebra of ridge regression on a torch device, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbench.errors import DataError
from benchbench.statistics.ridge_parts import Part, Table

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


class TorchBackend:
    """Keeps the features on the device; one batched Cholesky serves all penalties of a part."""

    def __init__(self, table: Table, device: str) -> None:
        import torch

        self.torch = torch
        self.table = table
        try:
            self.device = torch.device(device)
            self.x = torch.from_numpy(table.x).to(self.device)
        except (RuntimeError, TypeError) as error:
            raise DataError(
                f"ridge: device '{device}' cannot hold the features in float64 ({error}); expected "
                "a torch device with float64 such as cpu or cuda; choose another or leave it out"
            ) from error
        self.y = torch.from_numpy(table.y).to(self.device)

    def _on_device(self, values: NDArray[Any]) -> Any:
        return self.torch.from_numpy(values).to(self.device)

    def weights(self, part: Part, penalties: Floats) -> Any:
        """Weights `[d, penalties]` of one training part, on the device."""
        torch = self.torch
        rows = self._on_device(part.rows)
        scaled = (self.x[rows] - self._on_device(part.mean)) * self._on_device(part.factor)
        target = self.y[rows] - part.offset
        wide = self.table.d > len(part.rows)
        matrix = scaled @ scaled.T if wide else scaled.T @ scaled
        right = target if wide else scaled.T @ target
        shifted = matrix.repeat(len(penalties), 1, 1)
        shifted.diagonal(dim1=1, dim2=2).add_(self._on_device(penalties)[:, None])
        factors, failed = torch.linalg.cholesky_ex(shifted)
        if bool(failed.any()):
            values, vectors = torch.linalg.eigh(matrix)
            moved = values.clamp_min(0.0)[:, None] + self._on_device(penalties)
            solved = vectors @ ((vectors.T @ right)[:, None] / moved)
        else:
            columns = right.expand(len(penalties), -1)[:, :, None]
            solved = torch.cholesky_solve(columns, factors)[:, :, 0].T
        return scaled.T @ solved if wide else solved

    def predict(self, part: Part, weights: Any, rows: Rows) -> Floats:
        """Predictions `[rows, k]`, less the set's mean target, back on the host."""
        raw = weights * self._on_device(part.factor)[:, None]
        guess = self.x[self._on_device(rows)] @ raw - self._on_device(part.mean) @ raw
        return np.asarray((guess + part.offset).cpu().numpy())
