"""How much of a card's dataset is on disk, by counting files: no table is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchbench.cards.files import count
from benchbench.cards.rows import table_files
from benchbench.cards.schema import Card

MOST = 50_000
"""Files are counted up to here: a listing has to be quick."""


class State(NamedTuple):
    """``ready``, ``partial`` or ``absent``; how many files there are, of how many; what table
    files are missing; the folder."""

    word: str
    found: int
    wanted: int | None
    missing: tuple[str, ...]
    folder: Path

    def __str__(self) -> str:
        if self.word != "partial":
            return self.word
        of = f"{self.found} of {self.wanted}" if self.wanted else str(self.found)
        return f"partial ({', '.join([of, *(f'no {name}' for name in self.missing)])})"


def card_state(card: Card, places: Sequence[Path], most: int = MOST) -> State:
    """The state in the first of the places that holds anything of the dataset."""
    states = [_in(card, folder, most) for folder in places]
    return next((state for state in states if state.word != "absent"), states[-1])


def image_patterns(card: Card) -> list[str]:
    """Patterns of the image files; none where images are no files of their own."""
    table, image = card.table, card.table.columns.image
    if table.pattern or "{" not in image:
        return list(table.pattern)
    return ["".join("[^/]+" if i % 2 else re.escape(part)
                    for i, part in enumerate(re.split(r"\{([^{}]+)\}", image)))]


def _in(card: Card, folder: Path, most: int) -> State:
    files = {name: table_files(folder, card.table.model_copy(update={"file": (name,)}))
             for name in card.table.file}
    missing = tuple(name for name, found in files.items()
                    if not found or not all(file.is_file() for file in found))
    patterns = image_patterns(card)
    if patterns:
        found = sum(count(folder, pattern, most) for pattern in patterns)
        wanted = card.n_files or card.n_official
    else:
        found = sum(file.is_file() for several in files.values() for file in several)
        wanted = card.n_files
    if not found and len(missing) == len(files):
        return State("absent", 0, wanted, missing, folder)
    enough = found > 0 if wanted is None else found >= min(wanted, most)
    word = "ready" if enough and not missing else "partial"
    return State(word, found, wanted, missing, folder)
