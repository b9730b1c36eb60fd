"""The store: whole entries or none, said at once when it cannot be written, pruned by last use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchbench import store as bbstore
from benchbench.errors import DataError


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCHBENCH_STORE", "~/elsewhere")
    assert bbstore.store_root() == Path.home() / "elsewhere"
    monkeypatch.delenv("BENCHBENCH_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform.startswith("linux"):
        assert bbstore.store_root() == tmp_path / "benchbench"


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "entry.json"
    bbstore.write_text(path, "one")
    bbstore.write_text(path, "größer")
    assert path.read_text("utf-8") == "größer"
    assert os.listdir(path.parent) == ["entry.json"]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    bbstore.write_text(path, "old")
    with pytest.raises(RuntimeError), bbstore.atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("the disk is gone")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["entry.json"]


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    bbstore.write_text(path, "a" * 100_000)
    with bbstore.atomic(path) as temporary, temporary.open("w") as file:
        file.write("b" * 50_000)
        file.flush()
        assert path.read_text() == "a" * 100_000
        file.write("b" * 50_000)
    assert path.read_text() == "b" * 100_000


def test_a_killed_writer_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    code = (
        "import os, pathlib, signal\n"
        "from benchbench.store import atomic\n"
        f"with atomic(pathlib.Path({str(path)!r})) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not path.exists()
    bbstore.write_text(path, "whole")
    assert path.read_text() == "whole"


def test_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        bbstore.write_text(tmp_path / "entry", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "entry").stat().st_mode & 0o777 == 0o640


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"--out .*below: cannot be written \(.+\); choose a"):
        bbstore.check_writable(tmp_path / "file" / "below", "--out")
    with pytest.raises(DataError, match="--out"):
        bbstore.check_writable(tmp_path / "file", "--out")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, which nobody can write")
def test_a_read_only_file_system_cannot_be_written() -> None:
    with pytest.raises(DataError, match="cannot be written"):
        bbstore.check_writable(Path("/proc/benchbench"), "--out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    full = Path("/dev/full")
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda dir: full.open("wb"))
    with pytest.raises(DataError, match=r"No space left on device\); choose a folder with free"):
        bbstore.check_writable(tmp_path, "--out")


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    bbstore.check_writable(tmp_path / "a" / "b", "--out")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_json_entries(store: Path) -> None:
    assert bbstore.read_json("facts", "k") is None
    bbstore.write_json("facts", "k", {"a": [1, None]})
    assert bbstore.read_json("facts", "k") == {"a": [1, None]}
    for damaged in ("", '{"a": [1', "[1, 2]", "\xff"):
        (store / "facts" / "k.json").write_text(damaged, encoding="latin-1")
        assert bbstore.read_json("facts", "k") is None


def _entry(store: Path, name: str, size: int, age: float) -> Path:
    path = store / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_the_oldest_use_goes_first(store: Path) -> None:
    old = _entry(store, "features/old.safetensors", 1000, 300)
    mid = _entry(store, "weights/mid.safetensors", 2000, 200)
    new = _entry(store, "datasets/new.json", 500, 100)
    _entry(store, "features/old.lock", 50, 400)
    assert [(path, size) for path, size, _ in bbstore.usage()] == [
        (old, 1000), (mid, 2000), (new, 500)]
    assert bbstore.prune(3500) == []
    assert bbstore.prune(2600) == [old]
    assert bbstore.prune(2499) == [mid]
    assert new.exists()
    assert bbstore.prune(0) == [new]
    assert bbstore.usage() == []


def test_reading_is_using(store: Path) -> None:
    read = _entry(store, "features/a.safetensors", 10, 300)
    other = _entry(store, "features/b.safetensors", 10, 200)
    os.utime(read, (time.time(), read.stat().st_mtime))
    assert [path for path, _, _ in bbstore.usage()] == [other, read]


def test_an_unfinished_file_of_a_running_sweep_is_left_alone(store: Path) -> None:
    from filelock import FileLock

    busy = [_entry(store, f"features/busy.{suffix}", 10, 300) for suffix in ("part", "rows")]
    left = _entry(store, "features/left.part", 10, 200)
    with FileLock(store / "features" / "busy.lock"):
        assert bbstore.prune(0) == [left]
    assert bbstore.prune(0) == busy


def test_an_empty_store(store: Path) -> None:
    assert bbstore.usage() == [] and bbstore.prune(0) == []
