"""How far a record's scores may be believed: ``trust.json`` beside the accepted records.

``{cell: {"trust": …, "record": "sha256:…", "predictions": "sha256:…" | null, "date": …}}``. An
entry counts only while both digests are those of the files, so that whoever changes a record loses
its trust; everything else is self-reported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchbench.errors import DataError
from benchbench.identity import file_digest
from benchbench.store import write_text

FILE = "trust.json"
SELF_REPORTED = "self-reported"
RECOMPUTED = "recomputed from predictions"
RERUN = "rerun in CI"
LEVELS = (SELF_REPORTED, RECOMPUTED, RERUN)
"""From the least to the most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was confirmed of one record: ``record`` and ``predictions`` are the digests of the files
    that were looked at, ``date`` is ``YYYY-MM-DD``."""

    trust: str
    record: str
    predictions: str | None
    date: str


def read(folder: Path) -> dict[str, Entry]:
    """The entries of ``folder/trust.json`` by cell id; none where there is no such file.

    Raises ``DataError`` that names the file and the entry that is wrong.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); write it anew with "
                        f"`benchbench verify {folder} --write`") from error
    if not isinstance(data, dict):
        raise DataError(f"{path}: expected an object of cell ids; write it anew with "
                        f"`benchbench verify {folder} --write`")
    return {cell: _entry(path, cell, given) for cell, given in data.items()}


def of(entries: Mapping[str, Entry], cell: str, record: Path, predictions: Path | None) -> str:
    """The trust of a record: that of its entry while both files are those that it names."""
    entry = entries.get(cell)
    if entry is None or entry.record != seal(record) or entry.predictions != seal(predictions):
        return SELF_REPORTED
    return entry.trust


def seal(path: Path | None) -> str | None:
    """``sha256:…`` of a file, None where there is none."""
    return f"sha256:{file_digest(path)}" if path is not None and path.is_file() else None


def write(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Write ``folder/trust.json``: sorted, the same bytes for the same entries."""
    data = {cell: asdict(entry) for cell, entry in entries.items()}
    write_text(folder / FILE, json.dumps(data, indent=1, sort_keys=True) + "\n")


def _entry(path: Path, cell: str, given: Any) -> Entry:
    try:
        entry = Entry(**given)
        sound = entry.trust in LEVELS and all(
            isinstance(each, str) for each in (entry.record, entry.date, entry.predictions or ""))
    except TypeError:
        sound = False
    if not sound:
        raise DataError(f"{path}: {cell}: expected trust ({', '.join(LEVELS)}), record, "
                        "predictions and date; write it anew with `benchbench verify --write`")
    return entry
