"""Predicted against subjective scores as the page holds them: few bytes a row, and declared.

What is drawn of a board is a function of the contents of its files of predictions, and is kept in
the store under their digests.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import statistics, store
from benchbench.identity import code_digest, digest, file_digest
from benchbench.report.spread import spread

if TYPE_CHECKING:
    from benchbench.statistics.paired import Floats

POINTS = 500
"""At most so many points a row: those whose names have the lowest SHA-256."""
CURVE = 40
"""At so many evenly spaced predictions the fitted mapping is drawn."""
LEVELS = 65_535


MANY = 100
"""Up to so many rows are fitted in one process: to start others takes a second."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn of a board: the kind of its targets, and its rows' files, None for no file."""

    kind: str | None
    files: tuple[Path | None, ...]

    def key(self) -> str:
        """The same for the same predictions and code."""
        parts = [file and file_digest(file) for file in self.files]
        return digest([self.kind, parts, code_digest(Path(__file__)),
                       code_digest(Path(statistics.__file__).parent)])


def draw(drawings: Sequence[Drawing], processes: int = 1) -> list[dict[str, Any]]:
    """``points`` and ``scatters`` of each: what ``Points`` gives for the board and for each file.

    What the store does not hold is made in so many ``processes``, where it is much.
    """
    keys = [drawing.key() for drawing in drawings]
    kept = {key: store.read_json("scatters", key) for key in keys}
    missing = {key: drawing for key, drawing in zip(keys, drawings, strict=True)
               if kept[key] is None}
    much = sum(len(drawing.files) for drawing in missing.values()) > MANY
    made = spread(_draw, missing.values(), processes if much else 1)
    for key, found in zip(missing, made, strict=True):
        kept[key] = found
        with contextlib.suppress(OSError):  # a store that cannot be written only costs time
            store.write_json("scatters", key, found)
    return [kept[key] or {} for key in keys]


def _draw(drawing: Drawing) -> dict[str, Any]:
    points = Points(drawing.kind)
    scatters = [points.of(file) for file in drawing.files]
    return {"points": points.data(), "scatters": scatters}


class Points:
    """The images and targets of one board, once for all its rows.

    A row has the points of its first split. Rows of one seed share their split, so that the places
    of its images (``sets``) are kept once for them.
    """

    def __init__(self, kind: str | None) -> None:
        self.kind = kind
        self.places: dict[str, int] = {}
        self.targets: list[float] = []
        self.sets: list[str] = []

    def of(self, predictions: Path | None) -> dict[str, Any]:
        """A row's points and fitted curve; or, under ``why``, what there is none for."""
        if predictions is None:
            return {"why": "no predictions beside the record: no scatter"}
        read = _first_split(predictions)
        if isinstance(read, str):
            return {"why": read}
        import numpy as np

        split, images, target, prediction = read
        if self.kind is None or np.unique(target).size <= 2:
            return {"why": "the targets are classes, not scores: no scatter"}
        if not (np.isfinite(prediction).all() and np.isfinite(target).all()):
            return {"why": "predictions that are not finite: no scatter"}
        chosen = sorted(range(len(images)), key=lambda i: _digest(images[i]))[:POINTS]
        for i in chosen:
            if self.places.setdefault(images[i], len(self.targets)) == len(self.targets):
                self.targets.append(float(target[i]))
        places = np.array([self.places[images[i]] for i in chosen], dtype="<u4")
        packed = base64.b64encode(places.tobytes()).decode()
        if packed not in self.sets:
            self.sets.append(packed)
        return {"set": self.sets.index(packed), "split": split, "n": len(images),
                "x": pack(prediction[chosen]), **_curve(prediction, target)}

    def data(self) -> dict[str, Any] | None:
        """What the rows' points refer to; None where no row has any."""
        if not self.sets:
            return None
        return {"images": list(self.places), "targets": pack(self.targets), "sets": self.sets}


def pack(values: Any) -> list[Any]:
    """``[lowest, highest, base64 of little-endian uint16 between them]``."""
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    low, high = float(found.min()), float(found.max())
    steps = (found - low) * (LEVELS / (high - low) if high > low else 0.0)
    text = base64.b64encode(np.rint(steps).astype("<u2").tobytes()).decode()
    return [float(f"{low:.6g}"), float(f"{high:.6g}"), text]


def _curve(prediction: Floats, target: Floats) -> dict[str, Any]:
    """The mapping that stands before PLCC, fitted to all points of the split."""
    import numpy as np

    from benchbench.statistics.mapping import fit_logistic

    try:
        fit = fit_logistic(prediction, target)
    except ValueError as error:
        return {"fit": str(error), "y": None}
    x = np.linspace(float(prediction.min()), float(prediction.max()), CURVE)
    return {"fit": fit.kind, "y": pack(fit(x))}


def _first_split(path: Path) -> tuple[int, list[str], Floats, Floats] | str:
    """Split, images, targets and predictions; or why there are none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if "target" not in file.schema_arrow.names:
            return "targets withheld: no scatter"
        names = ["image", "split", "target", "prediction"]
        table = file.read(names, use_threads=False).select(names)
        numbers = table["split"].to_numpy()
        if not len(numbers):
            return "no predictions in the file: no scatter"
        table = table.filter(pa.array(numbers == numbers.min()))
    except (OSError, KeyError, pa.ArrowException):
        return "the predictions cannot be read: no scatter"
    return (int(numbers.min()), table["image"].to_pylist(),
            table["target"].to_numpy().astype(float), table["prediction"].to_numpy().astype(float))


@cache
def _digest(image: str) -> bytes:
    return hashlib.sha256(image.encode()).digest()
