"""What the tests of the suites share."""

from __future__ import annotations

from collections.abc import Iterable

from benchbench.testing import Check


def failed(checks: Iterable[Check]) -> dict[str, str]:
    """The failed checks and why."""
    return {check.name: check.detail for check in checks if check.status == "failed"}


def result(checks: Iterable[Check], name: str) -> Check:
    """The check of that name; what comes after it is not run."""
    return next(check for check in checks if check.name == name)
