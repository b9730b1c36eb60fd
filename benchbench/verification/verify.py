"""The checks put together: problems, what is confirmed, and what cannot be told here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchbench import trust
from benchbench.errors import DataError, UsageError
from benchbench.records import Record, read_record, record_files
from benchbench.verification.accepted import check_accepted, check_claims, kept
from benchbench.verification.data import FILE, Data, read_fingerprints, write_fingerprints
from benchbench.verification.naming import ANEW, check_naming
from benchbench.verification.problem import Problem, Words
from benchbench.verification.rerun import rerun
from benchbench.verification.scores import Scores


@dataclass
class Verified:
    """``confirmed`` by cell id; ``says`` is what could not be told, with the cells it is about."""

    records: int = 0
    problems: list[str] = field(default_factory=list)
    confirmed: dict[str, trust.Entry] = field(default_factory=dict)
    fingerprints: dict[str, dict[str, object]] = field(default_factory=dict)
    says: dict[str, list[str]] = field(default_factory=dict)

    def say(self, text: str, cell: str) -> None:
        self.says.setdefault(text, []).append(cell)


def verify(
    paths: Sequence[Path], *, accepted: Path | None = None, again: int = 0, in_ci: bool = False,
    write: bool = False, date: str | None = None,
) -> Verified:
    """Check all records at or below `paths`.

    `accepted` is the folder of what was accepted before; `again` cells are run again, which gives
    the trust `rerun in CI` where `in_ci`. With `write`, what is confirmed goes to the trust file of
    the one folder in `paths`, unless there is a problem. Raises ``UsageError`` where there is
    nothing to verify.
    """
    files = [each for path in paths for each in record_files(path)]
    if not files:
        raise UsageError(f"no records below {', '.join(map(str, paths))}; give a run's folder, or "
                         "one with <task>/<cell id>.json")
    root = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    if (accepted or write) and (root is None or (root / "cells").is_dir()):
        raise UsageError("--accepted and --write: give the one folder of accepted records, as "
                         "leaderboard/results")
    found = Verified(len(files))
    date = date or datetime.now(UTC).date().isoformat()
    known = read_fingerprints(accepted) if accepted else read_fingerprints(root) if root else {}
    data = Data(known)
    sound = _check_records(files, found, data, date)
    if root is not None:
        found.problems += [str(p) for p in _strays(root, [file for file, _ in files])]
    earlier = [] if root is None else [cell for cell, entry in kept(trust.read(root), root).items()
                                       if entry.trust == trust.RERUN]
    for record, result in rerun(sound, again, earlier) if again else ():
        if isinstance(result, str):
            found.say(f"not run again: {result}", record.cell)
            continue
        found.problems += map(str, result)
        if result:
            found.confirmed.pop(record.cell, None)
        elif in_ci and record.cell in found.confirmed:
            old = found.confirmed[record.cell]
            found.confirmed[record.cell] = trust.Entry(
                trust.RERUN, old.record, old.predictions, date)
        if not result:
            found.say("run again, to the same scores", record.cell)
    found.fingerprints = data.confirmed
    if accepted is not None and root is not None:
        found.problems += map(str, check_accepted(accepted, root))
        if not write:
            found.problems += map(str, check_claims(accepted, root, found.confirmed,
                                                    data.confirmed))
    if write and root is not None and not found.problems:
        _write(root, accepted, found, known)
    return found


def _check_records(
    files: Sequence[tuple[Path, Path]], found: Verified, data: Data, date: str
) -> list[tuple[Record, Path]]:
    """Checks each record; gives those that are ok and without a problem."""
    scores, cells, sound = Scores(data), dict[str, Path](), list[tuple[Record, Path]]()
    for file, predictions in files:
        try:
            record = read_record(file)
        except DataError as error:
            found.problems.append(str(error))
            continue
        problems: list[Problem] = []
        if record.cell in cells:
            problems.append(Problem(file, "cell", Words("one record"),
                                    Words(f"a second one in {cells[record.cell]}"),
                                    "take one of them out"))
        cells.setdefault(record.cell, file)
        try:
            problems += check_naming(record, file)
            problems += data.check(record, file)
            problems += scores.check(record, file, predictions)
        except Exception as error:  # a made-up record may bring about anything
            problems.append(Problem(file, "record", Words("one that can be checked"),
                                    Words(f"{type(error).__name__}: {error}"), ANEW))
        found.problems += map(str, problems)
        for text in scores.says:
            found.say(text, record.cell)
        known = data.is_known(record.dataset.fingerprint)
        if not known:
            found.say(f"unknown fingerprint of {record.dataset.name}", record.cell)
        if problems or record.status != "ok":
            continue
        sound.append((record, file))
        if scores.recomputed and known:
            found.confirmed[record.cell] = trust.Entry(
                trust.RECOMPUTED, trust.seal(file) or "", trust.seal(predictions), date)
    return sound


def _strays(root: Path, files: Sequence[Path]) -> Iterator[Problem]:
    """Predictions that belong to no record, and files of any other kind: all here is published."""
    if (root / "cells").is_dir():
        return
    names = {file.with_suffix("") for file in files}
    for path in sorted(root.glob("*/*.parquet")):
        if path.with_suffix("") not in names:
            yield Problem(path, "record", f"{path.stem}.json", Words("no file"),
                          "add the record or take the predictions out")
    if any(file.parent.parent != root for file in files):
        return
    for path in sorted(root.rglob("*")):
        kinds = (".json", ".parquet") if path.parent.parent == root else ()
        known = path.parent == root and path.name in (trust.FILE, FILE)
        if path.is_symlink() or (path.is_file() and not known and path.suffix not in kinds):
            yield Problem(path, "file", Words("records and predictions"), Words("another file"),
                          "take it out")


def _write(root: Path, accepted: Path | None, found: Verified, known: dict[str, dict[str, object]]
           ) -> None:
    """Entries that say as much already stay as they are, so that only news changes the file."""
    entries = kept(trust.read(accepted or root), root)
    for cell, entry in found.confirmed.items():
        before = entries.get(cell)
        if before is None or trust.LEVELS.index(before.trust) < trust.LEVELS.index(entry.trust):
            entries[cell] = entry
    trust.write(root, entries)
    write_fingerprints(root, {**known, **found.fingerprints})
