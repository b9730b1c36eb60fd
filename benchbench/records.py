"""The typed record that a cell leaves, whatever its end, and the manifest of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchbench.errors import DataError
from benchbench.store import write_text

SCHEMA = 1
Status = Literal["ok", "failed", "skipped", "timeout", "oom", "interrupted"]


class NewerSchema(DataError):
    """The record was written by a later benchbench, and is left alone."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ScoreEntry(_Strict):
    """One score; ``value`` is null, with a note, where it is undefined."""

    value: float | None
    ci95: tuple[float, float] | None = None
    reliable: bool = True
    higher_is_better: bool = True
    mapping: str | None = None
    note: str | None = None


class DatasetEntry(_Strict):
    """``n_tested`` of the ``n`` rows are what the protocol tests; ``limit`` and ``partial`` say how
    rows were chosen. Without ``share_labels`` the labels may not be passed on."""

    name: str
    version: str
    params: dict[str, Any] = {}
    limit: int | None = None
    partial: bool = False
    fingerprint: str
    share_labels: bool = True
    score_kind: str | None = None
    n: int = 0
    n_tested: int = 0
    n_scored: int = 0
    n_official: int | None = None
    groups: int = 0
    notes: list[str] = []


class BackboneEntry(_Strict):
    name: str
    params: dict[str, Any] = {}
    weights: str = "none"
    weights_digest: str = "none"
    preprocessing: dict[str, Any] = {}
    parameters: int = 0
    fitted_on: list[str] = []
    notes: list[str] = []


class ExtractorEntry(_Strict):
    name: str
    version: str
    params: dict[str, Any] = {}
    plugin: str
    shape: list[int] | None = None
    gives: str = "vector"
    control: bool = False


class TaskEntry(_Strict):
    name: str
    version: str
    params: dict[str, Any] = {}
    metrics: list[str] = []
    control: bool = False


class CostEntry(_Strict):
    """What the cell cost. The sweep's seconds and images are shared by all its cells."""

    extract_s: float | None = None
    evaluate_s: float | None = None
    images_per_s: float | None = None
    peak_memory_mb: float | None = None
    feature_mb: float | None = None
    batch_size: int | None = None
    oom_retries: int = 0


class Record(_Strict):
    """One cell's record. ``attempts`` counts the tries, ``cell`` is the digest of ``identity``."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_: int = Field(default=SCHEMA, alias="schema")
    cell: str
    status: Status
    reason: str | None = None
    traceback: str | None = None
    notes: list[str] = []
    attempts: int = 1
    identity: dict[str, Any]
    dataset: DatasetEntry
    backbone: BackboneEntry
    extractor: ExtractorEntry
    task: TaskEntry
    seed: int
    scores: dict[str, ScoreEntry] = {}
    details: dict[str, Any] = {}
    cost: CostEntry = CostEntry()
    env: dict[str, Any] = {}
    features: str | None = None
    predictions: str | None = None
    started: str | None = None
    finished: str | None = None
    command: str = ""

    def dumps(self) -> str:
        return self.model_dump_json(by_alias=True, indent=1) + "\n"


def cell_path(out: Path, cell: str) -> Path:
    return out / "cells" / f"{cell}.json"


def predictions_path(out: Path, cell: str) -> Path:
    return out / "predictions" / f"{cell}.parquet"


def write_record(out: Path, record: Record) -> Path:
    """Write the record at once and atomically."""
    path = cell_path(out, record.cell)
    write_text(path, record.dumps())
    return path


def read_record(path: Path) -> Record:
    """A validated record. Raises ``DataError`` that names the file and what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"record {path}: {error.strerror}") from error
    try:
        schema = _schema(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"record {path}: {error}; remove the file to compute the cell again"
                        ) from error
    if schema is not None and schema > SCHEMA:
        raise NewerSchema(f"record {path}: its schema is {schema}, this benchbench knows {SCHEMA}; "
                          "upgrade benchbench or choose another --out")
    try:
        return Record.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise DataError(
            f"record {path}: {where}: {first['msg']}; remove the file to compute the cell again"
        ) from error


def _schema(data: bytes) -> int | None:
    """The schema's number. Raises ``ValueError`` for what is not JSON, such as NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON, expected a number or null")

    found = json.loads(data, parse_constant=refuse)
    schema = found.get("schema") if isinstance(found, dict) else None
    return schema if isinstance(schema, int) else None


def record_files(path: Path) -> list[tuple[Path, Path]]:
    """Each record at or below ``path`` with the place of its predictions, by path: of a run
    (``cells/<cell>.json``, ``predictions/<cell>.parquet``), or accepted ones, where both lie
    beside each other in a folder of their task."""
    if path.is_file():
        found = [path]
    elif (path / "cells").is_dir():
        found = sorted((path / "cells").glob("*.json"))
    else:
        found = sorted(path.glob("*/*.json"))
    return [(file, predictions_beside(file)) for file in found]


def predictions_beside(record: Path) -> Path:
    """Where the predictions of the record at that path lie."""
    if record.parent.name == "cells":
        return predictions_path(record.parent.parent, record.stem)
    return record.with_suffix(".parquet")


def read_records(out: Path) -> list[Record]:
    """All records below ``out/cells``, by cell id."""
    return [read_record(path) for path in sorted((out / "cells").glob("*.json"))]
