"""Datasets of which only a part is on disk: refused, or used as far as they go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import DataError
from benchbench.interfaces import Dataset, WrappedDataset

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5


def missing_images(dataset: Dataset, images: Sequence[str]) -> dict[str, Path]:
    """The images whose file is not there, with the path at which it is expected."""
    paths = {image: dataset.path(image) for image in images}
    return {image: path for image, path in paths.items()
            if path is not None and not path.exists()}


def refuse_missing(dataset: Dataset, table: pd.DataFrame, images: Sequence[str]) -> None:
    """Raise ``DataError`` with the count and the first five names where files are missing."""
    missing = missing_images(dataset, images)
    if not missing:
        return
    where: dict[str, str] = {}
    for column, words in (("image", "row {}"), ("reference", "reference of row {}")):
        if column in table:
            for number, image in enumerate(table[column], start=1):
                where.setdefault(image, words.format(number))
    lines = [f"\n  {where[image]}: {path}: no such file"
             for image, path in list(missing.items())[:_SHOWN]]
    more = f"\n  and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    raise DataError(
        f"dataset {dataset.name!r}: {len(missing)} of {len(images)} images are missing:"
        f"{''.join(lines)}{more}\nput them there (`benchbench prepare` says what is wanted), or "
        "add --allow-partial to go on with the rest"
    )


class Present(WrappedDataset):
    """The rows of a dataset whose image and reference are on disk. ``n_official`` stays that of
    the whole, so that every record shows the coverage."""

    def __init__(self, whole: Dataset) -> None:
        super().__init__(whole)
        self.n_official = whole.n_official
        self._missing_in: set[Path] = set()
        self.name = whole.name  # type: ignore[misc]
        self.version = whole.version  # type: ignore[misc]
        self.summary = whole.summary  # type: ignore[misc]

    def table(self) -> pd.DataFrame:
        table = self.whole.table()
        columns = [name for name in ("image", "reference") if name in table]
        images = list(dict.fromkeys(table[columns].to_numpy().ravel().tolist()))
        missing = missing_images(self.whole, images)
        self._missing_in = {path.parent for path in missing.values()}
        kept = table[~table[columns].isin(list(missing)).any(axis=1)].reset_index(drop=True)
        self.notes = self.whole.notes
        if self.whole.n_official is None:
            self.n_official = len(table)
        if missing:
            self.notes += (f"{len(kept)} of {len(table)} rows: the files of the others are "
                           "missing (--allow-partial)",)
        if kept.empty:
            first = next(iter(missing.values()))
            raise DataError(f"dataset {self.name!r}: none of its {len(table)} rows has its files, "
                            f"as {first}; put them there")
        return kept

    def sources(self) -> list[Path]:
        """A folder that gets a missing file changes."""
        return [*self.whole.sources(), *sorted(self._missing_in)]

    def members(self) -> Sequence[str]:
        """What is there of a joined dataset is what is there of its members."""
        return self.whole.members()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "whole":
            raise AttributeError(name)
        return getattr(self.whole, name)
