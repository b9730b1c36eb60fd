"""``benchbench new``"""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import click

from benchbench.cli.options import environment_options
from benchbench.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@click.command("new")
@click.argument("kind", type=click.Choice(["extractor", "task", "backbone", "dataset"]))
@click.argument("name")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=".",
              show_default=True, help="Where to write.")
@environment_options
def command(kind: str, name: str, folder: Path) -> None:
    """Write NAME.py and test_NAME.py to start from; both pass as they are.

    A dataset is a card, NAME.toml, with a folder of example pictures and scores.
    """
    from benchbench.testing.templates import TEMPLATES, example_pictures

    stem = _stem(kind, name)
    class_name = "".join(part.capitalize() for part in stem.split("_"))
    files: dict[str, bytes] = {
        file.format(stem=stem): template.substitute(
            name=name, stem=stem, class_name=class_name).encode()
        for file, template in TEMPLATES[kind].items()
    }
    if kind == "dataset":
        files |= {f"{stem}/{file}": data for file, data in example_pictures().items()}
    taken = [str(folder / file) for file in files if (folder / file).exists()]
    if taken:
        raise UsageError(f"{taken[0]} exists already; choose another name or --dir")
    for file, data in files.items():
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another --dir"
                             ) from error
        click.echo(f"wrote {path}")
    main = folder / next(iter(files))
    click.echo(f"check it: benchbench check {main}")
    click.echo(f"test it:  pytest {folder / f'test_{stem}.py'}")


def _stem(kind: str, name: str) -> str:
    """The name as a module's. Raises ``UsageError`` for one that cannot be used."""
    from benchbench.catalogue import first_party_cards
    from benchbench.registry import registry

    stem = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(stem) or stem.startswith("test_"):
        raise UsageError(f"name {name!r}: expected small letters, digits, '-' and '_', beginning "
                         "with a letter, such as blur-energy")
    taken = registry().entries[kind].get(name)
    if taken is not None:
        raise UsageError(f"{kind} {name!r} is given by plugin {taken.plugin.name} already; "
                         "choose another name")
    if kind == "dataset" and name in first_party_cards():
        raise UsageError(f"dataset {name!r} has a card already; choose another name")
    return stem
