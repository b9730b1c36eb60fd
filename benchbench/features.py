"""Feature files: one safetensors file a key, filled row by row, whole only when every row is in.

While a sweep runs, the rows lie in ``<key>.part`` and ``<key>.rows`` says which of them are
complete; a killed sweep goes on from there. The finished file holds ``features`` (float32
``[images, *shape]``) and ``ids`` (the image ids, UTF-8, one a line).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from benchbench.errors import DataError
from benchbench.store import atomic, read_json, store_root, write_json


def features_path(key: str) -> Path:
    return store_root() / "features" / f"{key}.safetensors"


def stored(key: str) -> bool:
    """Whether the features of that key are complete in the store."""
    shares = _shares(key)
    return all(map(stored, shares.values())) if shares else features_path(key).is_file()


def remember_shares(key: str, shares: Sequence[tuple[str, str]]) -> None:
    """Let ``key`` stand for several stored features: what their ids begin with, and their keys."""
    if not _shares(key):
        write_json("joined", key, dict(shares))


def _shares(key: str) -> dict[str, str]:
    return read_json("joined", key) or {}


class FeatureWriter:
    """Writes the features of one extractor, in any order of rows."""

    def __init__(self, key: str, ids: Sequence[str], shape: tuple[int, ...],
                 metadata: Mapping[str, str]) -> None:
        self.path = features_path(key)
        self.shape = (len(ids), *shape)
        header, names = _layout(ids, self.shape, metadata)
        self._part = self.path.with_suffix(".part")
        self._rows = self.path.with_suffix(".rows")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.done = self._resume(header, names)
        if not self.done.any():
            self._rows.unlink(missing_ok=True)  # it may be of another layout of this key
            with self._part.open("wb") as file:
                file.write(header)
                file.truncate(len(header) + 4 * math.prod(self.shape))
                file.seek(0, 2)
                file.write(names)
        self._data = np.memmap(self._part, np.dtype("<f4"), "r+", offset=len(header),
                               shape=self.shape)

    def write(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Put ``values`` ``[len(rows), *shape]`` into the rows."""
        self._data[list(rows)] = values
        self.done[list(rows)] = True

    def checkpoint(self) -> None:
        """Make the rows written so far survive a kill: the data first, then the word for it."""
        self._data.flush()
        with atomic(self._rows) as temporary, temporary.open("wb") as file:
            np.save(file, self.done)

    def finish(self) -> Path:
        """Turn the part into the finished file. Every row has to be written."""
        if not self.done.all():
            raise DataError(f"{self.path.name}: {int((~self.done).sum())} rows were never written")
        self.close()
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self.path)
        self._rows.unlink(missing_ok=True)
        return self.path

    def close(self) -> None:
        self._data.flush()
        del self._data

    def _resume(self, header: bytes, names: bytes) -> np.ndarray:
        """The rows that an earlier, killed writer of the same key has completed."""
        none = np.zeros(self.shape[0], bool)
        try:
            with self._part.open("rb") as file:
                same = file.read(len(header)) == header
                file.seek(len(header) + 4 * math.prod(self.shape))
                same = same and file.read() == names
            done = np.load(self._rows, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return none
        return done if same and done.shape == none.shape and done.dtype == bool else none


def read_features(key: str) -> tuple[list[str], np.ndarray]:
    """Image ids and features (a read-only memory map, where they are one file). Raises
    ``DataError`` for a damaged file."""
    shares = _shares(key)
    if shares:
        parts = {prefix: read_features(share) for prefix, share in shares.items()}
        ids = [prefix + image for prefix, (own, _) in parts.items() for image in own]
        return ids, np.concatenate([values for _, values in parts.values()])
    path = features_path(key)
    try:
        with path.open("rb") as file:
            header, start = _header(file)
            shape = tuple(header["features"]["shape"])
            first, last = header["ids"]["data_offsets"]
            if os.fstat(file.fileno()).st_size != start + last:
                raise ValueError("its size is not what its header says")
            file.seek(start + first)
            ids = file.read(last - first).decode().split("\n")
        if len(ids) != shape[0]:
            raise ValueError(f"{len(ids)} ids for {shape[0]} rows")
        data = np.memmap(path, np.dtype("<f4"), "r", offset=start, shape=shape)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"features {path}: unreadable ({error}); remove the file and run again"
                        ) from error
    return ids, data


def feature_metadata(key: str) -> dict[str, Any]:
    """What the file says of itself: the identity of the features."""
    with features_path(key).open("rb") as file:
        header, _ = _header(file)
    return dict(header.get("__metadata__", {}))


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data begin."""
    size = int.from_bytes(file.read(8), "little")
    if 8 + size > os.fstat(file.fileno()).st_size:
        raise ValueError("it is shorter than its header")
    header: dict[str, Any] = json.loads(file.read(size))
    return header, 8 + size


def _layout(
    ids: Sequence[str], shape: tuple[int, ...], metadata: Mapping[str, str]
) -> tuple[bytes, bytes]:
    """The safetensors header and the bytes of the ids, which follow the features."""
    names = "\n".join(ids).encode()
    end = 4 * math.prod(shape)
    header = {
        "__metadata__": dict(metadata),
        "features": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, end]},
        "ids": {"dtype": "U8", "shape": [len(names)], "data_offsets": [end, end + len(names)]},
    }
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, names
