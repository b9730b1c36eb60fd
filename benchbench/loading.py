"""Images from a dataset to the device: decoded once, by workers, in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchbench.errors import DataError
from benchbench.interfaces import Dataset
from benchbench.preprocessing import Preprocessing

FEW = 16
"""Up to this many images, starting worker processes costs more than it saves."""


@dataclass(slots=True)
class Loaded:
    """One image: its place in the list, uint8 ``[3, height, width]`` at native size, and after
    resizing and cropping."""

    index: int
    pixels: torch.Tensor
    prepared: torch.Tensor


class _Items(torch.utils.data.Dataset[dict[str, Any]]):
    def __init__(self, dataset: Dataset, images: Sequence[str], order: Sequence[int],
                 preprocessing: Preprocessing) -> None:
        self.dataset, self.images, self.order = dataset, images, order
        self.preprocessing = preprocessing

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
        native = torch.from_numpy(array.copy()).permute(2, 0, 1)
        if prepared is array:
            return {"index": index, "pixels": native, "prepared": None}
        cropped = torch.from_numpy(prepared.copy()).permute(2, 0, 1)
        return {"index": index, "pixels": native, "prepared": cropped}


def load_images(
    dataset: Dataset, images: Sequence[str], order: Sequence[int], preprocessing: Preprocessing,
    device: torch.device, workers: int | None = None,
) -> Iterator[Loaded]:
    """The images of ``order`` one by one. Raises ``DataError`` that names an unreadable one."""
    if workers is None:
        cores = os.cpu_count() or 1
        workers = min(cores, 16) if device.type == "cuda" else max(1, cores - 1)
    loader: torch.utils.data.DataLoader[dict[str, Any]] = torch.utils.data.DataLoader(
        _Items(dataset, images, order, preprocessing),
        batch_size=None,
        num_workers=workers if len(order) > FEW else 0,
        prefetch_factor=16 if workers and len(order) > FEW else None,
        pin_memory=device.type == "cuda",
    )
    for item in loader:
        if "error" in item:
            raise DataError(item["error"])
        pixels = item["pixels"]
        prepared = item["prepared"] if item["prepared"] is not None else pixels
        yield Loaded(int(item["index"]), pixels, prepared)
