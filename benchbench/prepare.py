"""Getting a dataset ready: fetched where it may be, else said how; then counted and opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from glob import escape
from pathlib import Path, PurePosixPath

from benchbench.cards import CardDataset
from benchbench.cards.checksums import forget
from benchbench.cards.state import State, card_state, image_patterns
from benchbench.download import fetch
from benchbench.errors import DataError, UsageError
from benchbench.interfaces import Backbone, Dataset
from benchbench.tables import image_ids, load_table
from benchbench.unpack import BY_HAND, SUFFIXES, RefusedError, unpack

Say = Callable[[str], None]


def prepare(dataset: Dataset, quick: bool, say: Say) -> bool:
    """Fetch what is missing, check the counts and, unless ``quick``, open every image once.
    Whether the dataset is complete. Raises ``DataError`` for what cannot be fetched or read."""
    if isinstance(dataset, CardDataset):
        state = _state(dataset)
        if state.word != "ready" and dataset.card.download:
            _fetch_all(dataset, say)
            state = _state(dataset)
        if state.word != "ready":
            say(_by_hand(dataset, state))
        if state.word == "absent" or state.missing:
            return False
    return _check(dataset, quick, say)


def fit(backbone: Backbone, sheet: Path | None, say: Say) -> None:
    """Build a backbone, which fits it where that is done here, and draw its weights to ``sheet``.
    Raises ``UsageError`` for one that has nothing to draw, and a path that cannot be written."""
    from PIL import Image

    model = backbone.build()
    how = "its weights are loaded" if backbone.recipe() is None else "fitted, kept in the store"
    say(f"{backbone.name}: {how}")
    if sheet is None:
        return
    picture = backbone.picture(model)
    if picture is None:
        raise UsageError(f"prepare {backbone.name} --sheet: this backbone has no picture of its "
                         "weights; leave --sheet out")
    try:
        Image.fromarray(picture).save(sheet)
    except (OSError, ValueError) as error:
        raise UsageError(f"{sheet}: cannot be written ({error}); name a .png file") from error
    say(f"{sheet}: {picture.shape[1]} x {picture.shape[0]} pixels")


def _state(dataset: CardDataset) -> State:
    return card_state(dataset.card, dataset.places)


def _fetch_all(dataset: CardDataset, say: Say) -> None:
    base = os.environ.get("BENCHBENCH_DATA")
    if not base:
        raise UsageError(f"prepare {dataset.name}: give --data-root DIR, the folder that holds the "
                         "datasets' folders; the files are fetched into it")
    home = Path(base) / dataset.card.folder
    for item in dataset.card.download:
        name = PurePosixPath(item.url.partition("?")[0]).name
        target = home / name
        marker = home / f".{name}.done"
        if marker.is_file():
            say(f"{name} was fetched before; remove {marker} to fetch it again")
            continue
        said = "" if item.checksum != "unknown" else " (no checksum is known: its own is kept)"
        say(f"fetch {item.url}{said}")
        try:
            fetch(item.url, target, item.checksum)
        except DataError as error:
            wanted = "\n".join(f"  {i.url}\n    to {home / PurePosixPath(i.url).name}"
                               for i in dataset.card.download)
            raise DataError(f"{error}\nall files of {dataset.name}:\n{wanted}") from error
        into = Path(base) / (item.into or dataset.card.folder)
        if name.lower().endswith(BY_HAND):
            raise DataError(_by_hand_into(target, into) + " and call prepare again")
        if name.lower().endswith(SUFFIXES):
            try:
                count = unpack(target, into, item.unpacked)
            except RefusedError:
                target.unlink()
                forget(item.url)
                raise
            say(f"unpacked {count} files of {name}")
            target.unlink()
            marker.write_text("", "utf-8")


def _by_hand(dataset: CardDataset, state: State) -> str:
    """Where to ask, and what to put where."""
    card = dataset.card
    root = Path(os.environ.get("BENCHBENCH_DATA", "DATA-ROOT")) / card.folder
    lines = [f"{card.name}: {state}", f"  how to get it: {card.obtain or 'ask its makers'}"]
    if card.licence:
        lines.append(f"  licence: {card.licence}")
    lines += [f"  expected: {root / name}" for name in card.table.file]
    lines += [f"  expected: {root}/ files named {pattern}" for pattern in image_patterns(card)]
    near = [*root.glob("*"), *root.parent.glob(f"{escape(root.name)}*")]
    lines += [f"  {_by_hand_into(file, root)}" for file in sorted(near)
              if file.name.lower().endswith(BY_HAND)]
    return "\n".join(lines)


def _by_hand_into(archive: Path, folder: Path) -> str:
    return (f"{archive} is an archive that is not unpacked here; unpack it by hand "
            f"(7z x '{archive}' '-o{folder}')")


def _check(dataset: Dataset, quick: bool, say: Say) -> bool:
    from benchbench.partial import missing_images

    table = load_table(dataset)
    images = image_ids(table)
    missing = missing_images(dataset, images)
    of = f" of {dataset.n_official} official" if dataset.n_official else ""
    references = len(images) - len(table)
    say(f"{dataset.name}: {len(table)} rows{of}, {references} images that are references alone, "
        f"{table['group'].nunique()} groups")
    if missing:
        names = "".join(f"\n  {path}" for path in list(missing.values())[:5])
        more = f"\n  and {len(missing) - 5} more" if len(missing) > 5 else ""
        say(f"{len(missing)} of {len(images)} images are missing:{names}{more}")
    if not quick:
        there = [image for image in images if image not in missing]
        dataset.inspect(there)
        say(f"opened {len(there)} images: all can be read")
    complete = dataset.n_official is None or len(table) >= dataset.n_official
    return complete and not missing
