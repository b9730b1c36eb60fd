"""``benchbench report``"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from benchbench.errors import UsageError, nearest

SUFFIX = {"md": ("markdown", "leaderboard.md"), "csv": ("csv", "leaderboard.csv"),
          "text": ("text", "leaderboard.txt")}


@click.command("report")
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@click.option("--format", "formats", default="md", show_default=True,
              help="Comma list of md, csv, text.")
@click.option("--out", type=click.Path(file_okay=False),
              help="Folder for the files; without it they are printed.")
def command(paths: tuple[str, ...], formats: str, out: str | None) -> None:
    """Write tables from the records below PATHS (default: runs).

    The tables are byte-identical for the same records, in whatever order they lie on disk.
    """
    wanted = formats.split(",")
    for name in wanted:
        if name not in SUFFIX:
            hint = nearest(name, SUFFIX) or f"formats: {', '.join(SUFFIX)}"
            raise UsageError(f"--format {name!r}: unknown; {hint}")
    paths = paths or ("runs",)
    found = _records(paths)
    predictions = Path(paths[0]) / "predictions" if len(paths) == 1 else None
    from benchbench.store import write_text

    for name in wanted:
        module, file = SUFFIX[name]
        text = importlib.import_module(f"benchbench.report.{module}").render(found, predictions)
        if out is None:
            click.echo(text.rstrip("\n"))
        else:
            write_text(Path(out) / file, text)
            click.echo(f"written: {Path(out) / file}")


def _records(paths: tuple[str, ...]) -> list:  # type: ignore[type-arg]
    from benchbench.records import read_record

    files: list[Path] = []
    for name in paths:
        path = Path(name)
        if not path.exists():
            raise UsageError(f"{path}: no such folder; run `benchbench run` first or name a folder")
        below = path / "cells" if (path / "cells").is_dir() else path
        files += [path] if path.is_file() else sorted(below.rglob("*.json"))
    if not files:
        raise UsageError(f"no records below {', '.join(paths)}; run `benchbench run` first")
    return [read_record(file) for file in files]
