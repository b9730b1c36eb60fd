"""Which differences within a board are real: letters and rank intervals from the predictions.

All methods of a board are compared on the same resamples of its groups. Every score is taken anew
from the predictions that lie beside the records. What was found is a function of the contents of
those files, and is kept in the store under their digests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import store
from benchbench.errors import DataError
from benchbench.identity import code_digest, digest, file_digest
from benchbench.report.spread import spread

if TYPE_CHECKING:
    from benchbench.records import Record
    from benchbench.report.results import Entry

OOD = ("auroc", "accuracy")
METRICS = ("srocc", "krocc", "plcc_linear", *OOD)
SHEET = ["image", "split", "group", "target"]
TYPED = ["distortion", "level"]
"""The further columns that make the test sets of the task ``ood``."""
CLOSE = 1e-6
"""A score that is further from the one of its predictions is made in another way."""
MANY_GROUPS = 20
"""Under this many groups the statistics give no letters, so that none are computed."""
MANY_BOARDS = 16
"""So many boards are computed in one process: a second one takes a second to start."""
TOGETHER = 20_000
"""Up to so many rows times groups, all methods at once cost less than one after the other."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A row's letters (rows that share one cannot be told apart) and its interval of ranks."""

    letters: str
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks of a board's rows by cell id, and what there is to say about rows without."""

    by_cell: Mapping[str, Rank]
    notes: tuple[str, ...] = ()


def rank(tables: Iterable[Sequence[Entry]], processes: int = 1) -> list[Ranks]:
    """The ranks of each board's rows; none where there are too few groups.

    Rows without predictions or a score, those of further seeds, and those tested on other rows or
    targets than most take no part. With more than one of ``processes``, what the store does not
    hold is computed in so many of them, where it is much.
    """
    jobs = [_job(entries) for entries in tables]
    kept = {job: store.read_json("ranks", job.key) for job in jobs if job is not None}
    missing = [job for job, found in kept.items() if found is None]
    made = spread(_compute, missing, processes if len(missing) > MANY_BOARDS else 1)
    kept.update(zip(missing, made, strict=True))
    return [_ranks(kept[job]) if job is not None else Ranks({}) for job in jobs]


@dataclass(frozen=True, slots=True)
class _Job:
    """One board's files of predictions and scores by cell, and the key of what is found in them."""

    metric: str
    seed: int
    files: tuple[tuple[str, Path, float | None], ...]
    key: str


def _job(entries: Sequence[Entry]) -> _Job | None:
    usable = [
        e for e in entries
        if e.record.status == "ok" and e.predictions is not None and e.record.task.metrics
        and e.record.task.metrics[0] in METRICS
    ]
    first_seed = min((e.record.seed for e in usable), default=0)
    usable = sorted((e for e in usable if e.record.seed == first_seed),
                    key=lambda e: e.record.cell)
    if len(usable) < 2 or not any(e.record.dataset.groups >= MANY_GROUPS for e in usable):
        return None
    metric = usable[0].record.task.metrics[0]
    files = tuple((e.record.cell, e.predictions, _value(e.record)) for e in usable
                  if e.predictions is not None)
    parts = [[cell, file_digest(path), value] for cell, path, value in files]
    key = digest([metric, first_seed, parts, code_digest(Path(__file__)), _statistics()])
    return _Job(metric, first_seed, files, key)


def _value(record: Record) -> float | None:
    score = record.scores.get(record.task.metrics[0]) if record.task.metrics else None
    return score.value if score is not None else None


def _compute(job: _Job) -> dict[str, Any]:
    found = _rank(job, {cell: _read(path, job.metric) for cell, path, _ in job.files})
    with contextlib.suppress(OSError):  # a store that cannot be written only costs time
        store.write_json("ranks", job.key, found)
    return found


def _ranks(found: dict[str, Any] | None) -> Ranks:
    assert found is not None
    return Ranks({cell: Rank(*each) for cell, each in found["ranks"].items()},
                 tuple(found["notes"]))


def _rank(job: _Job, given: Mapping[str, Any]) -> dict[str, Any]:
    from benchbench.statistics.comparison import compare_resamples

    metric = job.metric
    tables = {cell: table for cell, table in given.items() if table is not None}
    withheld = len(given) - len(tables)
    notes = []
    if withheld:
        notes.append(f"No ties and ranks of {withheld} rows: the labels may not be passed on, and "
                     "without them the predictions cannot be compared.")
    same = _alike(tables)
    if len(same) < len(tables):
        notes.append(f"No ties and ranks of {len(tables) - len(same)} rows: they were tested on "
                     "other rows or targets than the others.")
    if len(same) < 2 or not _known(tables[same[0]], metric):
        return {"ranks": {}, "notes": notes}
    resamples = _resampled({cell: tables[cell] for cell in same}, metric, job.seed)
    points = {cell: _median(r.scores[metric]) for cell, r in resamples.items()}
    if metric in OOD:
        scores = {cell: value for cell, _, value in job.files if value is not None}
        other = [cell for cell in same
                 if cell in scores and not abs(points[cell] - scores[cell]) <= CLOSE]
        points = {cell: points[cell] for cell in same if cell in scores and cell not in other}
        resamples = {cell: resamples[cell] for cell in points}
        if other:
            notes.append(f"No ties and ranks of {len(other)} rows: their scores are not those of "
                         "their predictions.")
        if len(points) < 2:
            return {"ranks": {}, "notes": notes}
    found = compare_resamples(
        {cell: r.medians[metric] for cell, r in resamples.items()}, points,
        n_groups=next(iter(resamples.values())).n_groups,
    )
    return {"ranks": {cell: [letters, *found.rank_interval[cell]]
                      for cell, letters in found.letters.items()}, "notes": notes}


def _known(table: Any, metric: str) -> bool:
    """Whether the columns say how the metric is made: others than ``ood`` have an accuracy too."""
    return metric not in OOD or set(TYPED) <= set(table.column_names)


def _read(path: Path, metric: str) -> Any:
    """The columns that a comparison needs, or None where the labels were withheld.

    Raises ``DataError`` that names the path where it is no file of predictions.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if "target" not in file.schema_arrow.names:
            return None
        typed = [name for name in TYPED if metric in OOD and name in file.schema_arrow.names]
        columns = [*SHEET, *typed, "prediction"]
        return file.read(columns, use_threads=False).select(columns)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(f"predictions {path}: cannot be read ({error}); put the file there that "
                        "belongs to the record, or run the cell again") from error


def _alike(tables: Mapping[str, Any]) -> list[str]:
    """The cells whose rows and targets are those of most; of the first where two are as many."""
    kinds: list[tuple[Any, list[str]]] = []
    for cell, table in tables.items():
        sheet = table.drop_columns(["prediction"])
        for other, cells in kinds:
            if sheet.equals(other):
                cells.append(cell)
                break
        else:
            kinds.append((sheet, [cell]))
    return max((cells for _, cells in kinds), key=len, default=[])


def _resampled(tables: Mapping[str, Any], metric: str, seed: int) -> dict[str, Any]:
    """The metric over resampled groups, of tables that differ in nothing but predictions."""
    import numpy as np

    from benchbench.statistics.bootstrap import resample_splits
    from benchbench.statistics.splits import Split
    from benchbench.statistics.together import resample_together

    first = next(iter(tables.values()))
    target = first["target"].to_numpy().astype(float)
    groups = np.array(first["group"].cast("string").to_pylist())
    number = first["split"].to_numpy()
    tested = [np.flatnonzero(number == each) for each in np.unique(number)]
    values = {cell: table["prediction"].to_numpy().astype(float)
              for cell, table in tables.items()}
    if metric in OOD:
        return _conditions(first, values, target, groups, len(tested), metric, seed)
    if metric == "srocc" and max(map(len, tested)) * len(np.unique(groups)) <= TOGETHER:
        return {**resample_together(values, target, groups, tested)}
    splits = [Split(rows[:0], rows, (), ()) for rows in tested]
    return {cell: resample_splits([each[rows] for rows in tested], splits, target, groups,
                                  metrics=[metric])
            for cell, each in values.items()}


def _conditions(
    sheet: Any, values: Mapping[str, Any], target: Any, groups: Any, runs: int, metric: str,
    seed: int,
) -> dict[str, Any]:
    """The same for the task ``ood``, whose runs follow each other and have the same rows."""
    import numpy as np

    from benchbench.statistics.ood_conditions import balanced
    from benchbench.statistics.ood_together import resample_conditions

    n = len(target) // runs
    names, kinds, levels = (np.array(sheet[name][:n].cast("string").to_pylist())
                            for name in ("image", *TYPED))
    outlier = target[:n] == 1
    scores = {cell: each.reshape(runs, n) for cell, each in values.items()}
    return {**resample_conditions(scores, outlier, groups[:n],
                                  balanced(names, outlier, kinds, levels, seed), metric=metric)}


def resampled(path: Path, metric: str, seed: int = 0) -> Any:
    """The metric over resampled groups, from a file of predictions: each split's score is taken
    on its own resampled test groups, the median over splits is what is compared; of the task
    ``ood`` the mean over its test sets, which it drew by ``seed``. None where the labels were
    withheld, and where the columns do not say how the metric is made."""
    table = _read(path, metric)
    if table is None or not _known(table, metric):
        return None
    return _resampled({"": table}, metric, seed)[""]


def noise(records: Sequence[Record]) -> list[str]:
    """The noise floor of a table: how far one cell moves over seeds and split draws."""
    from benchbench.statistics.comparison import noise_floor

    by_method: dict[str, dict[int, float]] = {}
    for record in records:
        score = record.scores.get(record.task.metrics[0]) if record.task.metrics else None
        if score is not None and score.value is not None:
            name = str({k: v for k, v in record.identity.items() if k != "seed"})
            by_method.setdefault(name, {})[record.seed] = score.value
    floors = [noise_floor(list(v.values())) for v in by_method.values() if len(v) > 1]
    widest = max((f.value for f in floors if f.value is not None), default=None)
    if widest is None:
        return []
    seeds = max(len(v) for v in by_method.values())
    return [f"noise floor: the same cell moves by up to {widest:.3f} (standard deviation over "
            f"{seeds} seeds); smaller differences mean nothing."]


def _statistics() -> str:
    from benchbench import statistics

    return code_digest(Path(statistics.__file__).parent)


def _median(values: Any) -> float:
    import numpy as np

    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
