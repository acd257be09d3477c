"""How much memory this process holds, and giving back what it only keeps in reserve."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")

# Bound before a handler can put something else in their place.
_pread = os.pread


class MemoryUse(NamedTuple):
    """In bytes: the address space that is taken, which limits count, and what is really in memory."""

    size: int
    resident: int


class MemoryGauge:
    """Reads the memory use of this process. Linux only; elsewhere it is always 0."""

    def __init__(self) -> None:
        linux = sys.platform == "linux"
        self._descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC) if linux else None

    def read(self) -> MemoryUse:
        """Return what is used now."""
        if self._descriptor is None:
            return MemoryUse(0, 0)
        size, resident, _ = _pread(self._descriptor, 128, 0).split(maxsplit=2)
        return MemoryUse(int(size) * _PAGE, int(resident) * _PAGE)


def release_memory() -> None:
    """Free what is garbage, and give what the allocator keeps back to the system."""
    gc.collect()
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)
