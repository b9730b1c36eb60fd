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


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


def typical_growth(run: Callable[[], object], passes: int = 8) -> int:
    """Bytes by which allocated memory grows from one pass to the next: the median.

    Counted is what the C library has given out, down to the byte: tensors, arrays and autograd
    graphs, also those that only C++ holds. Caches grow now and then, a leak in every pass. The
    resident set would say little, since it depends on what the allocator gives back, and
    tracemalloc sees no tensors. Raises ``Skipped`` where the C library is not glibc.
    """
    before = _allocated()
    ballast = bytearray(_BALLAST)
    if _allocated() - before < len(ballast):
        raise Skipped("another allocator stands in for glibc's, which is the one that can be asked")
    for _ in range(2):
        run()
    gc.collect()
    gc.freeze()  # so that the collections below look at new objects alone
    try:
        seen = []
        for _ in range(passes):
            run()
            gc.collect()
            seen.append(_allocated())
    finally:
        gc.unfreeze()
    return int(statistics.median(b - a for a, b in pairwise(seen)))


def _allocated() -> int:
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError) as error:
        raise Skipped("needs glibc 2.33 to count allocated bytes") from error
    mallinfo.restype = _Mallinfo
    info = mallinfo()
    return int(info.uordblks) + int(info.hblkhd)
