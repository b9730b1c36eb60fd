"""A record's id, and that what it shows is what its id stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchbench.errors import BenchbenchError
from benchbench.identity import digest
from benchbench.names import Selector, parse_features
from benchbench.parameters import PREPROCESSING
from benchbench.plan import CELL_DIGITS
from benchbench.preprocessing import Preprocessing
from benchbench.records import Record
from benchbench.registry import registry
from benchbench.repeat import name
from benchbench.verification.problem import Problem, Words

ANEW = "run the cell again and submit what comes out"


def check_naming(record: Record, file: Path) -> Iterator[Problem]:
    """The id against the identity, the file against the id, the record's names, versions and
    parameters against the identity."""
    cell = digest(record.identity)[:CELL_DIGITS]
    if record.cell != cell:
        yield Problem(file, "cell id", cell, record.cell,
                      f"it has to be the digest of identity; {ANEW}")
    if file.stem != record.cell:
        yield Problem(file, "file name", f"{record.cell}.json", file.name, "rename the file")
    if file.parent.name not in ("cells", record.task.name):
        yield Problem(file, "folder", record.task.name, file.parent.name,
                      "put it into the folder of its task")
    for where, expected, found in _pairs(record):
        if expected != found:
            yield Problem(file, where, expected, found, f"identity says otherwise; {ANEW}")
    yield from _control(record, file)
    try:
        registry().entry("task", record.task.name)
    except BenchbenchError as error:
        yield Problem(file, "task", Words("a task that is known here"), record.task.name,
                      str(error))


def _pairs(record: Record) -> Iterator[tuple[str, Any, Any]]:
    """Where, what the identity says, what the record shows."""
    known = record.identity
    data = _part(known, "dataset")
    for field in ("name", "version", "fingerprint"):
        yield f"dataset.{field}", data.get(field), getattr(record.dataset, field)
    yield "seed", known.get("seed"), record.seed
    backbone = _part(known, "backbone")
    yield "backbone.name", backbone.get("name"), record.backbone.name
    yield "backbone.weights", backbone.get("weights"), record.backbone.weights
    yield "backbone.preprocessing", known.get("preprocessing"), record.backbone.preprocessing
    own = {k: v for k, v in record.backbone.params.items()
           if k in _part(backbone, "params") or k not in PREPROCESSING}
    yield from _params("backbone", record.backbone.name, own, backbone)
    for k, v in record.backbone.params.items():
        if k not in own and k in record.backbone.preprocessing:
            yield f"backbone.params.{k}", record.backbone.preprocessing[k], _prepared(k, v)
    task = _part(known, "task")
    yield "task.name", task.get("name"), record.task.name
    yield "task.version", task.get("version"), record.task.version
    yield from _params("task", record.task.name, record.task.params, task)
    extractor = _part(known, "extractor")
    if "joined" not in extractor:
        yield "extractor.name", extractor.get("name"), record.extractor.name
        yield "extractor.version", extractor.get("version"), record.extractor.version
        yield from _params("extractor", record.extractor.name, record.extractor.params, extractor)
        return
    parts = [part if isinstance(part, dict) else {} for part in extractor["joined"]]
    try:
        given = parse_features(record.extractor.name)[0]
    except BenchbenchError:
        given = ()
    yield "extractor.name", [p.get("name") for p in parts], [s.name for s in given]
    for part, selector in zip(parts, given, strict=False):
        yield from _params("extractor", selector.name, selector.params, part)


def _params(
    kind: str, of: str, given: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """The parameters that are shown, and that those left out have their defaults. Of a file only
    the name is shown."""
    params = _part(known, "params")
    try:
        made = registry().make(kind, Selector(of, {k: str(v) for k, v in given.items()})).identity
    except BenchbenchError:
        made = {}
    values = made.get("params", {})
    for key, value in given.items():
        expected = params.get(key)
        if not (isinstance(expected, str) and expected.startswith("sha256:")):
            yield f"{kind}.params.{key}", str(expected), str(values.get(key, value))
    if made and made["code"] == known.get("code"):
        for key, expected in params.items():
            if key not in given:
                yield f"{name(of, given)}: {key}", expected, values.get(key)


def _control(record: Record, file: Path) -> Iterator[Problem]:
    """A control is shown as one, and nothing else is."""
    shown = record.extractor.control
    try:
        own, task = (
            registry().make(kind, Selector(part.name, {k: str(v) for k, v in part.params.items()}))
            for kind, part in (("extractor", record.extractor), ("task", record.task)))
    except BenchbenchError:
        return
    known = _part(_part(record.identity, "task"), "params")
    # Somebody may ask for a control of the task by its parameters: then it is no control's row.
    of_task = any(known.get(k) == v for changes in task.part.controls() for k, v in changes.items())
    if (own.part.control and not shown) or (shown and not (own.part.control or of_task)):
        yield Problem(file, "extractor.control", own.part.control, shown, ANEW)


def _prepared(option: str, value: Any) -> Any:
    """What an option of preprocessing resolves to: ``mean=0.5`` is three numbers."""
    try:
        found = getattr(Preprocessing.of({}, {option: str(value)}), option)
    except BenchbenchError:
        return value
    return list(found) if isinstance(found, tuple) else found


def _part(known: Mapping[str, Any], field: str) -> dict[str, Any]:
    found = known.get(field)
    return found if isinstance(found, dict) else {}
