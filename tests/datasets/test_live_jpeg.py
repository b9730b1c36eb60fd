"""LIVE's JPEG files come out of their references, to the bit, at the quality that LIVE used."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from benchbench_plugins.distortions.compression import jpeg
from PIL import Image

from benchbench.images import read_image

# LIVE's table of bit rates does not come with these files: the qualities were found by search over
# 1 to 100 and the three subsamplings, and are the only ones that give these pixels.
QUALITIES = {
    "buildings": {163: 30, 43: 12, 162: 3},
    "monarch": {96: 94, 178: 32, 18: 10, 170: 1},
    "parrots": {32: 21, 103: 19, 149: 8, 196: 1},
}
FILES = [(content, number, quality) for content, files in QUALITIES.items()
         for number, quality in files.items()]


def test_these_are_all_of_them(shared_data: Path) -> None:
    assert len(list((shared_data / "live/jpeg").glob("*.bmp"))) == len(FILES)


@pytest.mark.parametrize(("content", "number", "quality"), FILES)
def test_live_s_jpeg_files_are_reproduced(
    shared_data: Path, content: str, number: int, quality: int
) -> None:
    reference = read_image(shared_data / f"live/refimgs/{content}.bmp")
    published = read_image(shared_data / f"live/jpeg/img{number}.bmp")
    rng = np.random.default_rng(0)
    pixels = reference.astype(np.float32) / 255
    made = np.rint(jpeg(pixels, quality, rng) * 255).astype(np.uint8)
    np.testing.assert_array_equal(made, published)
    other = np.rint(jpeg(pixels, quality + 1, rng) * 255).astype(np.uint8)
    assert np.abs(other.astype(int) - published).max() > 1
    # Sheikh et al.: JPEG at 0.15 to 3.34 bits a pixel.
    file = io.BytesIO()
    Image.fromarray(reference).save(file, "JPEG", quality=quality)
    assert 0.15 < 8 * len(file.getvalue()) / reference[..., 0].size < 3.34
