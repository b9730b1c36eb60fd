"""Miniature copies of datasets in their official layouts, and ways to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.catalogue import make_dataset
from benchbench.names import parse


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (12, 10)) -> Path:
    """A small picture of its own content, in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    kind = {".ppm": "PPM", ".bmp": "BMP", ".png": "PNG"}.get(path.suffix.lower(), "JPEG")
    Image.fromarray(pixels).save(path, kind)
    return path


def read(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The dataset of that name below ``root``."""
    monkeypatch.setenv("BENCHBENCH_DATA", str(root))
    return make_dataset(parse(name)).part


def cell(names: list[str]) -> np.ndarray:
    """Names as MATLAB keeps them: a column of cells."""
    found = np.empty((len(names), 1), dtype=object)
    for i, name in enumerate(names):
        found[i, 0] = name
    return found


LIVE = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}


def live(folder: Path) -> dict[str, np.ndarray]:
    """The tables of LIVE release 2: in each folder the last images are the copies, so that 203 of
    982 are. Scores are made up; no images."""
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    copies = {"jp2k": 58, "jpeg": 58, "wn": 29, "gblur": 29, "fastfading": 29}
    orgs = np.concatenate([np.r_[np.zeros(n - copies[k]), np.ones(copies[k])]
                           for k, n in LIVE.items()])
    references = [f"ref{i % 29}.bmp" for i in range(982)]
    dmos = np.where(orgs == 1, 0, rng.uniform(1, 100, 982))
    std = rng.uniform(1, 3, 982)
    folder.mkdir(parents=True)
    savemat(folder / "dmos_realigned.mat",
            {"dmos_new": dmos[None] - 2, "dmos_std": std[None], "orgs": orgs[None]})
    savemat(folder / "dmos.mat", {"dmos": dmos[None], "orgs": orgs[None]})
    savemat(folder / "refnames_all.mat", {"refnames_all": cell(references).T})
    return {"dmos": dmos, "std": std, "orgs": orgs, "references": np.array(references)}


def csiq(folder: Path, rows: list[tuple[Any, int, str, int, float, float]]) -> None:
    """The Excel sheet of CSIQ: headers in row 4, columns D to I."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "notes"
    sheet = book.create_sheet("all_by_image")
    sheet["D1"] = "CSIQ DMOS"
    for column, name in enumerate(("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"),
                                  start=4):
        sheet.cell(4, column, name)
        for line, row in enumerate(rows, start=5):
            sheet.cell(line, column, row[column - 4])
    folder.mkdir(parents=True, exist_ok=True)
    book.save(folder / "csiq.DMOS.xlsx")
