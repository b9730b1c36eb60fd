"""The order of a sweep and the size of its batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from benchbench.loading import Loaded

CPU_PIXELS = 1 << 21
CUDA_PIXELS = 1 << 24
MOST_IMAGES = 256
HELD_PIXELS = 1 << 27
GROW_AFTER = 8


def ordered(references: Sequence[int | None], chunk: int) -> list[list[int]]:
    """Image indices in stages: some references, then every image of theirs, and so on.

    ``references`` holds, for each image, the index of its reference; a reference stands for
    itself. Images without one come last. A reference's signals are needed only until the stage
    after its own has ended.
    """
    of: dict[int, list[int]] = {}
    alone = []
    for index, reference in enumerate(references):
        if reference is None:
            alone.append(index)
        else:
            of.setdefault(reference, [])
            if reference != index:
                of[reference].append(index)
    stages = []
    heads = list(of)
    for start in range(0, len(heads), chunk):
        some = heads[start : start + chunk]
        stages += [some, [image for head in some for image in of[head]]]
    return [stage for stage in [*stages, alone] if stage]


class BatchSize:
    """How many images fit: a budget of pixels, halved on out-of-memory, grown back no further
    than to what has fitted before."""

    def __init__(self, device: torch.device, fixed: int | None = None) -> None:
        self.fixed = fixed
        self.budget = CUDA_PIXELS if device.type == "cuda" else CPU_PIXELS
        self.fitted = 0
        self.largest = 0
        self.retries = 0
        self._calm = 0

    def images(self, pixels: int) -> int:
        """Images of that many pixels a batch may hold."""
        if self.fixed and not self.retries:
            return self.fixed
        return max(1, min(self.fixed or MOST_IMAGES, self.budget // max(pixels, 1)))

    def worked(self, images: int, pixels: int) -> None:
        self.largest = max(self.largest, images)
        self.fitted = max(self.fitted, images * pixels)
        self._calm += 1
        if self.retries and self._calm >= GROW_AFTER and self.budget * 2 <= self.fitted:
            self.budget, self._calm = self.budget * 2, 0

    def failed(self, images: int, pixels: int) -> bool:
        """Halve after out-of-memory. False where one image alone did not fit."""
        self.retries += 1
        self._calm = 0
        self.budget = max(images // 2, 1) * pixels
        return images > 1


def batches(images: Iterable[Loaded], size: BatchSize) -> Iterator[list[Loaded]]:
    """Group images of one prepared size, in order of arrival. What waits for company is bounded:
    beyond ``HELD_PIXELS`` the fullest group goes."""
    waiting: dict[tuple[int, int], list[Loaded]] = {}
    held = 0
    for image in images:
        height, width = image.prepared.shape[1:]
        shape = (height, width)
        group = waiting.setdefault(shape, [])
        group.append(image)
        held += image.pixels[0].numel()
        full = len(group) >= size.images(height * width)
        if not full and held > HELD_PIXELS:
            shape = max(waiting, key=lambda s: len(waiting[s]) * s[0] * s[1])
            full = True
        if full:
            group = waiting.pop(shape)
            held -= sum(member.pixels[0].numel() for member in group)
            yield from _parts(group, size)
    for group in waiting.values():
        yield from _parts(group, size)


def _parts(group: list[Loaded], size: BatchSize) -> Iterator[list[Loaded]]:
    """The group in batches: the size may have shrunk while it waited, or shrink on the way."""
    while group:
        most = size.images(group[0].prepared[0].numel())
        yield group[:most]
        group = group[most:]
