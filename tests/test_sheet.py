"""The picture sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchbench import UsageError, dataset
from benchbench.sheet import contact_sheet


def test_rows_are_types_and_columns_levels(tmp_path: Path) -> None:
    made = dataset("distorted[source=photographs,with=imagenet-c-contrast+jpeg,levels=1+4+5]")
    path = tmp_path / "sheet.png"
    assert contact_sheet(made, path, group="coffee", width=120) == (2, 4)
    with Image.open(path) as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (2 * (80 + 14) + 3 * 4, 4 * 124 + 4, 3)
    pictures = sheet[18:98].reshape(80, -1, 3)
    spread = [pictures[:, 4 + 124 * i : 124 * (i + 1)].std() for i in range(4)]
    assert all(np.diff(spread) < 0), "contrast goes down from the reference to level 5"


def test_without_levels_images_fill_rows_of_six(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert contact_sheet(dataset("photographs[set=all]"), path, width=60) == (3, 6)
    with Image.open(path) as sheet:
        assert sheet.width == 6 * 64 + 4


def test_unknown_group_and_unwritable_file(tmp_path: Path) -> None:
    made = dataset("distorted[source=photographs,with=jpeg,levels=1]")
    with pytest.raises(UsageError, match="group 'cofee': not in this dataset; did you mean"):
        contact_sheet(made, tmp_path / "sheet.png", group="cofee")
    with pytest.raises(UsageError, match="cannot be written"):
        contact_sheet(made, tmp_path / "no" / "sheet.png")
    with pytest.raises(UsageError, match=r"name a \.png file"):
        contact_sheet(made, tmp_path / "sheet.strange")
