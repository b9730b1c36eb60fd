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
    parts = [re.compile(part, re.IGNORECASE) for part in pattern.split("/")]
    yield from _descend(root, "", parts, {}, wanted or {}, folders)


def _descend(
    folder: Path, prefix: str, parts: Sequence[re.Pattern[str]], groups: dict[str, str],
    wanted: Wanted, folders: bool,
) -> Iterator[tuple[str, dict[str, str]]]:
    last = len(parts) == 1
    try:
        with os.scandir(folder) as entries:
            found = sorted((e for e in entries if parts[0].fullmatch(e.name)),
                           key=lambda e: e.name)
    except OSError:
        return
    for entry in found:
        match = parts[0].fullmatch(entry.name)
        assert match is not None
        own = {name: value or "" for name, value in match.groupdict().items()}
        if not all(wanted[name](value) for name, value in own.items() if name in wanted):
            continue
        if last and (entry.is_dir() if folders else entry.is_file()):
            yield prefix + entry.name, groups | own
        elif not last and entry.is_dir():
            yield from _descend(folder / entry.name, f"{prefix}{entry.name}/", parts[1:],
                                groups | own, wanted, folders)


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
        self._listings: dict[str, dict[str, str]] = {}

    def find(self, image: str) -> Path:
        """The path; where there is no such file, the one at which it is expected."""
        own, _, name = image.rpartition("/")
        for folder in (own, *self.folders):
            listing = self._listing(folder)
            found = name if name in listing else listing.get(name.casefold())
            if found:
                return self.root / folder / found
        return self.root / image

    def _listing(self, folder: str) -> dict[str, str]:
        """Names, and folded names where only one name folds to them."""
        if folder not in self._listings:
            try:
                names = os.listdir(self.root / folder)
            except OSError:
                names = []
            folded: dict[str, str] = {}
            for name in names:
                key = name.casefold()
                folded[key] = "" if key in folded else name
            self._listings[folder] = folded | {name: name for name in names}
        return self._listings[folder]
