"""Every score again, from the predictions beside the record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import BenchbenchError
from benchbench.identity import digest
from benchbench.names import Selector
from benchbench.records import Record, ScoreEntry
from benchbench.registry import registry
from benchbench.trust import seal
from benchbench.verification.data import Data, Here
from benchbench.verification.naming import ANEW
from benchbench.verification.problem import Problem, Words

if TYPE_CHECKING:
    import pandas as pd

    from benchbench.interfaces import Score, Task

TOLERANCE = 1e-6
"""Of a score, as a share of it where it is above 1: processors sum in different orders."""
COLUMNS = ["image", "split", "group", "target", "prediction"]
WITHHELD = ["digest", "split", "prediction"]
"""The columns of predictions whose labels may not be passed on."""


@dataclass
class Scores:
    """Checks records' predictions. ``sheets`` remembers what each dataset, task and seed was seen
    to test: the same images with the same targets for every method."""

    data: Data
    sheets: dict[str, tuple[str, Path]] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)
    recomputed: bool = False

    def check(self, record: Record, file: Path, predictions: Path) -> Iterator[Problem]:
        """What is wrong; afterwards ``recomputed`` says whether every score was computed again."""
        self.says, self.recomputed = [], False
        if seal(predictions) != record.predictions:
            yield Problem(predictions, "digest", record.predictions, seal(predictions),
                          "put the file there that belongs to the record")
            return
        if record.status != "ok":
            if record.scores and record.predictions is None:
                yield Problem(file, "scores", Words("none without predictions"),
                              sorted(record.scores), ANEW)
            return
        if record.predictions is None:
            yield Problem(file, "predictions", Words("a digest, since the status is ok"), None,
                          ANEW)
            return
        import pandas as pd

        try:
            found = pd.read_parquet(predictions)
        except Exception as error:  # whatever a damaged or made-up file brings about
            yield Problem(predictions, "file", Words("parquet"),
                          Words(f"{type(error).__name__}: {error}"), ANEW)
            return
        problems = [*_shape(record, predictions, found)]
        yield from problems
        if not problems:
            yield from self._scored(record, file, predictions, found)

    def _sheet(self, record: Record, file: Path, found: pd.DataFrame) -> Iterator[Problem]:
        """Without the data: what is tested is what all records of this dataset, task and seed
        test."""
        identity = record.identity
        key = digest([identity["dataset"], identity["task"], identity["seed"]])
        own = _digest(found.drop(columns="prediction"))
        expected, first = self.sheets.setdefault(key, (own, file))
        if own != expected:
            yield Problem(file, "what is tested", Words(f"as in {first.name}"), Words("other rows"),
                          "images, splits and targets of one dataset, task and seed are the same "
                          f"for every method; {ANEW}")

    def _scored(
        self, record: Record, file: Path, predictions: Path, found: pd.DataFrame
    ) -> Iterator[Problem]:
        task = _task(record)
        if isinstance(task, str):
            self.says.append(task)
            return
        if list(task.metrics) != record.task.metrics:
            yield Problem(file, "task.metrics", list(task.metrics), record.task.metrics, ANEW)
            return
        here = self.data.here(record.dataset)
        if here is not None and here.fingerprint == record.dataset.fingerprint:
            problem, found = _joined(record, predictions, found, here, task)
            if problem is not None:
                yield problem
                return
        else:
            others = [*self._sheet(record, predictions, found)]
            yield from others
            if list(found.columns) == WITHHELD:
                self.says.append(f"targets absent: {record.dataset.name} is not here; "
                                 "give --data-root")
            if others or list(found.columns) == WITHHELD:
                return
        try:
            scores = task.score(found, record.seed)
        except Exception as error:  # the task's own, on a file that somebody made up
            yield Problem(predictions, "predictions", Words("what the task can score"),
                          Words(f"{type(error).__name__}: {error}"), ANEW)
            return
        problems = [*compare(file, scores, record.scores, TOLERANCE)]
        yield from problems
        self.recomputed = not problems


def _shape(record: Record, file: Path, found: pd.DataFrame) -> Iterator[Problem]:
    """The columns, and as many finite predictions as the record says that images are tested."""
    import numpy as np

    columns, data = list(found.columns), record.dataset
    expected = COLUMNS if data.share_labels else WITHHELD
    missing = [name for name in expected if name not in columns]
    if missing or (not data.share_labels and columns != WITHHELD):
        rule = "at least " if data.share_labels else "the labels may not be passed on: only "
        yield Problem(file, "columns", Words(rule + ", ".join(expected)), columns,
                      "lay the run out again with `benchbench submit`")
        return
    try:
        finite = np.isfinite(found["prediction"].to_numpy(float))
    except (TypeError, ValueError):
        finite = np.zeros(len(found), bool)
    if not finite.all():
        yield Problem(file, "prediction", Words("finite numbers"),
                      Words(f"{int((~finite).sum())} of {len(finite)} that are none"), ANEW)
    if not data.n_scored == data.n_tested <= data.n:
        yield Problem(file, "n scored", Words(f"the {data.n_tested} tested of {data.n} images"),
                      data.n_scored, ANEW)
    if data.share_labels:
        images = int(found["image"].nunique())
    else:  # the same picture may stand in the table twice, so that digests are too few to count
        images = int(found.groupby("split").size().max()) if found["split"].nunique() == 1 else (
            data.n_scored)
    if images != data.n_scored:
        yield Problem(file, "images with a prediction", data.n_scored, images,
                      f"the record's n_scored says otherwise; {ANEW}")


def _task(record: Record) -> Task | str:
    """The task with all its parameters, or why the scores cannot be computed again here."""
    known = record.identity["task"]
    params = {key: str(value) for key, value in known["params"].items()}
    try:
        made = registry().make("task", Selector(record.task.name, params))
    except BenchbenchError as error:
        return f"not recomputed: {error}"
    if made.identity["version"] != known["version"]:
        return (f"not recomputed: made with version {known['version']} of task {record.task.name}, "
                f"here is {made.identity['version']}")
    task: Task = made.part
    return task


def _joined(
    record: Record, file: Path, found: pd.DataFrame, here: Here, task: Task
) -> tuple[Problem | None, pd.DataFrame]:
    """The predictions with the targets of the data that are here; a problem where the file asks
    other images or holds other targets."""
    import numpy as np

    asked = task.tested(here.table(), record.seed)
    if list(found.columns) == WITHHELD:
        digests = image_digests(here.part, list(asked["image"]))
        own, theirs = asked[["split"]].assign(digest=digests), found[["digest", "split"]]
    else:
        own, theirs = asked, found.drop(columns="prediction")
    own = own[[name for name in theirs.columns if name in own]]
    if list(own.columns) != list(theirs.columns) or len(own) != len(theirs):
        return Problem(file, "what is tested", Words(f"{len(own)} rows of {list(own)}"),
                       Words(f"{len(theirs)} rows of {list(theirs)}"), ANEW), found
    for name in own:
        row = np.flatnonzero(own[name].to_numpy() != theirs[name].to_numpy())
        if len(row):
            at = int(row[0])
            return Problem(file, f"{name} in row {at + 1}", own[name].tolist()[at],
                           theirs[name].tolist()[at], f"the dataset says otherwise; {ANEW}"), found
    return None, asked.assign(prediction=found["prediction"].to_numpy())


def image_digests(dataset: Any, images: list[str]) -> list[str]:
    """Digest of each image's content, as ``inspect`` gives it."""
    distinct = list(dict.fromkeys(images))
    facts = dict(zip(distinct, dataset.inspect(distinct), strict=True))
    return [facts[image].digest for image in images]


def compare(
    file: Path, computed: dict[str, Score], recorded: dict[str, ScoreEntry], tolerance: float,
    do: str = f"it does not follow from the predictions; {ANEW}",
) -> Iterator[Problem]:
    """Scores that differ by more than the tolerance, and whatever else is said of them."""
    for name in dict.fromkeys([*computed, *recorded]):
        here, there = computed.get(name), recorded.get(name)
        if here is None or there is None:
            yield Problem(file, f"score {name}", Words("none" if here is None else "a value"),
                          Words("a value" if here is None else "none"), do)
            continue
        for part in ("value", "ci95", "higher_is_better", "reliable", "mapping", "note"):
            expected, found = getattr(here, part), getattr(there, part)
            if not _alike(expected, found, tolerance):
                what = f"score {name}" if part == "value" else f"score {name}: {part}"
                yield Problem(file, what, expected, found, do)
                break


def _alike(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isfinite(a) and abs(a - b) <= tolerance * max(1.0, abs(a))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return all(_alike(x, y, tolerance) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _digest(sheet: pd.DataFrame) -> str:
    import hashlib

    import pandas as pd

    rows = pd.util.hash_pandas_object(sheet, index=False).to_numpy()
    return hashlib.sha256(f"{list(sheet.columns)}".encode() + rows.tobytes()).hexdigest()
