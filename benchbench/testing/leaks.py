"""Memory that stays behind after a pass."""

from __future__ import annotations

import ctypes
import gc
import statistics
from collections.abc import Callable
from itertools import pairwise

from benchbench.testing.checks import Skipped

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
           "fordblks", "keepcost")
_BALLAST = 1 << 16
_PASSES = 6


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


def lasting_growth(run: Callable[[], object], allowed: int, rounds: int = 4) -> int:
    """Bytes by which allocated memory grows from one pass to the next, in the long run.

    Counted is what the C library has given out, down to the byte: tensors, arrays and autograd
    graphs, also those that only C++ holds. The resident set would say little, since it depends on
    what the allocator gives back, and tracemalloc sees no tensors. Caches grow in the first passes
    and then now and then, a leak in every pass for ever: the median of a round of passes counts,
    and only where it is over ``allowed`` in every round. Raises ``Skipped`` where the C library is
    not glibc.
    """
    before = _allocated()
    ballast = bytearray(_BALLAST)
    if _allocated() - before < len(ballast):
        raise Skipped("another allocator stands in for glibc's, which is the one that can be asked")
    run()
    gc.collect()
    gc.freeze()  # so that the collections below look at new objects alone
    try:
        grown = _typical_growth(run)
        for _ in range(rounds - 1):
            if grown <= allowed:
                break
            grown = min(grown, _typical_growth(run))
    finally:
        gc.unfreeze()
    return grown


def _typical_growth(run: Callable[[], object]) -> int:
    seen = []
    for _ in range(_PASSES):
        run()
        gc.collect()
        seen.append(_allocated())
    return int(statistics.median(after - before for before, after in pairwise(seen)))


def _allocated() -> int:
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError) as error:
        raise Skipped("needs glibc 2.33 to count allocated bytes") from error
    mallinfo.restype = _Mallinfo
    info = mallinfo()
    return int(info.uordblks) + int(info.hblkhd)
