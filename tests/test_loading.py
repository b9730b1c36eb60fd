"""Images from a dataset to the sweep: by workers, packed or one by one, always the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchbench import DataError, Dataset
from benchbench.images import read_image
from benchbench.loading import FEW, PACK, load_images
from benchbench.preprocessing import Preprocessing

N = FEW + PACK + 3
CPU = torch.device("cpu")


class Noise(Dataset):
    """Images of several sizes; those named ``bad`` cannot be read."""

    name = "noise"

    def load(self, image: str) -> np.ndarray:
        if image.startswith("bad"):
            raise DataError(f"{image} is damaged")
        number = int(image)
        random = np.random.default_rng(number)
        return random.integers(0, 256, (20 + number % 3, 24, 3), np.uint8)


NAMES = [str(number) for number in range(N)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("size", ["model", "native"])
@pytest.mark.parametrize("native", [True, False])
def test_every_image_comes_once_and_in_order(workers: int, size: str, native: bool) -> None:
    preprocessing = Preprocessing(size, model_size=(16, 16), resize=18)
    order = list(range(N))[::-1]
    loaded = list(load_images(Noise(), NAMES, order, preprocessing, CPU, workers, native))
    assert [item.index for item in loaded] == order
    for item in loaded:
        array = Noise().load(NAMES[item.index])
        expected = preprocessing.apply(array)
        np.testing.assert_array_equal(item.prepared.permute(1, 2, 0), expected)
        if native or size == "native":
            np.testing.assert_array_equal(item.pixels.permute(1, 2, 0), array)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_image_ends_it_by_name_after_those_before_it(workers: int) -> None:
    names = [*NAMES[:11], "bad-11", *NAMES[12:]]
    images = load_images(Noise(), names, range(N), Preprocessing(model_size=(16, 16), resize=18),
                         CPU, workers, native=False)
    seen = []
    with pytest.raises(DataError, match="image 'bad-11': DataError: bad-11 is damaged"):
        for item in images:
            seen.append(item.index)
    assert seen == list(range(11))


@pytest.mark.filterwarnings("ignore:The image decoding")
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [
    {"quality": 30}, {"quality": 95, "subsampling": 0}, {"quality": 75, "subsampling": 1},
    {"quality": 75, "progressive": True},
    {"quality": 90, "optimize": True, "restart_marker_rows": 1},
])
def test_jpegs_decode_as_pillow_decodes_them(
    tmp_path: Path, mode: str, options: dict[str, int]
) -> None:
    y, x = np.mgrid[0:67, 0:91]
    noise = np.random.default_rng(0).integers(0, 40, (67, 91, 3))
    pixels = np.stack([x * 2, y * 3, 255 - x - y], axis=2) // 2 + noise
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(tmp_path / "a.jpg", **options)
    expected = np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), expected)


@pytest.mark.filterwarnings("ignore:The image decoding")
def test_real_jpegs_decode_as_pillow_decodes_them(shared_data: Path) -> None:
    for file in sorted((shared_data / "imagenet_sample/images").iterdir()):
        expected = np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))
        np.testing.assert_array_equal(read_image(file), expected, err_msg=file.name)


def test_a_jpeg_turned_by_exif_is_turned(tmp_path: Path) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100)
    shown = read_image(tmp_path / "a.jpg")
    assert shown.shape == (32, 16, 3)
    assert shown[:14].min() > 250 and shown[18:].max() < 5
