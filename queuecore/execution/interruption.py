"""SIGTERM in a job process: an exception inside the handler, and nowhere else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

# Bound before a handler can put something else in their place.
_exit = os._exit
_thread_id = threading.get_ident


class Interrupted(BaseException):
    """Raised inside a handler by SIGTERM, so that its `finally` blocks run. Not an `Exception`:
    a handler that catches those must not go on."""


class Interruption:
    """Waits for SIGTERM in the thread that makes it.

    Args:
        told: called when the signal comes while there is a job.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._thread = _thread_id()
        self._idle = False
        self._allowed = False
        self._came = False
        signal.signal(signal.SIGTERM, self._come)

    @property
    def came(self) -> bool:
        """Whether the signal has come."""
        return self._came

    def begin_rest(self) -> None:
        """There is no job: the signal ends the process, also one that came just now."""
        self._idle = True
        if self._came:
            _exit(0)

    def end_rest(self) -> None:
        """There is a job; the signal is remembered."""
        self._idle = False

    def allow(self) -> None:
        """The handler runs from here on: the signal raises Interrupted in it, also one that came before.

        Raises:
            Interrupted: it did.
        """
        self._allowed = True
        if self._came:
            self._allowed = False
            raise Interrupted

    def forbid(self) -> bool:
        """Raise nothing from here on. Returns whether it was allowed, in this very thread."""
        if self._thread != _thread_id():
            return False
        allowed, self._allowed = self._allowed, False
        return allowed

    def _come(self, number: int, frame: FrameType | None) -> None:
        if self._idle:
            _exit(0)
        self._came = True
        self._told()
        if self._allowed:
            self._allowed = False
            raise Interrupted
