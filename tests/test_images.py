"""Reading images: the odd formats and the unreadable files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchbench import DataError
from benchbench.images import inspect_files, read_image


@pytest.fixture
def pixels() -> np.ndarray:
    """Smooth, so that JPEG keeps it, and different in every corner, so that turns are seen."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, 255 - x * 2 - y], axis=2).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm"])
def test_lossless_formats_come_out_as_they_went_in(
    tmp_path: Path, pixels: np.ndarray, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path)
    assert np.array_equal(read_image(path), pixels)


def test_result_is_rgb_uint8(tmp_path: Path, pixels: np.ndarray) -> None:
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"):
        picture = Image.fromarray(pixels).convert(mode)
        path = tmp_path / f"{mode}.{'jpg' if mode in ('CMYK', 'YCbCr') else 'png'}"
        picture.save(path)
        shown = read_image(path)
        assert shown.shape == (40, 60, 3), mode
        assert shown.dtype == np.uint8, mode


def test_grey_is_the_same_in_all_channels(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), pixels[..., :1].repeat(3, axis=2))


def test_palette_gives_its_colours(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1])
    picture.save(tmp_path / "p.png")
    assert read_image(tmp_path / "p.png").tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_cmyk_jpeg_looks_like_its_rgb(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    difference = read_image(tmp_path / "c.jpg").astype(int) - pixels
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(
    tmp_path: Path, pixels: np.ndarray, orientation: int
) -> None:
    # What has to be done to the stored pixels, by the EXIF standard's table.
    shown: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "r.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "r.png"), shown[orientation](pixels))
    [facts] = inspect_files([tmp_path / "r.png"])
    assert (facts.height, facts.width) == ((60, 40) if orientation > 4 else (40, 60))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_hide_a_good_image(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert np.array_equal(read_image(tmp_path / "x.png"), pixels)


def test_sixteen_bits_keep_their_high_byte(tmp_path: Path) -> None:
    samples = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for name in ("g.png", "g.tif"):
        Image.fromarray(samples).save(tmp_path / name)
        assert read_image(tmp_path / name)[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    (tmp_path / "g.pgm").write_bytes(b"P5 5 1 65535\n" + samples.astype(">u2").tobytes())
    assert read_image(tmp_path / "g.pgm")[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_sixteen_bit_rgb_png(tmp_path: Path) -> None:
    path = tmp_path / "rgb16.png"
    path.write_bytes(_png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 0, 256, 65535, 32768, 512, 1)))
    assert read_image(path).tolist() == [[[0, 1, 255], [128, 2, 0]]]


def test_transparent_pixels_are_laid_on_white(tmp_path: Path) -> None:
    rgba = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    shown = read_image(tmp_path / "a.png")[0].tolist()
    assert shown[:2] == [[200, 0, 0], [255, 255, 255]]
    assert shown[2][0] in (126, 127, 128)


def test_transparent_palette_entry_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1])
    picture.save(tmp_path / "t.png", transparency=1)
    assert read_image(tmp_path / "t.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    how = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"m.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **how)
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


def test_modes_without_a_range_are_refused(tmp_path: Path) -> None:
    for samples in (np.ones((4, 4), np.float32), np.ones((4, 4), np.int32)):
        Image.fromarray(samples).save(tmp_path / "f.tif")
        with pytest.raises(DataError, match=r"f\.tif: colour mode .* convert it"):
            read_image(tmp_path / "f.tif")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp", "tif"])
def test_truncated_files_are_found(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"t.{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    for kept in (len(data) // 2, len(data) // 4, 20):
        path.write_bytes(data[:kept])
        with pytest.raises(DataError, match=rf"t\.{suffix}: .*; copy it anew"):
            read_image(path)


def test_damaged_png_data_are_found(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    data = bytearray(_png(1, 1, 8, 2, b"\0abc"))
    data[-20] ^= 255
    path.write_bytes(data)
    with pytest.raises(DataError, match="truncated or damaged"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", r"empty \(0 bytes\)"), (b"no picture at all", "not an image in a known format")],
)
def test_files_that_are_no_images(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "n.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"n\.png: .*{reason}"):
        read_image(tmp_path / "n.png")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(DataError, match="a folder, not an image"):
        read_image(tmp_path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_001, 20_000])
def test_over_a_hundred_megapixels_is_refused_unread(tmp_path: Path, side: int) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(_png(side, side, 1, 0, b""))
    with pytest.raises(DataError, match=r"huge\.png: .*over the limit of 100 megapixels"):
        read_image(path)


def _png(width: int, height: int, depth: int, kind: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    buffer = io.BytesIO()
    buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    buffer.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return buffer.getvalue()
