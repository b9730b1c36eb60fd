"""Work that several processes share. They start at the first call and serve all later ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def spread(make: Callable[[A], B], jobs: Iterable[A], processes: int) -> list[B]:
    """``make`` of each job, in their order; in this process where ``processes`` is 1."""
    if processes == 1:
        return list(map(make, jobs))
    return list(_pool(processes).map(make, jobs))


@cache
def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, get_context("spawn"))
