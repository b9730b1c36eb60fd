"""``benchbench verify``"""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchbench.cli.options import environment_options

SHOWN = 5


@click.command("verify")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--accepted", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of what was accepted before: nothing there may change.")
@click.option("--rerun", type=click.IntRange(min=1), default=None,
              help="Run so many of the cheapest cells again and compare every score.")
@click.option("--write", is_flag=True,
              help="Write what is confirmed to trust.json and fingerprints.json.")
@environment_options
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[Path, ...], accepted: Path | None, rerun: int | None,
    write: bool,
) -> None:
    """Check the records below PATHS: schema, ids, names, data, and that every score follows from
    its predictions.

    A line for each problem, and exit code 1 where there is one. Nothing that a record holds is
    executed. Predictions without labels are joined with the targets from --data-root.
    """
    from collections import Counter

    from benchbench.verification.problem import printable
    from benchbench.verification.verify import verify

    found = verify(paths, accepted=accepted, again=rerun or 0, write=write,
                   in_ci=os.environ.get("CI") == "true")
    for problem in found.problems:
        click.echo(printable(problem))
    for text, cells in found.says.items():
        more = "…" if len(cells) > SHOWN else ""
        click.echo(printable(
            f"{len(cells)} of {found.records}: {text} ({', '.join(cells[:SHOWN])}{more})"))
    trusted = Counter(entry.trust for entry in found.confirmed.values())
    told = [f"{n} {level}" for level, n in trusted.items()]
    told.append(f"{len(found.problems)} problem{'s' * (len(found.problems) != 1)}")
    click.echo(f"{found.records} records: {', '.join(told)}")
    if write and found.problems:
        click.echo("nothing written while there are problems")
    ctx.exit(1 if found.problems else 0)
