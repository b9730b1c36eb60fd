"""The store: features, fitted weights and facts on disk, by content, written whole or not at all.

One file an entry, ``<kind>/<key>.<suffix>``. A file is written under a temporary name, flushed to
the disk and renamed, so that a reader sees all of it or nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchbench.errors import DataError

UNFINISHED = (".part", ".rows")
"""What a sweep that is running or was killed has made so far."""


def store_root() -> Path:
    """``BENCHBENCH_STORE``, or ``benchbench`` in the user's cache directory."""
    given = os.environ.get("BENCHBENCH_STORE")
    if given:
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "benchbench"


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_writable(folder: Path, option: str) -> None:
    """Create ``folder`` and write a megabyte there, so that a read-only or full disk is said at
    once and not after the work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(
            f"{option} {folder}: cannot be written ({error.strerror or error}); "
            f"choose a folder with free space through {option}"
        ) from error


def read_json(kind: str, key: str) -> dict[str, Any] | None:
    """A JSON entry, or None where there is none or it cannot be read."""
    try:
        data = json.loads((store_root() / kind / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def write_json(kind: str, key: str, data: dict[str, Any]) -> None:
    write_text(store_root() / kind / f"{key}.json", json.dumps(data))


def usage() -> list[tuple[Path, int, float]]:
    """Each entry's path, size in bytes and time of last use, oldest use first."""
    found = []
    for path in store_root().rglob("*"):
        if path.is_file() and path.suffix in (".safetensors", ".json", *UNFINISHED):
            stat = path.stat()
            found.append((path, stat.st_size, max(stat.st_atime, stat.st_mtime)))
    return sorted(found, key=lambda entry: (entry[2], str(entry[0])))


def prune(limit: int) -> list[Path]:
    """Remove entries, oldest use first, until at most ``limit`` bytes are left.
    What a sweep is writing at this moment stays."""
    entries = usage()
    total = sum(size for _, size, _ in entries)
    removed = []
    for path, size, _ in entries:
        if total <= limit:
            break
        if path.suffix in UNFINISHED and _being_written(path):
            continue
        path.unlink(missing_ok=True)
        total -= size
        removed.append(path)
    return removed


def _being_written(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            return False
    except Timeout:
        return True
