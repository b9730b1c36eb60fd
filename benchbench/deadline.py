"""A limit on the time that a block may take."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


class Timeout(BaseException):
    """A sweep or an evaluation took longer than ``--timeout``. No ``Exception``, so that neither
    the sweep nor a plugin takes it for an extractor's failure."""


@contextlib.contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Raise ``Timeout`` in the block after so many seconds. Works in the main thread of a POSIX
    process, where a hanging call can be interrupted; elsewhere there is no limit."""
    usable = hasattr(signal, "setitimer") and (
        threading.current_thread() is threading.main_thread())
    if seconds is None or not usable:
        yield
        return

    def ring(*_: object) -> None:
        raise Timeout(f"took longer than --timeout {seconds:g} s")

    previous: Callable[..., Any] | int | None = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
