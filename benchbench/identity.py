"""Keys that know: canonical JSON, digests, and the versions that results depend on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path
from typing import Any

ENGINE = "1"
"""Goes up whenever the harness itself would give other numbers for the same selection."""


def canonical(data: Any) -> str:
    """JSON with sorted keys and no spaces: the same text for the same data on any machine."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False,
                      allow_nan=False)


def digest(data: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest(path: Path) -> str:
    """Digest of a plugin's code: its whole file, or all Python files of its folder."""
    if path.is_file():
        return file_digest(path)
    return digest({str(f.relative_to(path)): file_digest(f) for f in sorted(path.rglob("*.py"))})


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries that stored features depend on."""
    return {name: version(name) for name in ("torch", "torchvision", "timm", "pillow")}


@cache
def version(distribution: str) -> str:
    """Version of an installed distribution, ``absent`` where there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
