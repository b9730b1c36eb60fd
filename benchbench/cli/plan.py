"""``benchbench plan``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchbench.cli.options import apply_config, make_selection, selection_options

if TYPE_CHECKING:
    from benchbench.cells import Cell, Plan, Share


@click.command("plan")
@selection_options
@click.option("--out", type=click.Path(file_okay=False), default="runs", show_default=True,
              help="Where records of earlier runs lie.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Show what would run, what is stored, what is skipped and why; time and disk."""
    given = apply_config(ctx, given)
    import logging

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from benchbench.plan import make_plan

    plan = make_plan(make_selection(given))
    rows = [_row(cell, Path(given["out"])) for cell in plan.cells]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    from benchbench.cli.list import _table

    shown = [{k: row[k] for k in ("cell", "state", "extractor", "backbone", "dataset", "task")}
             for row in rows]
    click.echo(_table(shown))
    for row in rows:
        if row["reason"]:
            click.echo(f"  {row['cell']} skipped: {row['reason']}")
    click.echo(_bill(plan, rows))


def _row(cell: Cell, out: Path) -> dict[str, Any]:
    state = "skipped" if cell.reason else _state(cell, out)
    return {
        "cell": cell.id, "state": state, "reason": cell.reason,
        "extractor": str(cell.extractor.selector) + (" (control)" if cell.control else ""),
        "backbone": str(cell.lens.made.selector), "dataset": str(cell.source.made.selector),
        "task": str(cell.task.selector), "seed": cell.seed,
        "shape": list(cell.feature.shape) if cell.feature else None,
        "feature_bytes": cell.feature_bytes, "features": cell.features_key,
    }


def _state(cell: Cell, out: Path) -> str:
    try:
        status = json.loads((out / "cells" / f"{cell.id}.json").read_text("utf-8"))["status"]
    except (OSError, ValueError, KeyError, TypeError):
        status = None
    if status == "ok":
        return "done"
    return "sweep" if any(_missing(share) for share in cell.shares) else "evaluate"


def _missing(share: Share) -> bool:
    """Whether the store lacks it; without numpy, which reading features needs."""
    from benchbench.store import store_root

    return not (store_root() / "features" / f"{share.key}.safetensors").is_file()


def _bill(plan: Plan, rows: list[dict[str, Any]]) -> str:
    todo = [cell for cell, row in zip(plan.cells, rows, strict=True) if row["state"] == "sweep"]
    made = {share.key: share.bytes for c in todo for share in c.shares if _missing(share)}
    sweeps = [sweep for sweep in plan.sweeps(todo) if any(s.key in made for s in sweep.shares)]
    counts = {state: sum(row["state"] == state for row in rows)
              for state in ("done", "evaluate", "sweep", "skipped")}
    said = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    lines = [f"{len(rows)} cells: {said}"]
    for sweep in sweeps:
        lines.append(f"sweep {sweep.source.made.selector} × {sweep.lens.made.selector}: "
                     f"{sweep.source.facts.n_images} images, {_time(sweep)}")
    if todo:
        lines.append(f"disk: {sum(made.values()) / 1e6:.1f} MB of new features")
    return "\n".join(lines)


def _time(sweep: Any) -> str:
    from benchbench.timings import known_speed

    speeds = known_speed(sweep)
    if not speeds:
        return "time unknown before the first sweep"
    return ", ".join(f"about {sweep.source.facts.n_images / speed:.0f} s on {device}"
                     for device, speed in sorted(speeds.items()))
