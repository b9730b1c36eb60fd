"""Archives: unpacked whole, or refused with nothing left behind."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from benchbench.errors import DataError
from benchbench.unpack import unpack


def make_tar(path: Path, members: list[tarfile.TarInfo | tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_what_is_in_the_archive_comes_out(tmp_path: Path, suffix: str) -> None:
    members = {"set/images/a.png": b"a" * 5000, "set/scores.csv": b"image\n", "empty.txt": b""}
    archive = tmp_path / f"set{suffix}"
    if suffix == ".zip":
        make_zip(archive, {"set/": b"", **members})
    else:
        make_tar(archive, list(members.items()))
    folder = tmp_path / "out"
    (folder / "set").mkdir(parents=True)
    (folder / "set/scores.csv").write_bytes(b"old")
    (folder / "set/own.txt").write_bytes(b"stays")
    assert unpack(archive, folder, most=5006) == 3
    assert files(folder) == members | {"set/own.txt": b"stays"}


BAD: dict[str, tuple[list[tarfile.TarInfo | tuple[str, bytes]], str]] = {
    "absolute": ([("a.txt", b"a"), ("/tmp/evil.txt", b"x")], "'/tmp/evil.txt' is an absolute path"),
    "up": ([("a.txt", b"a"), ("b/../../evil.txt", b"x")], "leads out of the folder"),
    "backslash": ([("a.txt", b"a"), ("..\\evil.txt", b"x")], "leads out of the folder"),
    "drive": ([("C:/evil.txt", b"x")], "'C:/evil.txt' is an absolute path"),
    "symlink": ([("a.txt", b"a"), link("l", tarfile.SYMTYPE, "/etc")], "'l' is a link or a device"),
    "hardlink": ([("a.txt", b"a"), link("l", tarfile.LNKTYPE, "a.txt")], "is a link or a device"),
    "device": ([link("d", tarfile.CHRTYPE, "")], "is a link or a device"),
    "much": ([("a.txt", bytes(600)), ("b.txt", bytes(600))], "unpacks to 1200 bytes, declared are "
                                                              "1000"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_tar_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    members, said = BAD[case]
    archive = make_tar(tmp_path / "bad.tar", members)
    with pytest.raises(DataError, match=r"bad.tar: .*refused") as caught:
        unpack(archive, tmp_path / "out", most=1000)
    assert said in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} == {"bad.tar", "out"}


@pytest.mark.parametrize("name", ["/tmp/evil.txt", "../evil.txt", "a/../../evil.txt"])
def test_a_bad_zip_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "bad.zip", {"good.txt": b"g", name: b"x"})
    with pytest.raises(DataError, match="refused"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="'link' is a link"):
        unpack(tmp_path / "bad.zip", tmp_path / "out")


def test_a_zip_that_holds_more_than_it_declares_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "bomb.zip", {"a.bin": bytes(100_000)})
    data = archive.read_bytes()
    size = (100_000).to_bytes(4, "little")
    assert data.count(size) == 2
    archive.write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"bomb.zip"):
        unpack(archive, tmp_path / "out", most=1000)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"cut{suffix}"
    if suffix == ".zip":
        make_zip(archive, {f"{i}.bin": bytes(range(256)) * 40 for i in range(20)})
    else:
        make_tar(archive, [(f"{i}.bin", bytes(range(256)) * 40) for i in range(20)])
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cannot be unpacked .*; fetch it anew"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
