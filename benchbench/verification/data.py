"""The datasets that records speak of: those that can be made here, and known fingerprints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import DataError
from benchbench.identity import canonical
from benchbench.names import parse
from benchbench.records import DatasetEntry, Record
from benchbench.repeat import name
from benchbench.store import write_text
from benchbench.verification.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

    from benchbench.interfaces import Dataset

FILE = "fingerprints.json"
FACTS = ("name", "version", "n", "groups", "n_official", "score_kind", "share_labels")
PATHS = ("/", "~", "\\", "..", ".toml", ":")


@dataclass(slots=True)
class Here:
    """A dataset as it was made here."""

    part: Dataset
    limit: int | None
    facts: dict[str, Any]
    fingerprint: str

    def table(self) -> pd.DataFrame:
        from benchbench.tables import load_table

        return load_table(self.part, self.limit)


@dataclass
class Data:
    """``known`` facts by fingerprint; ``confirmed`` are those that were made here."""

    known: dict[str, dict[str, Any]]
    confirmed: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def _made(self) -> dict[str, Here | None]:
        return {}

    def here(self, entry: DatasetEntry) -> Here | None:
        """The dataset with that name and those parameters, None where it cannot be made."""
        key = canonical([entry.name, entry.params, entry.limit, entry.partial])
        if key not in self._made:
            self._made[key] = _make(entry)
        return self._made[key]

    def check(self, record: Record, file: Path) -> Iterator[Problem]:
        """The fingerprint, and the facts that go with it."""
        entry = record.dataset
        here = self.here(entry)
        if here is not None and here.fingerprint == entry.fingerprint:
            facts = self.confirmed[entry.fingerprint] = here.facts
        elif entry.fingerprint in self.known:
            facts = self.known[entry.fingerprint]
        elif here is not None:
            yield Problem(file, "dataset.fingerprint", here.fingerprint, entry.fingerprint,
                          f"{entry.name} is another dataset here; run on the same images and "
                          "labels, or raise its version")
            return
        else:
            return
        for fact in FACTS:
            if facts.get(fact) != getattr(entry, fact):
                yield Problem(file, f"dataset.{fact}", facts.get(fact), getattr(entry, fact),
                              "the fingerprint stands for a dataset with other facts; run again")

    def is_known(self, fingerprint: str) -> bool:
        return fingerprint in self.confirmed or fingerprint in self.known


def _make(entry: DatasetEntry) -> Here | None:
    from dataclasses import replace

    from benchbench.catalogue import make_dataset
    from benchbench.partial import Present
    from benchbench.tables import dataset_facts

    asked = name(entry.name, entry.params)
    if any(mark in asked for mark in PATHS):  # a record names no files of this machine
        return None
    try:
        made = make_dataset(parse(asked))
        if entry.partial:
            made = replace(made, part=Present(made.part),
                           identity={**made.identity, "partial": True})
        found = dataset_facts(made, entry.limit)
    except Exception:  # a plugin may raise anything; the dataset is not here then
        return None
    facts = {"name": made.part.name, "version": made.part.version,
             "share_labels": made.part.share_labels,
             **{fact: getattr(found, fact) for fact in ("n", "groups", "n_official", "score_kind")}}
    return Here(made.part, entry.limit, facts, found.fingerprint)


def read_fingerprints(folder: Path) -> dict[str, dict[str, Any]]:
    """``folder/fingerprints.json``: facts by fingerprint; none where there is no such file."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); take the file that was accepted") from error
    if not isinstance(data, dict) or not all(isinstance(facts, dict) for facts in data.values()):
        raise DataError(f"{path}: expected facts by fingerprint; take the file that was accepted")
    return data


def write_fingerprints(folder: Path, known: dict[str, dict[str, Any]]) -> None:
    """Sorted, the same bytes for the same facts."""
    write_text(folder / FILE, json.dumps(known, indent=1, sort_keys=True) + "\n")
