"""What a check is, how a suite of them runs, and how failures are expected."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchbench.errors import BenchbenchError, UsageError, nearest

Status = Literal["passed", "failed", "expected", "skipped", "warning"]
Test = Callable[[], str]
"""Returns what was seen; raises ``Failed``, ``Skipped`` or ``Warned`` with the reason."""


@dataclass(frozen=True, slots=True)
class Check:
    """One result. ``detail`` says what was measured, or why the check did not pass."""

    component: str
    name: str
    status: Status
    detail: str = ""

    @property
    def ok(self) -> bool:
        """False for a failure that was not expected."""
        return self.status != "failed"


class Failed(AssertionError):
    """The component breaks its contract."""


class Skipped(Exception):
    """The check cannot be made here, or does not apply."""


class Warned(Exception):
    """Allowed, but somebody should know."""


def run_suite(
    component: str, suite: Mapping[str, Test], expected_failures: Mapping[str, str]
) -> Iterator[Check]:
    """Run the tests one by one. ``expected_failures`` maps a check's name to the reason why it is
    known to fail; one that passes all the same is a warning. Raises ``UsageError`` where it names
    no check."""
    for name in expected_failures:
        if name not in suite:
            hint = nearest(name, suite) or f"the checks are {', '.join(suite)}"
            raise UsageError(f"{component}: expected failure {name!r}: no such check; {hint}")
    for name, test in suite.items():
        check = _run(component, name, test)
        reason = expected_failures.get(name)
        if reason is not None and check.status == "failed":
            check = Check(component, name, "expected", f"{reason} ({check.detail})")
        elif reason is not None and check.status == "passed":
            check = Check(component, name, "warning", "passes, though it is expected to fail")
        yield check


def assert_conforms(checks: Iterable[Check]) -> None:
    """Raise ``AssertionError`` that lists every failed check. No check at all is a failure too."""
    found = list(checks)
    failed = [f"{c.component}: {c.name}: {c.detail}" for c in found if not c.ok]
    if failed:
        raise AssertionError("\n".join([f"{len(failed)} of {len(found)} checks failed", *failed]))
    if not found:
        raise AssertionError("nothing was checked: the plugin gives no component")


def _run(component: str, name: str, test: Test) -> Check:
    try:
        return Check(component, name, "passed", test())
    except Skipped as reason:
        return Check(component, name, "skipped", str(reason))
    except Warned as reason:
        return Check(component, name, "warning", str(reason))
    except (Failed, BenchbenchError) as error:
        return Check(component, name, "failed", str(error))
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        return Check(component, name, "failed", f"{type(error).__name__}: {error} ({where})")
