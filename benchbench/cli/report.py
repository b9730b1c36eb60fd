"""``benchbench report``"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import click

from benchbench.cli.options import environment_options
from benchbench.errors import UsageError, nearest

FORMATS = ("md", "html", "csv", "text")
PROCESSES = 2


@click.command("report")
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@click.option("--format", "formats", default="md", show_default=True,
              help="Comma list of md, html, csv, text.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the files; without it they are printed.")
@click.option("--check", is_flag=True,
              help="Write nothing; name the files in --out that differ, and exit with 1.")
@environment_options
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[str, ...], formats: str, out: Path | None, check: bool
) -> None:
    """Write tables from the records below PATHS (default: runs).

    PATHS are folders of runs or of accepted records, or single records. The tables are
    byte-identical for the same records, in whatever order they lie on disk.
    """
    wanted = list(dict.fromkeys(formats.split(",")))
    for name in wanted:
        if name not in FORMATS:
            hint = nearest(name, FORMATS) or f"formats: {', '.join(FORMATS)}"
            raise UsageError(f"--format {name!r}: unknown; {hint}")
    if check and out is None:
        raise UsageError("--check: there is nothing to hold the tables against; give --out")
    from benchbench.report import csv, files, html, markdown, text
    from benchbench.report.boards import boards
    from benchbench.report.results import read

    found = boards(read(paths or ("runs",)), out, PROCESSES)
    if out is None:
        printers: dict[str, Callable[..., str]] = {
            "md": markdown.render, "html": html.render, "csv": csv.render,
            "text": text.render}
        for name in wanted:
            click.echo(printers[name](found).rstrip("\n"))
        return
    made = files.files(found, wanted, PROCESSES)
    if not check:
        files.write(made, out)
        for name in made:
            click.echo(f"written: {out / name}")
        return
    problems = files.differing(made, out)
    for line in problems:
        click.echo(line)
    again = shlex.join(["benchbench", "report", *paths, "--format", formats, "--out", str(out)])
    click.echo(f"{len(problems)} of {len(made)} files differ; write them with `{again}`"
               if problems else f"{len(made)} files are as the records give them")
    ctx.exit(1 if problems else 0)
