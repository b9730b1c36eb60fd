"""``benchbench run``"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from benchbench.cli.options import apply_config, make_selection, selection_options


@click.command("run")
@selection_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--out", type=click.Path(file_okay=False), default="runs", show_default=True,
              help="Folder for records, predictions and tables.")
@click.option("--retry", type=click.Choice(["never", "failed", "all"]), default="never",
              show_default=True, help="Which finished cells to compute again.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True),
              help="Seconds that one sweep or one evaluation may take.")
@click.option("--batch-size", type=click.IntRange(min=1),
              help="Images a batch; found automatically by default.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run every cell of a selection and print the table.

    What is stored is not computed again; a killed run goes on where it was.
    """
    given = apply_config(ctx, given)
    selection = make_selection(given)
    from benchbench.cli.display import Display
    from benchbench.executors.local import LocalExecutor, Options

    options = Options(
        out=Path(given["out"]), device=given["device"], retry=given["retry"],
        timeout=given["timeout"], batch_size=given["batch_size"],
        command="benchbench " + shlex.join(sys.argv[1:]),
    )
    with Display(sys.stderr) as display:
        found = LocalExecutor(options, display).run(selection)
    from benchbench.report.summary import finish

    click.echo(finish(found, Path(given["out"])))
    ctx.exit(0 if all(record.status in ("ok", "skipped") for record in found) else 1)
