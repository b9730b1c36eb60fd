"""The one model that every table is made from: boards of rows.

A board is one task, protocol and task version on the same images and labels. Rows of different
boards are never ranked together, and no mean is taken over them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % interval; ``note`` says why there is no value or no interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reliable: bool = True
    note: str | None = None
    higher_is_better: bool = True


@dataclass(slots=True)
class Row:
    """One method. A published row has no cell, only ``source`` and what was published of it.

    ``backbone`` ends with ``*`` where it was fitted on the pictures that it is tested on.
    ``letters`` are shared by rows that cannot be told apart; ``rank`` is the interval of ranks.
    ``record`` is the path of the record, relative to the folder of the tables, or empty.
    ``predictions`` is the file of predictions, where there is one. ``peak_memory_mb`` is in MB.
    """

    cell: str | None
    extractor: str
    backbone: str
    seed: int
    control: bool
    status: str
    reason: str | None
    scores: dict[str, Estimate]
    letters: str = ""
    rank: tuple[int, int] | None = None
    n: int = 0
    n_scored: int = 0
    images_per_s: float | None = None
    peak_memory_mb: float | None = None
    width: int | None = None
    parameters: int | None = None
    trust: str = ""
    date: str = ""
    record: str = ""
    command: str = ""
    published: bool = False
    source: str = ""
    predictions: Path | None = None


@dataclass(slots=True)
class Board:
    """One table. ``page`` is the name of its task's page, ``metrics`` begins with the primary one.

    ``command`` makes all its rows. ``n`` images of ``n_official`` lie in ``groups`` groups.
    An archived board holds an older version of its task, or rows that were superseded.
    """

    slug: str
    task: str
    dataset: str
    mode: str
    version: str
    score_kind: str | None
    metrics: tuple[str, ...]
    about: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    archived: bool = False
    page: str = ""
    command: str = ""
    n: int = 0
    n_official: int | None = None
    groups: int = 0

    @property
    def title(self) -> str:
        return " · ".join(filter(None, (self.task, self.dataset, self.mode)))
