"""Where work that takes a while says how far it is.

``report`` does nothing until a reporter is set; the command line sets one. Library code calls
``report`` and never writes to a terminal itself.
"""

from __future__ import annotations

from collections.abc import Callable

Reporter = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_reporter: Reporter | None = None


def set_reporter(reporter: Reporter | None) -> Reporter | None:
    """Set who is told of progress, None for nobody; returns the one before."""
    global _reporter
    before, _reporter = _reporter, reporter
    return before


def report(what: str, done: int, total: int) -> None:
    """Tell the reporter, where there is one, that ``done`` of ``total`` steps are finished."""
    if _reporter is not None:
        _reporter(what, done, total)
