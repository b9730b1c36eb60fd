"""Accepted records of the toys, and ways to tamper with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchbench.identity import digest
from benchbench.submit import submit
from benchbench.trust import seal
from benchbench.verification.verify import Verified, verify
from tests.toys import execute, selection


def lay_out(tmp_path: Path, features: str = "mean,spread", **changes: Any) -> Path:
    """Run the toys and submit them: the folder of accepted records."""
    chosen = selection(features, **changes)
    execute(tmp_path / "runs", chosen)
    submit([tmp_path / "runs"], tmp_path / "results")
    return tmp_path / "results"


def record_of(results: Path, extractor: str = "mean") -> Path:
    """The record of the extractor."""
    return next(path for path in sorted(results.glob("*/*.json"))
                if json.loads(path.read_bytes())["extractor"]["name"] == extractor)


def tamper(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a record's JSON in place."""
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def tamper_predictions(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the predictions of a record and enter their digest, as a forger would."""
    beside = path.with_suffix(".parquet")
    change(pd.read_parquet(beside)).to_parquet(beside, index=False)
    tamper(path, lambda data: data.update(predictions=seal(beside)))


def forge_id(path: Path) -> Path:
    """Give a record the id that its identity has now, and the file its name."""
    tamper(path, lambda data: data.update(cell=digest(data["identity"])[:16]))
    new = path.with_stem(json.loads(path.read_bytes())["cell"])
    path.with_suffix(".parquet").rename(new.with_suffix(".parquet"))
    return path.rename(new)


def check(results: Path, **options: Any) -> Verified:
    return verify([results], date="2026-01-02", **options)


def problem(results: Path, **options: Any) -> str:
    """The one problem that there is."""
    [found] = check(results, **options).problems
    return found
