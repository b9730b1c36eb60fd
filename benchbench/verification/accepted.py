"""What was accepted stays: records, predictions, and how far they are trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchbench import trust
from benchbench.errors import DataError
from benchbench.records import predictions_beside, read_record
from benchbench.verification.data import FILE, read_fingerprints
from benchbench.verification.problem import Problem, Words


def check_accepted(accepted: Path, root: Path) -> Iterator[Problem]:
    """Files below `accepted` that `root` lacks or holds with other content. Only the record of a
    cell that had failed may be replaced, by one that is ok."""
    for old in sorted([*accepted.glob("*/*.json"), *accepted.glob("*/*.parquet")]):
        new = root / old.relative_to(accepted)
        if not new.is_file():
            yield Problem(new, "accepted file", Words("there, as it was accepted"),
                          Words("no file"), "put it back")
        elif new.read_bytes() != old.read_bytes() and not repaired(old, new):
            yield Problem(new, "accepted file", Words("the content that was accepted"),
                          Words("other content"),
                          "put it back; what changes a score goes with a new version")


def repaired(old: Path, new: Path) -> bool:
    """Whether a record that was not ok is replaced by one that is; asked of its record or of its
    predictions."""
    try:
        before, after = (read_record(file.with_suffix(".json")) for file in (old, new))
    except DataError:
        return False
    return before.status != "ok" and after.status == "ok" and before.cell == after.cell


def check_claims(
    accepted: Path, root: Path, confirmed: Mapping[str, trust.Entry],
    fingerprints: Mapping[str, Mapping[str, Any]],
) -> Iterator[Problem]:
    """Entries of ``trust.json`` and ``fingerprints.json`` that are neither accepted already nor
    confirmed here."""
    before = trust.read(accepted)
    levels = trust.LEVELS
    for cell, entry in trust.read(root).items():
        if entry == before.get(cell):
            continue
        found = confirmed.get(cell)
        if found is None or levels.index(entry.trust) > levels.index(found.trust) or (
            entry.record, entry.predictions) != (found.record, found.predictions):
            yield Problem(root / trust.FILE, f"trust of {cell}",
                          found.trust if found else trust.SELF_REPORTED, entry.trust,
                          "claim what `benchbench verify --write` confirms, no more")
    known = read_fingerprints(accepted)
    for fingerprint, facts in read_fingerprints(root).items():
        if facts != known.get(fingerprint) and facts != fingerprints.get(fingerprint):
            yield Problem(root / FILE, fingerprint, Words("a dataset that can be made here"),
                          facts.get("name"), "take the entry out; a maintainer who has the data "
                          "adds it")


def kept(accepted: Mapping[str, trust.Entry], root: Path) -> dict[str, trust.Entry]:
    """The entries whose files are still those that were confirmed."""
    found = {}
    for record in root.glob("*/*.json"):
        entry = accepted.get(record.stem)
        if entry and trust.of(accepted, record.stem, record,
                              predictions_beside(record)) == entry.trust:
            found[record.stem] = entry
    return found
