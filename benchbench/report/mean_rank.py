"""The mean rank of methods over several tables, in place of a mean of scores over datasets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchbench.report.board import Board

FEWEST_TABLES = 3
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class MeanRank:
    """A method's mean rank with its 95 % interval, from 1, the best."""

    extractor: str
    backbone: str
    control: bool
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MeanRanks:
    """The methods of one task and mode, best first, and the datasets whose tables were taken."""

    task: str
    mode: str
    metric: str
    datasets: tuple[str, ...]
    methods: tuple[MeanRank, ...]


def mean_ranks(boards: Iterable[Board]) -> list[MeanRanks]:
    """Mean ranks of each task and mode with three tables or more.

    Of each dataset the table with the most images is taken. Methods are ranked among those that
    have a value in every table, by the primary metric and their first seed; equal values share the
    mean of their ranks. The interval is the percentile one of 2000 resamples of the tables, which
    are few: it says how far the choice of datasets matters, not that of images.
    """
    families: dict[tuple[str, str], dict[str, Board]] = {}
    for board in boards:
        if board.archived or not board.metrics:
            continue
        of = families.setdefault((board.task, board.mode), {})
        if board.dataset not in of or of[board.dataset].n < board.n:
            of[board.dataset] = board
    found = []
    for (task, mode), tables in sorted(families.items()):
        datasets = tuple(sorted(tables))
        metric = tables[datasets[0]].metrics[0]
        same = [name for name in datasets if tables[name].metrics[0] == metric]
        methods = _mean_ranks([tables[name] for name in same], metric)
        if methods:
            found.append(MeanRanks(task, mode, metric, tuple(same), tuple(methods)))
    return found


def _mean_ranks(tables: list[Board], metric: str) -> list[MeanRank]:
    if len(tables) < FEWEST_TABLES:
        return []
    import numpy as np
    from scipy.stats import rankdata

    values = [_values(table, metric) for table in tables]
    common = sorted(set.intersection(*(set(each) for each in values)))
    if len(common) < 2:
        return []
    # With the lowest value first, rank 1 is the best.
    ranks = np.array([rankdata([each[name] for name in common]) for each in values])
    drawn = np.random.default_rng(0).integers(len(tables), size=(RESAMPLES, len(tables)))
    low, high = np.quantile(ranks[drawn].mean(axis=1), [0.025, 0.975], axis=0,
                            method="inverted_cdf")
    means = ranks.mean(axis=0)
    made = [MeanRank(*name, float(means[i]), float(low[i]), float(high[i]))
            for i, name in enumerate(common)]
    return sorted(made, key=lambda m: (m.mean, m.extractor, m.backbone))


def _values(table: Board, metric: str) -> dict[tuple[str, str, bool], float]:
    """The metric of each method's first seed, turned so that the lowest is the best."""
    found: dict[tuple[str, str, bool], tuple[int, float]] = {}
    for row in table.rows:
        score = row.scores.get(metric)
        if row.published or row.status != "ok" or score is None or score.value is None:
            continue
        name = (row.extractor, row.backbone.rstrip("*"), row.control)
        value = -score.value if score.higher_is_better else score.value
        if name not in found or row.seed < found[name][0]:
            found[name] = row.seed, value
    return {name: value for name, (_, value) in found.items()}
