"""``benchbench prepare`` and the states that ``benchbench list datasets`` shows."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchbench.cards.schema import read_card
from benchbench.catalogue import first_party_cards
from benchbench.cli import cli
from benchbench.errors import BenchbenchError, UsageError
from tests.datasets.layouts import picture

CARD = """
name = "mine"
folder = "mine"
n_official = {n}
licence = "ask"
obtain = "write to its makers; pictures/ and scores.csv go into mine/"
{downloads}
[table]
file = "scores.csv"
columns = {{ image = "pictures/{{name}}", score = "mos" }}
[score]
kind = "mos"
higher_is_better = true
"""
DOWNLOADS = """
[[download]]
url = "{url}/mine.zip"
into = "mine"

[[download]]
url = "{url}/scores.csv"
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A server of a zip of three pictures and of a score table."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "scores.csv").write_text("name,mos\na.png,1\nb.png,2\nc.png,3\n")
    with zipfile.ZipFile(folder / "mine.zip", "w") as file:
        for seed, name in enumerate("abc"):
            file.write(picture(tmp_path / f"{name}.png", seed), f"pictures/{name}.png")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def card(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path / "data"))
    path = tmp_path / "cards/mine.toml"
    path.parent.mkdir()
    path.write_text(CARD.format(n=3, downloads=""))
    return path


def call(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def test_a_set_is_fetched_verified_unpacked_and_opened(
    card: Path, served: str, tmp_path: Path
) -> None:
    card.write_text(CARD.format(n=3, downloads=DOWNLOADS.format(url=served)))
    result = call("prepare", card)
    assert result.exit_code == 0, result.output
    assert "no checksum is known: its own is kept" in result.output
    assert "unpacked 3 files of mine.zip" in result.output
    assert "mine: 3 rows of 3 official" in result.output
    assert "opened 3 images: all can be read" in result.output
    home = tmp_path / "data/mine"
    assert {p.name for p in home.iterdir()} == {"pictures", "scores.csv", ".mine.zip.done"}
    again = call("prepare", card, "--quick")
    assert again.exit_code == 0 and "fetch" not in again.output and "opened" not in again.output


def test_without_a_data_root_nothing_is_fetched(
    card: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write_text(CARD.format(n=3, downloads=DOWNLOADS.format(url=served)))
    monkeypatch.delenv("BENCHBENCH_DATA")
    result = call("prepare", card)
    assert isinstance(result.exception, UsageError) and "--data-root DIR" in str(result.exception)


def test_without_a_network_all_files_and_their_places_are_named(
    card: Path, served: str, tmp_path: Path
) -> None:
    card.write_text(CARD.format(n=3, downloads=DOWNLOADS.format(url=f"{served}/none")))
    result = call("prepare", card)
    assert isinstance(result.exception, BenchbenchError)
    for name in ("mine.zip", "scores.csv"):
        where = f"  {served}/none/{name}\n    to {tmp_path / 'data/mine' / name}"
        assert where in str(result.exception)


def test_a_refused_archive_is_removed_so_that_it_is_fetched_anew(
    card: Path, served: str, tmp_path: Path
) -> None:
    card.write_text(CARD.format(n=3, downloads=DOWNLOADS.format(url=served)))
    archive = tmp_path / "served/mine.zip"
    good = archive.read_bytes()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../evil.png", "x")
    result = call("prepare", card)
    assert "leads out of the folder; the archive is refused" in str(result.exception)
    assert not list((tmp_path / "data/mine").iterdir())
    archive.write_bytes(good)
    assert call("prepare", card).exit_code == 0


def test_an_archive_that_cannot_be_unpacked_here_says_how(
    card: Path, served: str, tmp_path: Path
) -> None:
    home = tmp_path / "data/mine"
    by_hand = f"unpack it by hand (7z x '{home / 'mine.rar'}' '-o{home}')"
    (tmp_path / "served/mine.rar").write_bytes(b"Rar!")
    rar = f'[[download]]\nurl = "{served}/mine.rar"\ninto = "mine"\n'
    card.write_text(CARD.format(n=3, downloads=rar))
    assert by_hand in str(call("prepare", card).exception)
    card.write_text(CARD.format(n=3, downloads=""))
    result = call("prepare", card)
    assert result.exit_code == 1 and by_hand in result.output


def test_a_set_behind_a_form_is_said_and_not_an_error_of_the_call(
    card: Path, tmp_path: Path
) -> None:
    result = call("prepare", card)
    assert result.exit_code == 1
    for text in ("mine: absent", "how to get it: write to its makers", "licence: ask",
                 f"expected: {tmp_path / 'data/mine/scores.csv'}", "pictures/[^/]+"):
        assert text in result.output


def test_a_folder_without_pictures_is_said(tmp_path: Path, store: Path) -> None:
    (tmp_path / "bare").mkdir()
    result = call("prepare", f"folder[path={tmp_path}/bare]")
    assert result.exit_code == 1, result.output
    assert "folder: absent" in result.output and f"expected: {tmp_path}/bare/" in result.output


def test_missing_pictures_are_counted_and_broken_ones_named(card: Path, tmp_path: Path) -> None:
    home = tmp_path / "data/mine"
    picture(home / "pictures/a.png")
    (home / "scores.csv").write_text("name,mos\na.png,1\nb.png,2\nc.png,3\n")
    result = call("prepare", card)
    assert result.exit_code == 1 and "mine: partial (1 of 3)" in result.output
    assert f"2 of 3 images are missing:\n  {home / 'pictures/b.png'}" in result.output
    assert "opened 1 images" in result.output
    (home / "pictures/b.png").write_bytes(b"no picture")
    broken = call("prepare", card)
    assert isinstance(broken.exception, BenchbenchError) and "b.png" in str(broken.exception)
    assert call("prepare", card, "--quick").exit_code == 1


def test_a_sheet_of_pictures(card: Path, tmp_path: Path, store: Path) -> None:
    from PIL import Image

    loose = tmp_path / "loose"
    picture(loose / "a.png", size=(64, 48))
    name = f"distorted[source=folder[path={loose}],with=jpeg+contrast,levels=1+5]"
    result = call("prepare", name, "--quick", "--sheet", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.output
    assert "2 rows of 3" in result.output
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 3 * 200
    several = call("prepare", name, card, "--sheet", tmp_path / "x.png")
    assert isinstance(several.exception, UsageError)


def test_a_backbone_is_fitted_and_its_filters_drawn(tmp_path: Path, store: Path) -> None:
    from PIL import Image

    name, path = "unique[units=9,patches=200]", tmp_path / "filters.png"
    result = call("prepare", name, "--sheet", path)
    assert result.exit_code == 0, result.output
    assert "fitting unique (9 units)" in result.output
    assert "fitted, kept in the store" in result.output
    assert len(list((store / "weights").glob("*.safetensors"))) == 1
    with Image.open(path) as sheet:
        assert sheet.size == (112, 112)
    without = call("prepare", "autoencoder[epochs=1]", "--sheet", path)
    assert isinstance(without.exception, UsageError)
    assert "no picture of its weights" in str(without.exception)
    unwritable = call("prepare", name, "--sheet", tmp_path / "absent" / "x.png")
    assert "cannot be written" in str(unwritable.exception)


def listed() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(call("list", "datasets", "--json").output)}


def test_the_list_shows_ready_partial_and_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    folder = tmp_path / "mdid"
    (folder / "distortion_images").mkdir(parents=True)
    for i in range(1600):
        (folder / f"distortion_images/img{i // 80 + 1:02}_{i % 80 + 1:02}.bmp").touch()
    (folder / "mos.txt").touch()
    picture(tmp_path / "kadid10k/images/I01_01_01.png")
    picture(tmp_path / "kadid10k/images/I01.png")
    rows = listed()
    assert rows["mdid"]["state"] == "ready"
    assert rows["kadid10k"]["state"] == "partial (1 of 10125, no dmos.csv)"
    assert rows["tid2013"]["state"] == "absent" and rows["demo"]["state"] == "made here"
    assert (rows["live"]["score"], rows["live"]["images"]) == ("dmos", 779)
    (folder / "distortion_images/img20_80.bmp").unlink()
    assert listed()["mdid"]["state"] == "partial (1599 of 1600)"


def test_the_list_finds_a_set_in_its_other_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "cifar10/test/cat/1.png")
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    found = {row["name"]: row for row in json.loads(call("list", "datasets", "--json").output)}
    assert found["cifar10"]["state"] == "partial (1 of 60000) with layout=folders"
    assert found["koniq10k"]["state"] == "absent"


def test_the_list_of_the_real_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHBENCH_DATA", str(shared_data))
    rows = listed()
    assert rows["tid2013"]["state"] == "partial (1 of 3000)"
    assert rows["gtsrb"]["state"] == "partial (3440 of 39209)"


def test_the_list_imports_nothing_heavy(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = ("import sys; from benchbench.cli import cli; "
            "cli(['list', 'datasets'], standalone_mode=False); "
            "print(sorted({'torch', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))")
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                         cwd=root).stdout
    assert out.splitlines()[-1] == "[]"


def test_every_card_is_valid_and_says_how_to_get_it(tmp_path: Path) -> None:
    for name, path in first_party_cards().items():
        given = {"path": str(tmp_path)} if name == "folder" else {}
        card, _ = read_card(path, given)
        assert card.name == name and card.summary
        if name != "folder":
            assert card.obtain and card.licence and card.citation and card.folder.lower() in (
                name, "cifar-10-c", name.removesuffix("-subset"))
        if card.score is not None:
            assert card.size == "native" and card.score.range and card.n_official
        else:
            assert card.size == "model"
