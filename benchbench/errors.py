"""The errors that a person can meet, and help for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchbenchError(Exception):
    """Base of all errors that benchbench raises on purpose."""


class UsageError(BenchbenchError):
    """The call was wrong. The command line ends with exit code 2."""


class DataError(BenchbenchError):
    """The input data cannot be used as they are."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """A phrase such as ``did you mean 'grad'?``, or an empty string when nothing is near."""
    by_folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean '{by_folded[found[0]]}'?" if found else ""
