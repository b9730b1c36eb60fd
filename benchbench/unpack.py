"""Archives from elsewhere, unpacked so that nothing lands where it should not."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from benchbench import progress
from benchbench.errors import DataError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
BY_HAND = (".rar", ".7z")
"""Archives that neither Python nor a small library reads."""
_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, RuntimeError,
            NotImplementedError, ValueError)


class RefusedError(DataError):
    """An archive that is dangerous or damaged: unpacking it again will not help."""


class _Member(NamedTuple):
    name: str
    size: int
    kind: str
    info: Any


def unpack(archive: Path, folder: Path, most: int | None = None) -> int:
    """Unpack a zip or tar archive into ``folder``; returns the number of files.

    Refused, with nothing left behind: absolute paths, ``..``, links and devices, more than
    ``most`` bytes, a member that holds more than the archive declares, a damaged archive
    (``RefusedError``); less free space than needed, a disk that cannot be written (``DataError``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    hold = Path(tempfile.mkdtemp(prefix=f".{archive.name}.", dir=folder))
    try:
        try:
            count = _extract(archive, hold, most)
        except DataError:
            raise
        except _DAMAGED as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise DataError(f"{archive}: cannot be unpacked ({error}); "
                                "check the disk") from error
            raise RefusedError(
                f"{archive}: cannot be unpacked ({error}); fetch it anew") from error
        _move(hold, folder)
        return count
    finally:
        shutil.rmtree(hold, ignore_errors=True)


def _extract(archive: Path, hold: Path, most: int | None) -> int:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            members = [_Member(i.filename, i.file_size, _zip_kind(i), i) for i in file.infolist()]
            _check(archive, members, hold, most)
            return _write(archive, hold, members, file.open)
    with tarfile.open(archive) as tar:
        members = [_Member(i.name, i.size, _tar_kind(i), i) for i in tar.getmembers()]
        _check(archive, members, hold, most)
        return _write(archive, hold, members, tar.extractfile)


def _zip_kind(info: zipfile.ZipInfo) -> str:
    if info.is_dir():
        return "folder"
    mode = info.external_attr >> 16
    return "file" if not mode or stat.S_IFMT(mode) in (0, stat.S_IFREG) else "link"


def _tar_kind(info: tarfile.TarInfo) -> str:
    return "folder" if info.isdir() else "file" if info.isreg() else "link"


def _check(archive: Path, members: list[_Member], hold: Path, most: int | None) -> None:
    for member in members:
        path = PurePosixPath(member.name.replace("\\", "/"))
        said = None
        if path.is_absolute() or ":" in member.name.partition("/")[0]:
            said = "is an absolute path"
        elif ".." in path.parts:
            said = "leads out of the folder"
        elif member.kind == "link":
            said = "is a link or a device"
        if said:
            raise RefusedError(f"{archive}: member {member.name!r} {said}; the archive is refused")
    total = sum(member.size for member in members)
    if most is not None and total > most:
        raise RefusedError(f"{archive}: unpacks to {total} bytes, declared are {most}; "
                           "the archive is refused")
    free = shutil.disk_usage(hold).free
    if total > free:
        raise DataError(f"{archive}: unpacks to {total >> 20} MB, {free >> 20} MB are free at "
                        f"{hold.parent}; make room")


def _write(archive: Path, hold: Path, members: list[_Member], opened: Callable[[Any], Any]) -> int:
    files = [member for member in members if member.kind == "file"]
    for count, member in enumerate(files, start=1):
        target = hold / member.name.replace("\\", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with opened(member.info) as handle, target.open("wb") as file:
            while chunk := handle.read(_CHUNK):
                written += len(chunk)
                if written > member.size:
                    raise RefusedError(f"{archive}: member {member.name!r} holds more than the "
                                       f"{member.size} bytes declared; the archive is refused")
                file.write(chunk)
        progress.report(f"unpack {archive.name}", count, len(files))
    return len(files)


def _move(hold: Path, folder: Path) -> None:
    """Every file to its place; one that is there is replaced."""
    for source in sorted(hold.rglob("*")):
        if source.is_file():
            target = folder / source.relative_to(hold)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
