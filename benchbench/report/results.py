"""Records read from disk, of runs or accepted ones; what is wrong with any of them is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchbench import trust
from benchbench.errors import DataError, UsageError
from benchbench.records import Record, cell_path, predictions_path, read_record, record_files
from benchbench.registry import registry

MOST_SHOWN = 20
BESIDE = (trust.FILE, "fingerprints.json")
"""Files among accepted records that are none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, its file, its predictions where they lie beside it, and how far it is trusted."""

    record: Record
    path: Path
    predictions: Path | None
    trust: str


def read(paths: Iterable[str | Path]) -> list[Entry]:
    """The records at or below the paths, each once, by cell id.

    Raises ``UsageError`` where there are none, and ``DataError`` that names every file that cannot
    be shown: not a record, of a newer schema, of a task that no plugin gives, not named after its
    cell, or a second record of a cell.
    """
    found: dict[str, Entry] = {}
    problems = []
    confirmed: dict[Path, dict[str, trust.Entry]] = {}
    places = [Path(path) for path in paths]
    for file, beside in _files(places):
        try:
            record = read_record(file)
            _check(record, file, found.get(record.cell))
        except DataError as error:
            problems.append(str(error))
            continue
        predictions = beside if beside.is_file() else None
        results = file.parent.parent
        if results not in confirmed:
            confirmed[results] = trust.read(results)
        found[record.cell] = Entry(record, file, predictions, trust.of(
            confirmed[results], record.cell, file, predictions))
    if problems:
        more = len(problems) - MOST_SHOWN
        raise DataError("\n".join([*problems[:MOST_SHOWN],
                                   *([f"and {more} more"] if more > 0 else [])]))
    if not found:
        raise UsageError(f"no records below {', '.join(map(str, places))}; "
                         "run `benchbench run` first")
    return [found[cell] for cell in sorted(found)]


def of_run(records: Iterable[Record], out: Path) -> list[Entry]:
    """Entries of the records that a run has just left below ``out``."""
    found = []
    for record in records:
        beside = predictions_path(out, record.cell)
        found.append(Entry(record, cell_path(out, record.cell),
                           beside if beside.is_file() else None, trust.SELF_REPORTED))
    return found


def _files(paths: list[Path]) -> Iterator[tuple[Path, Path]]:
    seen = set()
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such folder; run `benchbench run` first or name a folder")
        path = path / "results" if (path / "results").is_dir() else path
        # Records may lie in the folder itself too, such as that of one task.
        files = record_files(path) or [
            pair for file in sorted(path.glob("*.json")) for pair in record_files(file)]
        for file, beside in files:
            if file.name not in BESIDE and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, beside


def _check(record: Record, file: Path, other: Entry | None) -> None:
    if other is not None:
        raise DataError(f"record {file}: cell {record.cell} has a record in {other.path} too; "
                        "keep one of them")
    if file.stem != record.cell:
        raise DataError(f"record {file}: it is of cell {record.cell}; "
                        f"name the file {record.cell}.json")
    try:
        registry().entry("task", record.task.name)
    except UsageError as error:
        raise DataError(f"record {file}: {error}; install the plugin that gives the task, name its "
                        "folder with --plugin-dir, or take the file away") from error
