"""The descriptors that a process of a worker is started with: those that it was given, and no others."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Collection

_LIST = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_STANDARD = 3

# Bound before a handler can put something else in their place.
_fstat = os.fstat
_listdir = os.listdir


def adopt_socket(descriptor: int) -> socket.socket:
    """Take over the end of a socket pair that this process was started with; its children do not get it."""
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    return sock


def close_inherited(*, but: Collection[int]) -> None:
    """Close what whoever started this process had open, standard streams and `but` excepted.

    What was opened here is left alone: it is not inheritable, and what was inherited is.
    """
    for name in os.listdir(_LIST):
        descriptor = int(name)
        if descriptor < _STANDARD or descriptor in but:
            continue
        with contextlib.suppress(OSError):
            if os.get_inheritable(descriptor):
                os.close(descriptor)


class DescriptorGauge:
    """Counts the descriptors that this process has open."""

    def __init__(self) -> None:
        self._list = os.open(_LIST, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # Linux 6.2 and newer say it at once; before, the size was 0.
        self._sized = sys.platform == "linux" and os.fstat(self._list).st_size > 0

    def read(self) -> int:
        """Return how many there are now."""
        return _fstat(self._list).st_size if self._sized else len(_listdir(_LIST))
