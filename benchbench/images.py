"""Reading image files as a viewer shows them, and knowing their content before a sweep starts.

What is done with the odd ones: EXIF rotation is applied; palette, greyscale, CMYK and bilevel
become RGB; 16-bit samples keep their high byte; transparent pixels are laid on white, as browsers
do; of an animation the first frame is taken. Embedded colour profiles are not applied, as is usual
in the quality literature. Refused: empty, truncated and unreadable files, colour modes without a
displayable range (float, 32-bit integer, Lab), and images over 100 megapixels.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from benchbench.digests import Stamp, recall, remember, stamp
from benchbench.errors import DataError
from benchbench.interfaces import ImageFacts

if TYPE_CHECKING:
    from benchbench.interfaces import Dataset

MAX_PIXELS = 100_000_000
_SHOWN = 5
_CHUNK = 256
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    struct.error,
    zlib.error,
)


def read_image(path: str | Path) -> np.ndarray:
    """The image as uint8 ``[height, width, 3]``, RGB, as a viewer shows it.

    ``DataError`` names the file, the reason and what to do.
    """
    data = _read(Path(path))
    pixels = _quickly(data)
    return _decode(data, Path(path)) if pixels is None else pixels


def inspect_files(paths: Sequence[str | Path]) -> list[ImageFacts]:
    """SHA-256 of each file's bytes and the size of the image in it, in the order of ``paths``.

    Every file is decoded to its end, so that a truncated one is found now. What was found is
    remembered until the file changes. ``DataError`` counts the files that cannot be used and names
    the first five, each with its place in ``paths``, counted from 1.
    """
    found, bad = _inspect(paths)
    if bad:
        raise _refusal({i: f"entry {i + 1}: {text}" for i, text in bad.items()}, len(paths))
    return [found[i] for i in range(len(paths))]


def inspect_dataset(dataset: Dataset, images: Sequence[str]) -> list[ImageFacts]:
    """Digest and size of each of the dataset's images.

    Images with a path are identified by their file's bytes, others by their pixels. ``DataError``
    counts the images that cannot be used and names the first five, each with its table row,
    counted from 1.
    """
    paths = {i: path for i, image in enumerate(images) if (path := dataset.path(image)) is not None}
    places = list(paths)
    on_disk, failed = _inspect([paths[i] for i in places])
    found = {places[k]: facts for k, facts in on_disk.items()}
    bad = {places[k]: text for k, text in failed.items()}
    for i, image in enumerate(images):
        if i in paths:
            continue
        try:
            found[i] = _of_pixels(dataset.load(image), image)
        except DataError as error:
            bad[i] = str(error)
    if bad:
        row = _rows(dataset)
        raise _refusal({i: f"{row(images[i])}: {text}" for i, text in bad.items()}, len(images))
    return [found[i] for i in range(len(images))]


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; put it there or correct its name") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: a folder, not an image; name the file in it") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the disk") from error
    if not data:
        raise DataError(f"{path}: the file is empty (0 bytes); copy it anew")
    return data


def _quickly(data: bytes) -> np.ndarray | None:
    """An ordinary JPEG by torchvision's decoder, where that is loaded: the same pixels to the bit
    in two thirds of the time. None for every other file, which Pillow reads or refuses."""
    torchvision: Any = sys.modules.get("torchvision.io")
    if not data.startswith(b"\xff\xd8") or not hasattr(torchvision, "decode_jpeg"):
        return None
    import torch

    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            odd = image.format != "JPEG" or image.mode not in {"RGB", "L"}
            if odd or turned or image.width * image.height > MAX_PIXELS:
                return None
        content = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        mode = torchvision.ImageReadMode.RGB
        decoded = torchvision.decode_jpeg(content, mode)
        pixels: np.ndarray = decoded.permute(1, 2, 0).numpy()
        return np.ascontiguousarray(pixels)
    except (*_DECODING_ERRORS, RuntimeError, Warning, Image.DecompressionBombError):
        return None


def _decode(data: bytes, path: Path) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_large(path, f"{width}x{height} pixels")
            image.load()
            return np.asarray(_as_shown(image, path))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, "too many pixels") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: not an image in a known format; copy it anew or convert it to PNG"
        ) from error
    except _DECODING_ERRORS as error:
        raise DataError(f"{path}: truncated or damaged ({error}); copy it anew") from error


def _too_large(path: Path, found: str) -> DataError:
    limit = MAX_PIXELS // 1_000_000
    return DataError(f"{path}: {found}, over the limit of {limit} megapixels; scale it down")


def _as_shown(image: Image.Image, path: Path) -> Image.Image:
    ImageOps.exif_transpose(image, in_place=True)
    shown = image
    if (shown.mode == "I" and image.format in {"PNG", "PPM"}) or shown.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 and turns nearly everything white.
        samples = np.asarray(shown).astype(np.uint16)
        return Image.fromarray((samples >> 8).astype(np.uint8)).convert("RGB")
    if shown.mode in {"F", "I", "LAB"} or shown.mode.startswith("I;"):
        raise DataError(
            f"{path}: colour mode {shown.mode!r} has no range to display; "
            "convert it to 8-bit or 16-bit grey or RGB"
        )
    if shown.has_transparency_data:
        shown = shown.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        return Image.alpha_composite(white, shown).convert("RGB")
    return shown if shown.mode == "RGB" else shown.convert("RGB")


def _inspect(paths: Sequence[str | Path]) -> tuple[dict[int, ImageFacts], dict[int, str]]:
    """Facts and complaints by place."""
    seen_ns = time.time_ns()
    stamps: dict[int, Stamp] = {}
    for i, path in enumerate(paths):
        if (found := stamp(path)) is not None:
            stamps[i] = found
    known = recall(list(stamps.values()))
    facts = {i: known[s] for i, s in stamps.items() if s in known}
    todo = [i for i in range(len(paths)) if i not in facts]
    bad: dict[int, str] = {}
    lock = threading.Lock()

    def look(i: int) -> None:
        path = Path(paths[i])
        try:
            data = _read(path)
            height, width = _decode(data, path).shape[:2]
        except DataError as error:
            with lock:
                bad[i] = str(error)
            return
        with lock:
            facts[i] = ImageFacts(hashlib.sha256(data).hexdigest(), height, width)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(todo), _CHUNK):
            chunk = todo[start : start + _CHUNK]
            list(pool.map(look, chunk))
            remember({stamps[i]: facts[i] for i in chunk if i in facts and i in stamps}, seen_ns)
    return facts, dict(sorted(bad.items()))


def _of_pixels(pixels: np.ndarray, image: str) -> ImageFacts:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise DataError(
            f"image {image!r}: loaded as {pixels.dtype} {list(pixels.shape)}, expected uint8 "
            "[height, width, 3]; correct the dataset's load()"
        )
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return ImageFacts(digest.hexdigest(), *pixels.shape[:2])


def _rows(dataset: Dataset) -> Callable[[str], str]:
    """Says where the table names an image; only asked for when something is wrong."""
    table = dataset.table()
    first: dict[str, str] = {}
    for column, words in (("image", "row {}"), ("reference", "reference of row {}")):
        if column in table:
            for number, name in enumerate(table[column], start=1):
                if isinstance(name, str):
                    first.setdefault(name, words.format(number))
    return lambda image: first.get(image, f"image {image!r}")


def _refusal(complaints: dict[int, str], of: int) -> DataError:
    lines = [complaints[i] for i in sorted(complaints)]
    shown = "".join(f"\n  {line}" for line in lines[:_SHOWN])
    more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return DataError(f"{len(lines)} of {of} images cannot be used:{shown}{more}")
