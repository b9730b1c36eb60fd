"""What a record says of where it was made."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from benchbench.identity import library_versions, version


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout that benchbench runs from and whether it has changes; None, None
    where it is not a checkout."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None, None

    def git(*args: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True,
                              check=True, timeout=20).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def environment(device: str, precision: str) -> dict[str, Any]:
    """Versions, device, precision and git state."""
    commit, dirty = git_state()
    return {
        "benchbench": version("benchbench-harness"),
        **library_versions(),
        "numpy": version("numpy"), "scipy": version("scipy"),
        "scikit-learn": version("scikit-learn"),
        "python": platform.python_version(), "platform": platform.platform(terse=True),
        "device": device, "precision": precision, "git": commit, "dirty": dirty,
    }
