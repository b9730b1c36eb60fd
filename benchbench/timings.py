"""What sweeps took: the speed of a dataset and a backbone, and the cost of stored features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchbench.cells import Cell, Sweep
from benchbench.identity import digest
from benchbench.records import CostEntry
from benchbench.store import read_json, write_json


def known_speed(sweep: Sweep) -> dict[str, float]:
    """Images a second of the last such sweep on each device; empty before the first."""
    return dict(read_json("timings", _key(sweep)) or {})


def remember_speed(sweep: Sweep, device: str, images_per_s: float) -> None:
    write_json("timings", _key(sweep), {**known_speed(sweep), device: images_per_s})


def known_sweep(cell: Cell) -> tuple[CostEntry, list[str]]:
    """What the sweeps cost, one after the other, that made the cell's stored features, and what
    they had to say; nothing where an entry is gone."""
    kept = [read_json("sweeps", share.key) for share in cell.shares]
    if not kept or None in kept:
        return CostEntry(), []
    entries = [entry for entry in kept if entry is not None]
    notes = list(dict.fromkeys(note for entry in entries for note in entry["notes"]))
    return joint_cost([CostEntry.model_validate(entry["cost"]) for entry in entries]), notes


def joint_cost(costs: Sequence[CostEntry]) -> CostEntry:
    """What several sweeps cost together: their times and retries added, the largest of the rest."""
    if len(costs) == 1:
        return costs[0]

    def largest(name: str) -> Any:
        return max((v for cost in costs if (v := getattr(cost, name)) is not None), default=None)

    known = [c for c in costs if c.extract_s is not None and c.images_per_s is not None]
    seconds = round(sum(c.extract_s or 0 for c in known), 4)
    images = sum((c.extract_s or 0) * (c.images_per_s or 0) for c in known)
    return CostEntry(
        extract_s=seconds if known else None,
        images_per_s=round(images / seconds, 3) if seconds else None,
        peak_memory_mb=largest("peak_memory_mb"), batch_size=largest("batch_size"),
        oom_retries=sum(c.oom_retries or 0 for c in costs),
    )


def remember_sweep(features: str, cost: CostEntry, notes: list[str]) -> None:
    write_json("sweeps", features, {"cost": cost.model_dump(), "notes": notes})


def _key(sweep: Sweep) -> str:
    return digest([sweep.lens.made.identity, sweep.source.facts.images])
