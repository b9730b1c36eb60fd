"""Digests of files: compared with what is known, or kept at first use and compared from then on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchbench import store
from benchbench.errors import DataError
from benchbench.identity import digest


def file_checksum(path: Path, algorithm: str = "sha256") -> str:
    """``sha256:…`` of a file's bytes."""
    with path.open("rb") as handle:
        return f"{algorithm}:{hashlib.file_digest(handle, algorithm).hexdigest()}"


def check_file(name: str, version: str, file: Path, checksum: str) -> None:
    """Raise ``DataError`` where a dataset's file is not the one that is known. A digest is kept for
    the file's place: a copy of the set elsewhere may be another release."""
    compare(file, checksum, f"{name} {version} {file.resolve()}",
            "if the new file is meant, remove {kept}")


def compare(path: Path, checksum: str, key: str, advice: str) -> None:
    """Compare a file with its checksum, ``unknown`` with the one that was kept under ``key`` at
    first use."""
    algorithm = "sha256" if checksum == "unknown" else checksum.partition(":")[0]
    found, entry = file_checksum(path, algorithm), digest(key)
    if checksum != "unknown":
        if found != checksum:
            raise DataError(f"{path}: its checksum is {found}, expected {checksum}; fetch it anew")
        return
    kept = store.read_json("checksums", entry)
    if kept is None:
        store.write_json("checksums", entry, {"file": key, "checksum": found})
    elif kept.get("checksum") != found:
        raise DataError(f"{path}: its checksum is {found}, at first use it was "
                        f"{kept.get('checksum')}; fetch it anew, or "
                        f"{advice.format(kept=_kept(key))}")


def forget(key: str) -> None:
    """Forget the digest kept under ``key``: the file turned out to be of no use."""
    _kept(key).unlink(missing_ok=True)


def _kept(key: str) -> Path:
    return store.store_root() / "checksums" / f"{digest(key)}.json"
