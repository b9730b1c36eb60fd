"""Downloads, from a server on this machine alone."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchbench import progress
from benchbench.download import fetch
from benchbench.errors import DataError

DATA = bytes(range(256)) * 20_000  # 5.1 MB


@dataclass
class Server:
    """What the server gives, and what it was asked for."""

    url: str = ""
    data: bytes = DATA
    etag: str | None = '"one"'
    ranges: bool = True
    cut: int | None = None
    status: int = 200
    asked: list[dict[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = {name: self.headers.get(name) for name in ("Range", "If-Range")}
            state.asked.append(given)
            start = 0
            fresh = given["If-Range"] in (None, state.etag)
            if given["Range"] and state.ranges and fresh:
                start = int(given["Range"].removeprefix("bytes=").rstrip("-"))
            if state.status != 200 or start >= len(state.data):
                self.send_error(416 if state.status == 200 else state.status)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(state.data) - start))
            if state.etag:
                self.send_header("ETag", state.etag)
            self.end_headers()
            self.wfile.write(state.data[start : state.cut])

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}/set.zip"
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_a_file_comes_whole_and_says_how_far_it_is(
    tmp_path: Path, store: Path, server: Server
) -> None:
    said: list[tuple[str, int, int]] = []
    before = progress.set_reporter(lambda *call: said.append(call))
    try:
        fetch(server.url, tmp_path / "new/set.zip", sha(DATA))
    finally:
        progress.set_reporter(before)
    assert (tmp_path / "new/set.zip").read_bytes() == DATA
    assert said[-1] == ("set.zip (MB)", 4, 4) and len(said) > 2
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["set.zip"]
    fetch(server.url, tmp_path / "new/set.zip", f"md5:{hashlib.md5(DATA).hexdigest()}")
    assert len(server.asked) == 1  # it is there: verified, not fetched


def test_an_interrupted_download_goes_on(tmp_path: Path, store: Path, server: Server) -> None:
    server.cut = 2_000_000
    target = tmp_path / "set.zip"
    with pytest.raises(DataError, match="the same command goes on from here, or fetch it by hand "
                       f"and put it at {target}"):
        fetch(server.url, target, sha(DATA))
    assert not target.exists()
    there = (tmp_path / "set.zip.part").stat().st_size
    assert 0 < there <= 2_000_000
    server.cut = None
    fetch(server.url, target, sha(DATA))
    assert server.asked[1] == {"Range": f"bytes={there}-", "If-Range": '"one"'}
    assert target.read_bytes() == DATA


def test_a_download_stopped_after_its_last_byte_is_fetched_anew(
    tmp_path: Path, store: Path, server: Server
) -> None:
    (tmp_path / "set.zip.part").write_bytes(DATA)
    (tmp_path / "set.zip.part.tag").write_text('"one"')
    fetch(server.url, tmp_path / "set.zip", sha(DATA))
    assert server.asked[0]["Range"] == f"bytes={len(DATA)}-"
    assert (tmp_path / "set.zip").read_bytes() == DATA
    assert [p.name for p in tmp_path.iterdir()] == ["set.zip"]


def test_a_place_that_cannot_be_written_is_said(
    tmp_path: Path, store: Path, server: Server
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be fetched .*Not a directory.*by hand"):
        fetch(server.url, tmp_path / "file/data/set.zip", "unknown")
    assert not server.asked


@pytest.mark.parametrize("change", ["other file", "no ranges", "no tag"])
def test_what_cannot_be_gone_on_with_is_fetched_anew(
    tmp_path: Path, store: Path, server: Server, change: str
) -> None:
    server.cut = 2_000_000
    server.etag = None if change == "no tag" else '"one"'
    with pytest.raises(DataError):
        fetch(server.url, tmp_path / "set.zip", "unknown")
    server.cut = None
    if change == "other file":
        server.data, server.etag = DATA[::-1], '"two"'
    server.ranges = change != "no ranges"
    fetch(server.url, tmp_path / "set.zip", "unknown")
    assert (tmp_path / "set.zip").read_bytes() == server.data


def test_a_wrong_checksum_is_refused_and_nothing_is_left(
    tmp_path: Path, store: Path, server: Server
) -> None:
    with pytest.raises(DataError, match=f"its checksum is {sha(DATA)}, expected sha256:00"):
        fetch(server.url, tmp_path / "set.zip", "sha256:" + "0" * 64)
    assert list(tmp_path.glob("set*")) == []


def test_an_unknown_checksum_is_kept_and_compared_from_then_on(
    tmp_path: Path, store: Path, server: Server
) -> None:
    fetch(server.url, tmp_path / "set.zip", "unknown")
    (tmp_path / "set.zip").unlink()
    fetch(server.url, tmp_path / "set.zip", "unknown")
    (tmp_path / "set.zip").unlink()
    server.data, server.etag = b"other", '"two"'
    with pytest.raises(DataError, match=f"it was {sha(DATA)}; fetch it anew, or if the new file is "
                       "meant, remove "):
        fetch(server.url, tmp_path / "set.zip", "unknown")


def test_a_server_that_says_no_is_quoted(tmp_path: Path, store: Path, server: Server) -> None:
    server.status = 404
    with pytest.raises(DataError, match="the server says 404 Not Found; fetch it by hand and"):
        fetch(server.url, tmp_path / "set.zip", "unknown")


def test_without_a_network_the_file_and_its_place_are_named(tmp_path: Path, store: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/set.zip"
    with pytest.raises(DataError, match=f"{url}: cannot be fetched .*or fetch it by hand and put "
                       f"it at {tmp_path / 'set.zip'}"):
        fetch(url, tmp_path / "set.zip", "unknown")
