"""Signals that a process of a worker takes no notice of."""

from __future__ import annotations

import signal
from types import FrameType


def ignore_signals(*numbers: signal.Signals) -> None:
    """Take no notice of these signals. Programs that handlers start do, as with SIG_IGN they would not."""
    for number in numbers:
        signal.signal(number, _do_nothing)


def _do_nothing(number: int, frame: FrameType | None) -> None: ...
