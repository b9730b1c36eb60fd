"""What a sweep is asked for and what it answers: plain data, so that a run of stored cells needs
no torch."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchbench.cells import Feature
from benchbench.records import CostEntry


@dataclass(frozen=True, slots=True)
class Job:
    """One extractor's share of a sweep: where its rows go."""

    key: str
    feature: Feature
    metadata: Mapping[str, str]


@dataclass(slots=True)
class Failure:
    """Why an extractor ended early."""

    status: str
    reason: str
    traceback: str | None = None

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """The failure that an exception is."""
        return cls("failed", f"{type(error).__name__}: {error}",
                   "".join(traceback.format_exception(error)))


@dataclass(slots=True)
class SweepResult:
    """How the sweep went: failures by job key, and what it cost."""

    failures: dict[str, Failure] = field(default_factory=dict)
    seconds: float = 0.0
    images: int = 0
    batch_size: int = 0
    oom_retries: int = 0
    peak_memory_mb: float = 0.0

    def cost(self) -> CostEntry:
        """The cost as a record has it."""
        if not self.images:
            return CostEntry(oom_retries=self.oom_retries)
        return CostEntry(
            extract_s=round(self.seconds, 4),
            images_per_s=round(self.images / self.seconds, 3) if self.seconds else None,
            peak_memory_mb=round(self.peak_memory_mb, 1), batch_size=self.batch_size,
            oom_retries=self.oom_retries,
        )
