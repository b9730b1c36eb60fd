"""What sweeps took: the speed of a dataset and a backbone, and the cost of stored features."""

from __future__ import annotations

from benchbench.cells import Sweep
from benchbench.identity import digest
from benchbench.records import CostEntry
from benchbench.store import read_json, write_json


def known_speed(sweep: Sweep) -> dict[str, float]:
    """Images a second of the last such sweep on each device; empty before the first."""
    return dict(read_json("timings", _key(sweep)) or {})


def remember_speed(sweep: Sweep, device: str, images_per_s: float) -> None:
    write_json("timings", _key(sweep), {**known_speed(sweep), device: images_per_s})


def known_sweep(features: str) -> tuple[CostEntry, list[str]]:
    """What the sweep cost that made the stored features of that key, and what it had to say;
    nothing where the entry is gone."""
    kept = read_json("sweeps", features)
    if kept is None:
        return CostEntry(), []
    return CostEntry.model_validate(kept["cost"]), list(kept["notes"])


def remember_sweep(features: str, cost: CostEntry, notes: list[str]) -> None:
    write_json("sweeps", features, {"cost": cost.model_dump(), "notes": notes})


def _key(sweep: Sweep) -> str:
    return digest([sweep.lens.made.identity, sweep.source.facts.images])
