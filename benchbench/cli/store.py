"""``benchbench store``"""

from __future__ import annotations

import time

import click

from benchbench.errors import UsageError
from benchbench.store import prune, store_root, usage

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@click.command("store")
@click.option("--prune", "limit", metavar="SIZE",
              help="Remove entries, oldest use first, down to SIZE (500M, 20G, 0).")
def command(limit: str | None) -> None:
    """Show what the store holds, oldest use first."""
    if limit is not None:
        removed = prune(_bytes(limit))
        click.echo(f"removed {len(removed)} entries from {store_root()}")
    entries = usage()
    for path, size, used in entries:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(used))
        click.echo(f"{day}  {size / 1e6:10.3f} MB  {path.relative_to(store_root())}")
    total = sum(size for _, size, _ in entries)
    click.echo(f"{len(entries)} entries, {total / 1e6:.1f} MB in {store_root()}")


def _bytes(text: str) -> int:
    number = text.upper().removesuffix("B")
    unit = number[-1:] if number[-1:] in UNITS else ""
    try:
        size = float(number.removesuffix(unit) if unit else number)
    except ValueError:
        size = -1.0
    if not 0 <= size < float("inf"):
        raise UsageError(f"--prune {text!r}: expected a size such as 500M, 20G or 0")
    return int(size * UNITS[unit])
