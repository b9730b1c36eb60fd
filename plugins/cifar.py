"""An adapter for cards: CIFAR's binary batches and CIFAR-C's stacks of arrays (``table.adapter``).

``options.layout`` is ``batches`` (files of 3,073 bytes an image: the class, then the red, green and
blue planes of 32×32) or ``stacks`` (``<corruption>.npy``, uint8 ``[50000, 32, 32, 3]``, severity s
in the rows from (s-1)·10,000, and ``labels.npy``). Ids are ``<file>/<number>`` and
``<corruption>/<severity>/<number>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import DataError

if TYPE_CHECKING:
    import numpy as np

_RECORD = 3073


def rows(
    root: Path, files: Sequence[Path], options: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """The cells of each row: ``image``, ``class``, ``number``, and ``batch`` or ``distortion`` and
    ``level``."""
    for file in files:
        if options["layout"] == "batches":
            yield from _batch_rows(file)
        elif file.stem != "labels":
            yield from _stack_rows(file)


def load(root: Path, image: str, options: Mapping[str, Any]) -> np.ndarray:
    """One image, uint8 ``[32, 32, 3]``."""
    name, _, rest = image.partition("/")
    if options["layout"] == "batches":
        record = _records(root / options["folder"] / f"{name}.bin")[int(rest)]
        return record[1:].reshape(3, 32, 32).transpose(1, 2, 0).copy()
    level, _, number = rest.partition("/")
    stack = _stack(root / f"{name}.npy")
    return stack[(int(level) - 1) * (len(stack) // 5) + int(number)].copy()


def _batch_rows(file: Path) -> Iterator[dict[str, str]]:
    for i, record in enumerate(_records(file)):
        yield {"image": f"{file.stem}/{i:05d}", "class": str(record[0]), "number": f"{i:05d}",
               "batch": file.stem}


def _stack_rows(file: Path) -> Iterator[dict[str, str]]:
    stack, labels = _stack(file), _stack(file.with_name("labels.npy"))
    if len(labels) != len(stack) or len(stack) % 5:
        raise DataError(f"{file}: {len(stack)} images for {len(labels)} labels, expected as many "
                        "and a multiple of five; fetch it anew")
    each = len(stack) // 5
    for i, label in enumerate(labels):
        yield {"image": f"{file.stem}/{i // each + 1}/{i % each:05d}", "class": str(int(label)),
               "number": f"{i % each:05d}", "distortion": file.stem, "level": str(i // each + 1)}


@lru_cache(maxsize=32)
def _records(file: Path) -> np.ndarray:
    import numpy as np

    data = np.memmap(file, dtype=np.uint8, mode="r")
    if not len(data) or len(data) % _RECORD:
        raise DataError(f"{file}: {len(data)} bytes, expected a multiple of {_RECORD}; "
                        "fetch it anew")
    return data.reshape(-1, _RECORD)


@lru_cache(maxsize=32)
def _stack(file: Path) -> np.ndarray:
    """The array, left on disk."""
    import numpy as np

    try:
        stack = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as an array ({error}); fetch it anew") from error
    if file.stem != "labels" and (stack.dtype != np.uint8 or stack.shape[1:] != (32, 32, 3)):
        raise DataError(f"{file}: {stack.dtype} {list(stack.shape)}, expected uint8 "
                        "[images, 32, 32, 3]; fetch it anew")
    return stack
