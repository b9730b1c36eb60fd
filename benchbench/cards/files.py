"""Files of a dataset: found by pattern, and by name whatever the case of its letters."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

Wanted = Mapping[str, Callable[[str], bool]]


def walk(
    root: Path, pattern: str, wanted: Wanted | None = None, folders: bool = False
) -> Iterator[tuple[str, dict[str, str]]]:
    """Every file (with ``folders``, every folder) below ``root`` whose path matches, in order,
    with the pattern's named groups.

    The pattern is one regular expression a folder, joined by ``/``; letters match in either case.
    ``wanted`` says of a group's value whether to go on there, so that folders that nobody asked
    for are not listed.
    """
    parts = [re.compile(part, re.IGNORECASE) for part in folders_of(pattern)]
    yield from _descend(root, "", parts, {}, wanted or {}, folders)


def count(root: Path, pattern: str, most: int) -> int:
    """How many files match, counted up to ``most``: by name alone, for it has to be quick."""
    return _count(str(root), [re.compile(p, re.IGNORECASE) for p in folders_of(pattern)], most)


def _count(folder: str, parts: Sequence[re.Pattern[str]], most: int) -> int:
    matches = parts[0].fullmatch
    try:
        names = os.listdir(folder)
    except OSError:
        return 0
    if len(parts) == 1:
        return min(most, sum(1 for name in names if matches(name)))
    found = 0
    for name in names:
        if found < most and matches(name):
            found += _count(f"{folder}/{name}", parts[1:], most - found)
    return found


def folders_of(pattern: str) -> list[str]:
    """The pattern's parts: split at each ``/`` that is not inside brackets."""
    return re.split(r"/(?![^\[]*\])", pattern)


def _descend(
    folder: Path, prefix: str, parts: Sequence[re.Pattern[str]], groups: dict[str, str],
    wanted: Wanted, folders: bool,
) -> Iterator[tuple[str, dict[str, str]]]:
    last = len(parts) == 1
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if match := parts[0].fullmatch(entry.name):
                    own = {name: value or "" for name, value in match.groupdict().items()}
                    if all(wanted[name](value) for name, value in own.items() if name in wanted):
                        found.append((entry.name, entry, own))
    except OSError:
        return
    for name, entry, own in sorted(found, key=lambda item: item[0]):
        if last and (entry.is_dir() if folders else entry.is_file()):
            yield prefix + name, groups | own
        elif not last and entry.is_dir():
            yield from _descend(folder / name, f"{prefix}{name}/", parts[1:], groups | own,
                                wanted, folders)


def card_places(folder: str, card: Path) -> list[Path]:
    """Where a card's folder may be: beside the card, below the data root."""
    bases = [card.parent]
    if os.environ.get("BENCHBENCH_DATA"):
        bases.append(Path(os.environ["BENCHBENCH_DATA"]).expanduser())
    return [(base / Path(folder).expanduser()).absolute() for base in bases]


@cache
def whole(pattern: str) -> re.Pattern[str]:
    """The pattern over a whole path."""
    return re.compile(pattern, re.IGNORECASE)


class Finder:
    """The file of an image's id: the name as it stands, else the only one that differs in case
    alone, in its own folder or in one of ``folders``."""

    def __init__(self, root: Path, folders: Sequence[str] = ()) -> None:
        self.root = root
        self.folders = folders
        self._listings: dict[str, tuple[set[str], dict[str, str]]] = {}

    def find(self, image: str) -> Path:
        """The path; where there is no such file, the one at which it is expected."""
        own, _, name = image.rpartition("/")
        for folder in (own, *self.folders):
            names, folded = self._listing(folder)
            found = name if name in names else folded.get(name.casefold())
            if found:
                return self.root / folder / found
        return self.root / image

    def _listing(self, folder: str) -> tuple[set[str], dict[str, str]]:
        """The names, and each folded name with the one name that it stands for, if only one."""
        if folder not in self._listings:
            try:
                names = os.listdir(self.root / folder)
            except OSError:
                names = []
            folded: dict[str, str] = {}
            for name in names:
                key = name.casefold()
                folded[key] = "" if key in folded else name
            self._listings[folder] = set(names), folded
        return self._listings[folder]
