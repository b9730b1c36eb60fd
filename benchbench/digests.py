"""What is known of image files, remembered until they change: ``digests.sqlite`` in the store.

A file is taken for unchanged while its absolute path, size, time of modification and time of
change are the same. One that was changed under two seconds before it was read is not remembered:
a second write within the clock's step would leave all four as they are.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchbench.interfaces import ImageFacts
from benchbench.store import store_root

_RACY_NS = 2_000_000_000
_BATCH = 500
_TABLE = """create table if not exists images (
    path text primary key, size integer, mtime_ns integer, ctime_ns integer,
    digest text, height integer, width integer) without rowid"""
_UNUSABLE = (OSError, sqlite3.DatabaseError)
_log = logging.getLogger("benchbench")


class Stamp(NamedTuple):
    """What tells one state of a file from another."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


def stamp(path: str | Path) -> Stamp | None:
    """The file's state now, None where there is no file."""
    name = os.fspath(path)
    try:
        status = os.stat(name)
    except OSError:
        return None
    if not os.path.isabs(name):
        name = os.path.abspath(name)
    return Stamp(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def recall(stamps: Sequence[Stamp]) -> dict[Stamp, ImageFacts]:
    """What is remembered of these states of files."""
    wanted = {each.path: each for each in stamps}
    names = list(wanted)
    known: dict[Stamp, ImageFacts] = {}
    if not names:
        return known
    try:
        with closing(_open()) as memory:
            for start in range(0, len(names), _BATCH):
                batch = names[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                for row in memory.execute(f"select * from images where path in ({marks})", batch):
                    if wanted[row[0]] == (found := Stamp(*row[:4])):
                        known[found] = ImageFacts(*row[4:])
    except _UNUSABLE as error:
        _complain(error)
    return known


def remember(facts: Mapping[Stamp, ImageFacts], seen_ns: int) -> None:
    """Keep what was found of these states of files, unless they were too young at ``seen_ns``,
    the time before the first stamp was taken, to be told apart from a later state."""
    youngest = seen_ns - _RACY_NS
    rows = [
        (*state, fact.digest, fact.height, fact.width)
        for state, fact in facts.items()
        if max(state.mtime_ns, state.ctime_ns) < youngest
    ]
    if not rows:
        return
    try:
        with closing(_open()) as memory, memory:
            memory.executemany("insert or replace into images values (?, ?, ?, ?, ?, ?, ?)", rows)
    except _UNUSABLE as error:
        _complain(error)


def _path() -> Path:
    return store_root() / "digests.sqlite"


def _open() -> sqlite3.Connection:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    memory = sqlite3.connect(path, timeout=30)
    memory.execute(_TABLE)
    return memory


def _complain(error: Exception) -> None:
    """The memory only saves time: without it, images are read anew."""
    _log.warning("%s: not usable (%s), so images are read anew; delete the file", _path(), error)
