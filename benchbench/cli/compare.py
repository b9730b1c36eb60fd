"""``benchbench compare``"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("compare")
@click.argument("run_a", type=click.Path(exists=True, file_okay=False))
@click.argument("run_b", type=click.Path(exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(run_a: str, run_b: str, as_json: bool) -> None:
    """Show what changed between two runs, method by method, on the same images.

    RUN_A and RUN_B are folders that `benchbench run --out` has written. The interval is of the
    paired difference B − A over resampled groups.
    """
    from benchbench.report.changes import changes, render

    rows = changes(Path(run_a), Path(run_b))
    click.echo(json.dumps(rows, indent=1) if as_json else render(rows))


