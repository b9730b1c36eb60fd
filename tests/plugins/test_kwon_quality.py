"""Kwon et al.'s quality experiment by its one command, on miniatures of both official layouts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter
from scipy.io import savemat

from benchbench.cli import cli
from tests.datasets.layouts import cell as as_cells

SIDE = 64
ROWS = ["kwon-gradient", "unique", "ms-unique", "psnr", "ssim"]
PUBLISHED = {"tid2013": "0.865", "live-md": "0.887"}
"""SROCC of the gradient, from the poster's bar chart."""
MS_UNIQUE = {81: "_81x192", 121: "_121x192", 169: "_169x192", 400: "", 625: "_625x192"}


def save(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "BMP")


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, sigma, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def contents(real: Path) -> dict[str, Image.Image]:
    """Six: the middles of three of TID2013's own references, and three made pictures."""
    made = {}
    for number in ("01", "04", "19"):
        picture = Image.open(real / f"reference_images/I{number}.BMP")
        made[number] = picture.crop((200, 150, 200 + SIDE, 150 + SIDE))
    for number in ("02", "03", "05"):
        coarse = np.random.default_rng(int(number)).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        made[number] = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return made


def tid2013(real: Path, root: Path) -> None:
    """Two types at three levels, with the real lines of the real table, case as it is there."""
    pictures, kept = contents(real), []
    for line in (real / "mos_with_names.txt").read_text().splitlines():
        name = line.split()[1]
        number, kind, level = name[1:-4].split("_")
        if number in pictures and kind in ("01", "08") and level in "135":
            kept.append(line)
            changed = (noisy(pictures[number], 6 * int(level)) if kind == "01" else
                       pictures[number].filter(ImageFilter.GaussianBlur(int(level) / 2)))
            save(root / "distorted_images" / name, changed)
    for number, picture in pictures.items():
        save(root / f"reference_images/I{number}.BMP", picture)
    (root / "mos_with_names.txt").write_text("\n".join(kept) + "\n")
    (root / "mos_std.txt").write_text("0.1\n" * len(kept))


def live_md(real: Path, root: Path) -> None:
    for part, kind in (("Part 1", "blurjpeg"), ("Part 2", "blurnoise")):
        names, scores = [], []
        for content, picture in contents(real).items():
            save(root / part / kind / f"c{content}.bmp", picture)
            for level in (1, 2, 3):
                names.append(f"c{content}_blur{level}_{kind[4:]}{level}.bmp")
                scores.append(20.0 * level + int(content))
                blurred = picture.filter(ImageFilter.GaussianBlur(level / 2))
                save(root / part / kind / names[-1], noisy(blurred, 5 * level))
        savemat(root / part / "Imagelists.mat", {"distimgs": as_cells(names)})
        savemat(root / part / "Scores.mat", {"DMOSscores": np.array([scores])})


def test_one_command_prints_our_rows_and_the_published_ones(
    shared_data: Path, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHBENCH_DATA", "")  # --data-root sets it for the whole process
    tid2013(shared_data / "tid2013", tmp_path / "data/tid2013")
    live_md(shared_data / "tid2013", tmp_path / "data/live-md")
    home = shared_data / "weights/unique"
    files = {n: home / f"ImageNet_Weights_YGCr{name}.mat" for n, name in MS_UNIQUE.items()}
    five = ",".join(f"w{n}={path}" for n, path in files.items())
    done = CliRunner().invoke(cli, [
        "run", "--features", ",".join(ROWS), "--task", "iqa", "--dataset", "tid2013,live-md",
        "--backbone", f"unique[weights={files[400]}],ms-unique[{five}]", "--no-controls",
        "--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "runs")])  # fmt: skip
    assert done.exit_code == 0, done.output
    cells = [json.loads(path.read_text()) for path in (tmp_path / "runs/cells").glob("*.json")]
    assert sorted(cell["status"] for cell in cells) == ["ok"] * 10 + ["skipped"] * 6
    for name, gradient in PUBLISHED.items():
        table = done.output.split(f"iqa · {name} · score as it is\n")[-1].split("\niqa · ")[0]
        for row in ROWS:
            assert re.search(rf"^{row} +\S+ +-?[01]\.\d\d\d ", table, re.M), (row, table)
        assert re.search(rf"^Kwon et al\. \(gradients\) +published \[1\] +{gradient}$", table, re.M)
        assert re.search(r"^UNIQUE \(activations\) +published \[2\] ", table, re.M)
        assert "published [1]: ICIP 2019 poster, read from its bar chart" in table
        assert "published [2]: ICIP 2019 table, recalled from memory" in table
