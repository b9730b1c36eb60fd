"""``benchbench export``"""

from __future__ import annotations

from pathlib import Path

import click

from benchbench.cli.show import find_record
from benchbench.errors import UsageError


@click.command("export")
@click.argument("cell")
@click.option("--to", "target", required=True, type=click.Path(dir_okay=False),
              help="A .npz or .parquet file.")
@click.option("--out", type=click.Path(file_okay=False), default="runs", show_default=True)
def command(cell: str, target: str, out: str) -> None:
    """Write a cell's features with their image ids to a file.

    .npz holds `image` [n] and `features` [n, …]; .parquet one row an image, f0, f1, ….
    """
    path = Path(target)
    if path.suffix not in (".npz", ".parquet"):
        raise UsageError(f"--to {target}: expected a name that ends in .npz or .parquet")
    record = find_record(cell, Path(out))
    if not record.features:
        raise UsageError(f"cell {record.cell}: it is {record.status} and has no features")
    from benchbench.features import read_features, stored
    from benchbench.store import atomic

    key = record.features.removeprefix("sha256:")
    if not stored(key):
        raise UsageError(f"cell {record.cell} ({record.status}): its features are not in the store;"
                         f" repeat it with --retry all: {record.command}")
    ids, values = read_features(key)
    import numpy as np

    with atomic(path.absolute()) as temporary:
        if path.suffix == ".npz":
            with temporary.open("wb") as file:
                np.savez_compressed(file, image=np.asarray(ids), features=values)
        else:
            import pandas as pd

            flat = np.asarray(values).reshape(len(ids), -1)
            frame = pd.DataFrame(flat, columns=[f"f{i}" for i in range(flat.shape[1])])
            frame.insert(0, "image", ids)
            frame.to_parquet(temporary, index=False)
    click.echo(f"{len(ids)} images, features {list(values.shape[1:])}: {path}")
