"""A dataset read as its card says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.cards.checksums import check_file
from benchbench.cards.columns import fill_columns, read_values
from benchbench.cards.files import Finder, card_places, folders_of, walk
from benchbench.cards.parameters import FILTERS
from benchbench.cards.rows import adapter, files_of, read_rows, table_files
from benchbench.cards.schema import read_card
from benchbench.errors import DataError
from benchbench.identity import code_digest
from benchbench.interfaces import Dataset

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class CardDataset(Dataset):
    """``params`` are the card's own parameters, and ``distortion``, ``level``, ``split``,
    ``label``: ``1+3`` keeps the rows that have one of these values."""

    def __init__(self, card: Path, params: Mapping[str, str] | None = None) -> None:
        self.card_path = card
        self.card, self.params = read_card(card, params)
        self.name = self.card.name  # type: ignore[misc]
        self.version = self.card.version  # type: ignore[misc]
        self.summary = self.card.summary  # type: ignore[misc]
        self.size = self.card.size
        self.n_official = self.card.n_official
        self.notes = self.card.notes
        said = self.card.share_labels
        self.share_labels = self.card.score is None if said is None else said
        if self.card.score is not None:
            self.score_kind = self.card.score.kind
            self.higher_is_better = self.card.score.higher_is_better
            self.std_kind = self.card.score.std
        self._filters = {role: set(self.params[role].split("+"))
                         for role in FILTERS if role in self.params}

    @property
    def code(self) -> list[str]:
        """Digests of the code that reads the card."""
        name = self.card.table.adapter
        files = [Path(__file__).parent]
        if name is not None and (file := adapter(name).__file__) is not None:
            files.append(Path(file))
        return [code_digest(file) for file in files]

    @property
    def places(self) -> list[Path]:
        """Where the dataset's folder may be: beside the card, below the data root."""
        return card_places(self.card.folder, self.card_path)

    @cached_property
    def root(self) -> Path:
        """The dataset's folder: where its score table, or its files, are found first."""
        table = self.card.table
        for folder in self.places:
            if table.file and any(file.is_file() for file in table_files(folder, table)[:1]):
                return folder
            if not table.file and any(
                next(walk(folder, pattern), None) for pattern in table.pattern
            ):
                return folder
        advice = self.card.obtain or "set --data-root to the folder that holds the datasets"
        sought = table.file[0] if table.file else f"a file as {' or '.join(table.pattern)}"
        raise DataError(
            f"dataset {self.card.name!r}: {sought} was not found in "
            f"{' or '.join(map(str, self.places))}; {advice}"
        )

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self.root, self.card.table.folders)

    def path(self, image: str) -> Path | None:
        return None if self._loads else self._finder.find(image)

    def load(self, image: str) -> np.ndarray:
        name = self.card.table.adapter
        if name is None or not self._loads:
            return super().load(image)
        pixels: np.ndarray = adapter(name).load(self.root, image, self.card.table.options)
        return pixels

    def sources(self) -> list[Path]:
        table = self.card.table
        found = [self.card_path, *table_files(self.root, table)]
        found += [self.root / name for name in table.also.values()]
        if not table.file:
            found += self._folders()
        return found

    def table(self) -> pd.DataFrame:
        import pandas as pd

        card, values = self.card, read_values(self.card, self.card_path.parent)
        wanted = {card.table.columns.model_dump()[role]: _asked(values.get(role), texts)
                  for role, texts in self._filters.items()}
        rows = read_rows(self.root, card.table, wanted)
        left_out = [f"{file} is missing, so there is no column {name!r}"
                    for name, file in card.table.also.items() if not (self.root / file).is_file()]
        self.notes = (*card.notes, *left_out)
        data, _ = fill_columns(card, rows, values, self._filters)
        # Last, so that the digest of a file that cannot be used is not kept.
        for name, checksum in card.checksums.items():
            for file in files_of(self.root, name):
                if file.is_file():
                    check_file(card.name, card.version, file, checksum)
        return pd.DataFrame(data)

    @cached_property
    def _loads(self) -> bool:
        """Whether images are no files of their own."""
        name = self.card.table.adapter
        return name is not None and hasattr(adapter(name), "load")

    def _folders(self) -> list[Path]:
        """Every folder that the files lie in: one that changes has other files."""
        found = {self.root}
        for pattern in self.card.table.pattern:
            parts = folders_of(pattern)
            for depth in range(1, len(parts)):
                part = "/".join(parts[:depth])
                found |= {self.root / path for path, _ in walk(self.root, part, folders=True)}
        return sorted(found)


def _asked(
    values: Mapping[str, bool | int | str] | None, wanted: set[str]
) -> Callable[[str], bool]:
    """Says of a raw value whether it is among those asked for."""

    def asked(raw: str) -> bool:
        value = values.get(raw, raw) if values is not None else raw
        return str(value) in wanted or (raw.isdecimal() and str(int(raw)) in wanted)

    return asked
