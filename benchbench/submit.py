"""A run's records laid out as accepted ones: ``<task>/<cell>.json`` with the predictions beside.

What only concerns the machine stays behind: paths become file names, the command becomes the one
that repeats the cell. The identity stays, since the cell's id is its digest.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench import repeat
from benchbench.errors import DataError, UsageError
from benchbench.records import Record, read_record, record_files
from benchbench.store import atomic, write_text
from benchbench.trust import seal
from benchbench.verification.accepted import repaired
from benchbench.verification.data import Data
from benchbench.verification.scores import WITHHELD, image_digests

if TYPE_CHECKING:
    import pandas as pd

LAID_OUT = ("ok", "failed", "oom", "timeout")
"""A cell that was skipped or interrupted says nothing of its method."""
ABSOLUTE = re.compile(
    r"(?P<url>\bhttps?://\S+)|"
    r"(?<![\w.~/\\-])(?:file:)?(?:~\w*|[A-Za-z]:)?(?:[/\\]+[^\s/\\'\"\[\](),;=+<>|]+)+")


@dataclass
class Submitted:
    """What became of each record: ``new`` and ``same`` are files, ``left`` counts by status,
    ``refused`` says why."""

    new: list[Path] = field(default_factory=list)
    same: list[Path] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def submit(runs: Sequence[Path], to: Path, cell: str = "") -> Submitted:
    """Copy the records of `runs` whose id begins with `cell` below `to`.

    What is accepted there already is never overwritten, unless a cell that had failed is ok now.
    Raises ``UsageError`` where there is no such record.
    """
    files = [(file, beside) for run in runs for file, beside in record_files(run)
             if file.stem.startswith(cell)]
    if not files:
        raise UsageError(f"no records of {cell or 'any cell'} below {', '.join(map(str, runs))}; "
                         "give the --out folder of a run")
    done, data = Submitted(), Data({})
    for file, predictions in files:
        try:
            record = read_record(file)
            if record.status not in LAID_OUT:
                done.left[record.status] = done.left.get(record.status, 0) + 1
                continue
            target = to / record.task.name / f"{record.cell}.json"
            fresh = _lay_out(_clean(record), file, predictions, target, data)
        except DataError as error:
            done.refused.append(str(error))
            continue
        (done.new if fresh else done.same).append(target)
    return done


def _lay_out(record: Record, file: Path, predictions: Path, target: Path, data: Data) -> bool:
    """Write one record and its predictions; False where the same scores and predictions are there
    already, from this run or another."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / file.name
        beside = made.with_suffix(".parquet")
        if record.predictions is not None:
            if seal(predictions) != record.predictions:
                raise DataError(f"{predictions}: not the predictions that {file} speaks of; "
                                "run the cell again")
            if record.dataset.share_labels:
                beside.write_bytes(predictions.read_bytes())
            else:
                _withheld(record, predictions, data).to_parquet(beside, index=False)
                record = record.model_copy(update={"predictions": seal(beside)})
        made.write_text(record.dumps(), encoding="utf-8")
        there = target.with_suffix(".parquet")
        if target.exists() and seal(there) == seal(beside) and _told(read_record(target)) == _told(
            record
        ):
            return False
        if target.exists() and not repaired(target, made):
            raise DataError(f"{target}: accepted already with other content; an accepted record "
                            "stays. Where its scores ought to change, raise the version of what "
                            "changed them and run again")
        if beside.exists():
            with atomic(there) as temporary:
                temporary.write_bytes(beside.read_bytes())
        write_text(target, record.dumps())
    return True


def _told(record: Record) -> tuple[Any, ...]:
    """What a record says of its cell; another run of it differs in cost, times and machine."""
    return record.status, record.reason, record.notes, record.identity, record.scores


def _withheld(record: Record, predictions: Path, data: Data) -> pd.DataFrame:
    """Predictions without labels: the digest of each image's content stands for the image."""
    import pandas as pd

    here = data.here(record.dataset)
    if here is None or here.fingerprint != record.dataset.fingerprint:
        raise DataError(f"{predictions}: the labels of {record.dataset.name} may not be passed on, "
                        "and without its images they cannot be taken out; give --data-root")
    found = pd.read_parquet(predictions)
    return found.assign(digest=image_digests(here.part, list(found["image"])))[WITHHELD]


def _clean(record: Record) -> Record:
    """The record without the paths of this machine. Raises ``DataError`` where one is part of the
    identity."""
    for text in _texts(record.identity):
        if pathless(text) != text:
            raise DataError(f"cell {record.cell}: its identity holds the path {text!r} of this "
                            "machine; run it again with a path relative to the working folder, or "
                            "with the name of a card")
    given = record.model_dump(mode="json", by_alias=True, exclude={"identity"})
    plain = Record.model_validate({**_pathless(given), "identity": record.identity})
    return plain.model_copy(update={"command": repeat.command(plain)})


def _pathless(value: Any) -> Any:
    if isinstance(value, str):
        return pathless(value)
    if isinstance(value, dict):
        return {key: _pathless(each) for key, each in value.items()}
    return [_pathless(each) for each in value] if isinstance(value, list) else value


def pathless(text: str) -> str:
    """The text with the name alone of every file that is given by an absolute path."""
    text = text.replace(str(Path.home()), "~") if len(Path.home().parts) > 1 else text
    return ABSOLUTE.sub(lambda m: m["url"] or re.split(r"[/\\]", m[0])[-1], text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
