"""Which differences within a table are real: letters and rank intervals from the predictions.

All methods of a table are compared on the same resamples of its groups. Every score is taken anew
from the predictions that lie beside the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbench.records import Record

METRICS = ("srocc", "krocc", "plcc_linear")
MANY_GROUPS = 20
"""Under this many groups the statistics give no letters, so that none are computed."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A row's letters (rows that share one cannot be told apart) and its interval of ranks."""

    letters: str
    lowest: int
    highest: int


def rank(records: Sequence[Record], folder: Path) -> dict[str, Rank]:
    """The ranks of one table's rows by cell id; empty where there are too few groups for any.

    ``folder`` holds the predictions, ``<cell id>.parquet``. Rows without predictions, and those of
    further seeds, take no part.
    """
    if not any(r.dataset.groups >= MANY_GROUPS for r in records):
        return {}
    usable = [
        r for r in records
        if r.status == "ok" and r.task.metrics and r.task.metrics[0] in METRICS
        and (folder / f"{r.cell}.parquet").is_file()
    ]
    first_seed = min((r.seed for r in usable), default=0)
    usable = [r for r in usable if r.seed == first_seed]
    if len(usable) < 2:
        return {}
    from benchbench.statistics.comparison import compare_resamples

    metric = usable[0].task.metrics[0]
    resamples = {r.cell: resampled(folder / f"{r.cell}.parquet", metric) for r in usable}
    sizes = {found.n_groups for found in resamples.values()}
    if len(sizes) != 1:
        return {}
    found = compare_resamples(
        {cell: r.medians[metric] for cell, r in resamples.items()},
        {cell: _median(r.scores[metric]) for cell, r in resamples.items()},
        n_groups=sizes.pop(),
    )
    return {cell: Rank(letters, *found.rank_interval[cell])
            for cell, letters in found.letters.items()}


def resampled(path: Path, metric: str) -> Any:
    """The metric over resampled groups, from a file of predictions: each split's score is taken
    on its own resampled test groups, the median over splits is what is compared."""
    import numpy as np
    import pandas as pd

    from benchbench.statistics.bootstrap import resample_splits
    from benchbench.statistics.splits import Split

    table = pd.read_parquet(path)
    rows = np.arange(len(table))
    splits = [Split(rows[:0], rows[(table["split"] == number).to_numpy()], (), ())
              for number in sorted(table["split"].unique())]
    values = table["prediction"].to_numpy(float)
    return resample_splits(
        [values[split.test] for split in splits], splits, table["target"].to_numpy(float),
        table["group"].astype(str).to_numpy(), metrics=[metric])


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


def _median(values: Any) -> float:
    import numpy as np

    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
