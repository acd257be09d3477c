"""The condition of a job process, compared with how it began: what one job leaves, the next one finds.

This happens after every attempt, so a look takes a microsecond or less, and they are
fewer than one could think of: what jobs were seen to leave, and what harms the next one.
"""

from __future__ import annotations

import _thread
import gc
import locale
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from ..processes import (
    DescriptorGauge,
    MemoryGauge,
    Surroundings,
    has_children,
    release_memory,
)

# A connection that is kept for the next job is good practice, some hundred are a leak.
DESCRIPTORS_ALLOWED: Final = 16
# What a job may leave without being noticed: modules that it was the first to need, caches.
RESIDENT_ALLOWED: Final = 256 * 1024**2
LEAST_ALLOWED: Final = 64 * 1024**2
# Of the limit: the part of the resident memory, and of the address space, of which much is only reserved.
RESIDENT_PART: Final = 8
SIZE_PART: Final = 4

_SIGNALS: Final = (
    signal.SIGALRM,
    signal.SIGCHLD,
    signal.SIGINT,
    signal.SIGPIPE,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS: Final = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_STACK,
)

# Of all loggers, who disables one disables ours, too.
_logger: Final = logging.getLogger("queuecore.job_process")

# Bound before a handler can put something else in their place.
_fstat = os.fstat
_getsignal = signal.getsignal
_getitimer = signal.getitimer
_sigmask = signal.pthread_sigmask
_getrlimit = resource.getrlimit
_getpriority = os.getpriority
_setlocale = locale.setlocale
_count_threads = _thread._count


class Condition:
    """How a process was when this was made.

    Args:
        memory_bytes: the address space that the process may have, 0 for no limit.
        own_threads: returns how many threads there are that belong to no job.
    """

    def __init__(self, *, memory_bytes: int, own_threads: Callable[[], int]) -> None:
        self._own_threads = own_threads
        self._memory_gauge = MemoryGauge()
        self._descriptor_gauge = DescriptorGauge()
        self._resident_allowed, self._size_allowed = _allowances(memory_bytes)
        self._surroundings = Surroundings()
        # Measured last, with all of the above in place.
        self._aspects = {
            "threads": self._threads,
            "children": has_children,
            "signals": _signals,
            "limits": _limits,
            "standard streams": _streams,
            "interpreter": _interpreter,
            "logging": _logging,
        }
        self._began = {name: look() for name, look in self._aspects.items()}
        self._descriptors = self._descriptor_gauge.read()
        self._memory = self._memory_gauge.read()

    def put_back(self) -> tuple[str, ...]:
        """Put back what can be put back, and return the names of what cannot."""
        try:
            return self._put_back()
        except Exception as error:  # a job may leave what cannot even be looked at
            return (f"what raises {type(error).__name__}",)

    def _put_back(self) -> tuple[str, ...]:
        left = [name for name, look in self._aspects.items() if look() != self._began[name]]
        self._surroundings.put_back()
        if self._descriptor_gauge.read() > self._descriptors + DESCRIPTORS_ALLOWED:
            left.append("descriptors")
        if self._is_memory_left() and not left:
            release_memory()
            if self._is_memory_left():
                left.append("memory")
        return tuple(left)

    def _is_memory_left(self) -> bool:
        now = self._memory_gauge.read()
        return (
            now.resident - self._memory.resident > self._resident_allowed
            or now.size - self._memory.size > self._size_allowed
        )

    def _threads(self) -> int:
        return _count_threads() - self._own_threads()


def _allowances(memory_bytes: int) -> tuple[int, float]:
    """Return what may be left of resident memory and of address space."""
    if not memory_bytes:
        return RESIDENT_ALLOWED, float("inf")
    return max(memory_bytes // RESIDENT_PART, LEAST_ALLOWED), memory_bytes / SIZE_PART


def _signals() -> object:
    return (
        [_getsignal(number) for number in _SIGNALS],
        _sigmask(signal.SIG_BLOCK, ()),
        [_getitimer(which) == (0.0, 0.0) for which in _TIMERS],
    )


def _limits() -> object:
    return [_getrlimit(which) for which in _LIMITS], _getpriority(os.PRIO_PROCESS, 0)


def _streams() -> object:
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return streams, [stream.closed for stream in streams if stream is not None], _file(1), _file(2)


def _file(descriptor: int) -> object:
    try:
        stat = _fstat(descriptor)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _interpreter() -> object:
    return (
        # Whoever puts another clock in its place forgets to put it back sooner or later.
        list(vars(time).values()),
        list(sys.path),
        sys.gettrace(),
        sys.getprofile(),
        sys.getrecursionlimit(),
        gc.isenabled(),
        socket.getdefaulttimeout(),
        _setlocale(locale.LC_ALL),
    )


def _logging() -> object:
    root = logging.root
    return root.level, list(root.handlers), root.manager.disable, _logger.disabled
