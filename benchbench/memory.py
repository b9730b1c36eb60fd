"""Memory of the machine and of the device: its peak, giving it back, and running out of it."""

from __future__ import annotations

import gc
import resource
import sys

import torch


def out_of_memory(error: BaseException) -> bool:
    """Whether the device or the machine ran out of memory, so that a smaller batch may do."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "out of memory" in text
    )


def release(device: torch.device) -> None:
    """Give cached memory back after an out-of-memory error."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def start_peak(device: torch.device) -> None:
    """Begin to measure the peak. On the CPU the peak is the process's, since its start."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_mb(device: torch.device) -> float:
    """Peak memory in megabytes: the device's allocations on CUDA, else the process's resident."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
