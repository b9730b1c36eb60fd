"""``benchbench submit``"""

from __future__ import annotations

from pathlib import Path

import click

from benchbench.cli.options import environment_options


@click.command("submit")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--cell", default="", help="Only this cell: its id or the first digits.")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), show_default=True,
              default="leaderboard/results", help="Folder of the accepted records.")
@environment_options
@click.pass_context
def command(ctx: click.Context, runs: tuple[Path, ...], cell: str, to: Path) -> None:
    """Lay the records of RUNS out among the accepted ones, for a pull request.

    Paths of this machine are taken out; labels too, where they may not be passed on. What was
    accepted is never overwritten. Skipped cells are left out.
    """
    from benchbench.submit import submit

    done = submit(runs, to, cell)
    for line in done.refused:
        click.echo(f"refused: {line}")
    for status, n in sorted(done.left.items()):
        click.echo(f"left out: {n} {status}")
    click.echo(f"{len(done.new)} new, {len(done.same)} there already, {len(done.refused)} refused "
               f"in {to}")
    ctx.exit(1 if done.refused else 0)
