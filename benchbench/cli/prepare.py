"""``benchbench prepare``"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchbench.cli.options import environment_options


@click.command("prepare")
@click.argument("datasets", nargs=-1, required=True, metavar="NAMES...")
@click.option("--quick", is_flag=True, help="Count the files, do not open the images.")
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path),
              help="Write a sheet of its pictures to this .png file.")
@environment_options
@click.pass_context
def command(ctx: click.Context, datasets: tuple[str, ...], quick: bool, sheet: Path | None) -> None:
    """Fetch and check datasets, or say where to ask for them and what to put where.

    A backbone's name fits it; with --sheet, what its weights look like is drawn. The only command
    that uses the network. Exit code 1 where a dataset is not complete.
    """
    from benchbench.catalogue import make_dataset
    from benchbench.cli.display import Display
    from benchbench.errors import UsageError
    from benchbench.names import parse
    from benchbench.prepare import fit, prepare
    from benchbench.registry import registry

    if sheet is not None and len(datasets) > 1:
        raise UsageError("prepare --sheet: one dataset a sheet; call it once for each")
    selectors = [parse(name) for name in datasets]
    reg = registry()
    backbones = [reg.make("backbone", selector).part for selector in selectors
                 if selector.name in reg.entries["backbone"]]
    made = [make_dataset(selector).part for selector in selectors
            if selector.name not in reg.entries["backbone"]]
    complete = True
    with Display(sys.stderr) as display:
        for backbone in backbones:
            fit(backbone, sheet, display.say)
        for dataset in made:
            complete &= prepare(dataset, quick, display.say)
            if sheet is not None:
                from benchbench.sheet import contact_sheet

                rows, columns = contact_sheet(dataset, sheet)
                display.say(f"{sheet}: {rows} rows of {columns}")
    ctx.exit(0 if complete else 1)
