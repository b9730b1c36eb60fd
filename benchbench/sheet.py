"""A picture sheet: what a dataset's images look like, at one glance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from benchbench.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from benchbench.interfaces import Dataset

_LABEL, _GAP = 14, 4
_COLUMNS, _MOST = 6, 60


def contact_sheet(
    dataset: Dataset, path: str | Path, group: str | None = None, width: int = 240
) -> tuple[int, int]:
    """Write a sheet of one content's images to ``path`` and return its rows and columns.

    One row a distortion, one column a level, the reference first; a dataset without distortions
    fills rows of six, up to 60 images. ``group`` names the content (by default the first);
    ``width`` is a picture's, in pixels. Pictures are shrunk, never enlarged.
    """
    table = dataset.table()
    if table.empty:
        raise DataError(f"dataset {dataset.name!r}: no images to show")
    grid = _by_level(_of_group(table, group)) if _has_levels(table) else _plain(table, group)
    sheet = _paint(dataset, grid, width)
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be written ({error}); name a .png file") from error
    return len(grid), max(map(len, grid))


def _has_levels(table: pd.DataFrame) -> bool:
    return {"distortion", "level"} <= set(table) and bool(table["distortion"].notna().any())


def _of_group(table: pd.DataFrame, group: str | None) -> pd.DataFrame:
    if "group" not in table:
        return table
    groups = [str(name) for name in table["group"].unique()]
    chosen = groups[0] if group is None else group
    if chosen not in groups:
        hint = nearest(chosen, groups) or f"the first is {groups[0]!r}"
        raise UsageError(f"group {chosen!r}: not in this dataset; {hint}")
    return table[table["group"].astype(str) == chosen]


def _by_level(table: pd.DataFrame) -> list[list[tuple[str, str] | None]]:
    """Rows of image and label; None where the dataset has no such level."""
    reference = None
    if "reference" in table and table["reference"].notna().any():
        name = str(table["reference"].dropna().iloc[0])
        reference = (name, f"reference {name}")
    levels = sorted(table["level"].dropna().unique())
    grid = []
    for distortion, rows in table[table["distortion"].notna()].groupby("distortion", sort=False):
        by_level = dict(zip(rows["level"], rows["image"], strict=True))
        cells = [(by_level[x], f"{distortion} {x}") if x in by_level else None for x in levels]
        grid.append([reference, *cells] if reference else cells)
    return grid


def _plain(table: pd.DataFrame, group: str | None) -> list[list[tuple[str, str] | None]]:
    shown = table if group is None else _of_group(table, group)
    cells = [(str(name), str(name)) for name in shown["image"][:_MOST]]
    return [list(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]


def _paint(
    dataset: Dataset, grid: list[list[tuple[str, str] | None]], width: int
) -> Image.Image:
    thumbnails: dict[str, Image.Image] = {}
    for name in dict.fromkeys(cell[0] for row in grid for cell in row if cell):
        thumbnails[name] = Image.fromarray(dataset.load(name))
        thumbnails[name].thumbnail((width, 4 * width), Image.Resampling.LANCZOS)
    heights = [max(thumbnails[c[0]].height if c else 0 for c in row) + _LABEL for row in grid]
    columns = max(map(len, grid))
    size = (columns * (width + _GAP) + _GAP, sum(heights) + _GAP * (len(grid) + 1))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for row, height in zip(grid, heights, strict=True):
        for column, cell in enumerate(row):
            left = _GAP + column * (width + _GAP)
            if cell:
                draw.text((left, top), cell[1], fill="black")
                sheet.paste(thumbnails[cell[0]], (left, top + _LABEL))
        top += height + _GAP
    return sheet
