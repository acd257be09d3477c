"""Signals as values to wait for, so that no code runs inside a signal handler."""

import select
import signal
import socket
from collections.abc import Sequence
from types import FrameType


class SignalQueue:
    """Collects signals from now on; `wait` gives them one after the other.

    Only to be made in the main thread, once in a process.
    """

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        for number in numbers:
            signal.signal(number, _do_nothing)
        # The interpreter writes the number of each signal that has a handler into this descriptor.
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)

    def wait(self, timeout: float | None) -> list[signal.Signals]:
        """Wait up to `timeout` seconds, for ever with None; returns what came, in order."""
        ready, _, _ = select.select([self._receiver], [], [], timeout)
        return [signal.Signals(number) for number in self._receiver.recv(1024)] if ready else []


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """A handler must exist for the wake-up to be written; see `SignalQueue.__init__`."""
