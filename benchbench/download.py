"""Files from the network: fetched with a progress report, gone on with, verified.

Written on urllib rather than on pooch, which starts an interrupted download anew and unpacks
archives without a limit; the files here are up to 20 GB.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from benchbench import progress
from benchbench.cards.checksums import compare
from benchbench.errors import DataError

_CHUNK = 1 << 20
_TIMEOUT_S = 60
_PAST_THE_END = http.client.REQUESTED_RANGE_NOT_SATISFIABLE
_FAILURES = (urllib.error.URLError, http.client.HTTPException, OSError)


def fetch(url: str, target: Path, checksum: str) -> None:
    """Fetch ``url`` to ``target``. What arrived before an interruption lies in
    ``<target>.part`` and is gone on with, unless the server's file has changed since.

    ``checksum`` is ``sha256:…``, ``md5:…`` or ``unknown``; an unknown one is kept at first use and
    compared from then on. Raises ``DataError`` that says what to fetch by hand, and where to put
    it.
    """
    by_hand = f"fetch it by hand and put it at {target}"
    if not target.is_file():
        part = target.with_name(f"{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _receive(url, part)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _PAST_THE_END and part.is_file():  # all of it, or more: begin anew
                part.unlink()
                fetch(url, target, checksum)
                return
            raise DataError(f"{url}: the server says {error.code} {error.reason}; "
                            f"{by_hand}") from error
        except _FAILURES as error:
            reason = getattr(error, "reason", error)
            raise DataError(f"{url}: cannot be fetched ({reason}); the same command goes on from "
                            f"here, or {by_hand}") from error
        part.replace(target)
        _tag_of(part).unlink(missing_ok=True)
    try:
        compare(target, checksum, url, "if the new file is meant, remove {kept}")
    except DataError:
        target.unlink()
        raise


def _receive(url: str, part: Path) -> None:
    done = part.stat().st_size if part.is_file() else 0
    tag = _tag_of(part).read_text("utf-8") if _tag_of(part).is_file() else ""
    headers = {"Range": f"bytes={done}-", "If-Range": tag} if done and tag else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        if response.status != http.client.PARTIAL_CONTENT:
            done = 0
        total = _total(response, done)
        _tag_of(part).write_text(_tag(response), "utf-8")
        name = f"{part.stem} (MB)"
        with part.open("ab" if done else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress.report(name, done >> 20, max(total, done) >> 20)
    if total and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _total(response: Any, done: int) -> int:
    length = response.headers.get("Content-Length", "")
    return done + int(length) if length.isdecimal() else 0


def _tag(response: Any) -> str:
    """What tells one state of the server's file from another; weak tags do not."""
    tag = response.headers.get("ETag") or ""
    if tag and not tag.startswith("W/"):
        return str(tag)
    return str(response.headers.get("Last-Modified") or "")


def _tag_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")
