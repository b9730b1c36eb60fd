"""A picture of what the hidden units of UNIQUE's autoencoders look for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchbench_plugins.unique.patches import CHANNELS, SIDE

if TYPE_CHECKING:
    import numpy as np
    import torch

_ZOOM, _GAP = 4, 4


def filter_sheet(encoders: Sequence[torch.Tensor]) -> np.ndarray:
    """One tile a unit of each encoder weight ``[units, 192]``, uint8 ``[height, width, 3]``.

    A row of weights is a pattern in (Y, G, Cr), shown in RGB with the inverse of BT.601 taken at
    zero, each tile on its own range around middle grey.
    """
    import numpy as np

    sheets = [_grid(weight.detach().cpu().numpy()) for weight in encoders]
    width = max(sheet.shape[1] for sheet in sheets)
    rows = []
    for sheet in sheets:
        rows.append(np.full((sheet.shape[0], width, 3), 255, np.uint8))
        rows[-1][:, : sheet.shape[1]] = sheet
    return np.concatenate(rows)


def colours(weight: np.ndarray) -> np.ndarray:
    """Patterns ``[units, 192]`` as RGB in -1…1, ``[units, 8, 8, 3]``."""
    import numpy as np

    # A patch lists its channels one after the other, each column by column.
    luma, green, red_difference = (
        weight.reshape(-1, CHANNELS, SIDE, SIDE).transpose(1, 0, 3, 2).astype(np.float64)
    )
    # BT.601's Y = (65.481 R + 128.553 G + 24.966 B) / 255 and Cr = (112 R - …) / 255, from which
    # R = 1.164 Y + 1.596 Cr; blue is what is left of the luma.
    red = 255 / 219 * luma + 255 / 224 * 1.402 * red_difference
    blue = (255 / 219 * luma - 0.299 * red - 0.587 * green) / 0.114
    shown = np.stack([red, green, blue], -1)
    largest = np.abs(shown).max((1, 2, 3), keepdims=True)
    return np.asarray(shown / np.where(largest > 0, largest, 1))


def _grid(weight: np.ndarray) -> np.ndarray:
    import numpy as np

    columns = math.ceil(math.sqrt(len(weight)))
    step = SIDE * _ZOOM + _GAP
    rows = math.ceil(len(weight) / columns)
    sheet = np.full((rows * step + _GAP, columns * step + _GAP, 3), 255, np.uint8)
    tiles = np.rint(127.5 + 127.5 * colours(weight)).astype(np.uint8)
    for i, tile in enumerate(tiles.repeat(_ZOOM, 1).repeat(_ZOOM, 2)):
        top, left = _GAP + i // columns * step, _GAP + i % columns * step
        sheet[top : top + SIDE * _ZOOM, left : left + SIDE * _ZOOM] = tile
    return sheet
