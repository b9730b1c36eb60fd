"""``benchbench show``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from benchbench.errors import UsageError


def find_record(cell: str, out: Path) -> Any:
    """The record of a cell id or of the beginning of one, or of a record's path."""
    from benchbench.records import read_record, record_files

    if Path(cell).is_file():
        return read_record(Path(cell))
    found = [file for file, _ in record_files(out) if cell and file.stem.startswith(cell)]
    if not found:
        raise UsageError(f"cell {cell!r}: no record in {out}; give the run's folder as --out")
    if len(found) > 1:
        raise UsageError(f"cell {cell!r}: {len(found)} records begin so, "
                         f"{found[0].stem} and {found[1].stem} among them; give more digits")
    return read_record(found[0])


@click.command("show")
@click.argument("cell")
@click.option("--out", type=click.Path(file_okay=False), default="runs", show_default=True,
              help="Folder of a run, or of accepted records.")
@click.option("--json", "as_json", is_flag=True, help="The whole record.")
def command(cell: str, out: str, as_json: bool) -> None:
    """Show one record: scores, reason, traceback, cost, and the command that repeats it.

    CELL is an id, its first digits, or the path of a record.
    """
    record = find_record(cell, Path(out))
    if as_json:
        click.echo(record.dumps(), nl=False)
        return
    click.echo("\n".join(_lines(record)))


def _lines(record: Any) -> list[str]:
    from benchbench.repeat import name
    from benchbench.report.boards import estimate
    from benchbench.report.cells import interval, number
    from benchbench.report.names import cell_title, heading

    lines = [cell_title(record), f"status    {record.status} (attempt {record.attempts})"]
    if record.reason:
        lines.append(f"reason    {record.reason}")
    for metric, score in record.scores.items():
        extra = "  ".join(filter(None, [
            interval(estimate(score)) if score.ci95 else None, score.mapping, score.note]))
        lines.append(f"{heading(metric):12}  {number(estimate(score)):>9}  {extra}".rstrip())
    for column, rows in record.details.get("by", {}).items():
        parts = [f"{kind} {row['srocc']:.3f}" if row["srocc"] is not None else f"{kind} undefined"
                 for kind, row in rows.items()]
        lines.append(f"SROCC by {column}: {', '.join(parts)}")
    d, c = record.dataset, record.cost
    lines.append(f"dataset   {name(d.name, d.params)} {d.version}: {d.n_scored} of {d.n} images "
                 f"scored, {d.groups} groups, {d.fingerprint[:19]}…")
    lines.append(f"backbone  {record.backbone.name} {record.backbone.weights[:19]} "
                 f"{json.dumps(record.backbone.preprocessing)}")
    lines.append(f"features  shape {record.extractor.shape} by {record.extractor.plugin}")
    if c.extract_s is not None:
        lines.append(f"cost      sweep {c.extract_s:.1f} s, {c.images_per_s:.1f} images/s, "
                     f"peak {c.peak_memory_mb:.0f} MB, batch {c.batch_size}")
    lines += [f"note      {note}" for note in [*d.notes, *record.backbone.notes, *record.notes]]
    lines.append(f"env       {record.env.get('device')}, torch {record.env.get('torch')}, "
                 f"benchbench {record.env.get('benchbench')}, finished {record.finished}")
    lines.append(f"repeat    {record.command}")
    if record.traceback:
        lines += ["", record.traceback.rstrip()]
    return lines
