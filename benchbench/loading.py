"""Images from a dataset to the device: decoded once, by workers, in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torchvision.io  # noqa: F401  -- read_image decodes JPEG with it where it is loaded

from benchbench.errors import DataError
from benchbench.interfaces import Dataset
from benchbench.preprocessing import Preprocessing

if TYPE_CHECKING:
    import numpy as np

FEW = 16
"""Up to this many images, starting worker processes costs more than it saves."""

PACK = 8
"""Crops that a worker hands over at once: one by one, handing over costs as much as resizing."""


@dataclass(slots=True)
class Loaded:
    """One image: its place in the list, uint8 ``[3, height, width]`` at native size, and after
    resizing and cropping. ``pixels`` is ``prepared`` where nobody asked for the native size."""

    index: int
    pixels: torch.Tensor
    prepared: torch.Tensor


class _Items(torch.utils.data.Dataset[dict[str, Any]]):
    def __init__(self, dataset: Dataset, images: Sequence[str], order: Sequence[int],
                 preprocessing: Preprocessing, native: bool) -> None:
        self.dataset, self.images, self.order = dataset, images, order
        self.preprocessing, self.native = preprocessing, native

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> dict[str, Any]:
        index = self.order[place]
        image = self.images[index]
        try:
            array = self.dataset.load(image)
            if array.ndim != 3 or array.shape[2] != 3 or array.dtype.name != "uint8":
                raise DataError(f"load gave {array.dtype} {array.shape}, expected uint8 [H, W, 3]")
            prepared = self.preprocessing.apply(array)
        except Exception as error:  # said in the main process, with the image's name
            return {"index": index, "error": f"image {image!r}: {type(error).__name__}: {error}"}
        native = self.native and prepared is not array
        return {"index": index, "prepared": _tensor(prepared),
                "pixels": _tensor(array) if native else None}


def load_images(
    dataset: Dataset, images: Sequence[str], order: Sequence[int], preprocessing: Preprocessing,
    device: torch.device, workers: int | None = None, native: bool = True,
) -> Iterator[Loaded]:
    """The images of ``order`` one by one. Raises ``DataError`` that names an unreadable one.

    ``native``: whether anybody asks for the pixels at native size.
    """
    if workers is None:
        cores = os.cpu_count() or 1
        workers = min(cores, 16) if device.type == "cuda" else max(1, cores - 1)
    workers = workers if len(order) > FEW else 0
    pack = 1 if native or preprocessing.crop is None else PACK  # crops have one size
    loader: torch.utils.data.DataLoader[Any] = torch.utils.data.DataLoader(
        _Items(dataset, images, order, preprocessing, native),
        batch_size=pack,
        num_workers=workers,
        prefetch_factor=16 // pack if workers else None,
        pin_memory=device.type == "cuda",
        collate_fn=_packed,
    )
    for items, prepared in loader:
        for place, item in enumerate(items):
            if "error" in item:
                raise DataError(item["error"])
            crop = prepared[place].permute(2, 0, 1)
            pixels = item["pixels"]
            yield Loaded(item["index"], crop if pixels is None else pixels.permute(2, 0, 1), crop)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _packed(items: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Any]:
    """Up to the first error: the items, and their prepared images in one tensor."""
    end = next((i for i, item in enumerate(items) if "error" in item), len(items))
    prepared = [item.pop("prepared") for item in items[:end]]
    if len(prepared) > 1:
        return items[: end + 1], torch.utils.data.default_collate(prepared)
    return items[: end + 1], prepared[0][None] if prepared else None
