"""Sees from a thread of its own when a handler blocks the event loop, and says which, while it lasts."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from types import FrameType
from typing import TextIO

from ..log import event
from .attempt import Attempt
from .executor import Executor

logger = logging.getLogger("queuecore.loop_watch")

LOOK_SECONDS = 1.0
# Blocked for so long the loop is worth a word, and then again each time that it is twice as long.
BLOCKED_SECONDS = 1.0
# No thread of Python's own gets to run while code in C keeps the interpreter to itself, a bad regular
# expression for example. Then this is how long it takes until the stacks are written without Python.
SEIZED_SECONDS = 5.0
FRAMES_SHOWN = 12


class LoopWatch:
    """Watches the event loop of the thread that makes it.

    Args:
        seized: where the stacks are written when even this cannot run.
        blocked: called in the watching thread while the loop is blocked, with whose handler does it if that
            is known.
        over: likewise, when it turns again.
    """

    def __init__(
        self, *, seized: TextIO, blocked: Callable[[Attempt | None], None], over: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._seized = seized
        self._blocked = blocked
        self._over = over

    def start(self) -> None:
        """Watch until the loop is closed."""
        threading.Thread(target=self._watch, name="loop-watch", daemon=True).start()

    def _watch(self) -> None:
        while True:
            turned = threading.Event()
            try:
                self._loop.call_soon_threadsafe(turned.set)
            except RuntimeError:
                return  # the loop is closed
            self._wait_for(turned)
            sleep(LOOK_SECONDS)

    def _wait_for(self, turned: threading.Event) -> None:
        began, wait, was_blocked = monotonic(), BLOCKED_SECONDS, False
        faulthandler.dump_traceback_later(SEIZED_SECONDS + LOOK_SECONDS, file=self._seized)
        while not turned.wait(wait):
            faulthandler.cancel_dump_traceback_later()
            self._tell(seconds=monotonic() - began)
            wait, was_blocked = monotonic() - began, True
        if was_blocked:
            self._over()

    def _tell(self, *, seconds: float) -> None:
        frame = sys._current_frames().get(self._thread)
        attempt = find_attempt(frame)
        self._blocked(attempt)
        event(
            logger,
            logging.WARNING,
            "loop.blocked",
            seconds=round(seconds, 1),
            job=attempt.claim.id if attempt else None,
            kind=attempt.claim.kind if attempt else None,
            attempt=attempt.claim.attempt if attempt else None,
            stack=describe_stack(frame),
        )


def find_attempt(frame: FrameType | None) -> Attempt | None:
    """Return the attempt whose handler a stack is in; None where a task of its own was started by it."""
    while frame is not None:
        if frame.f_code is Executor.run.__code__:
            attempt = frame.f_locals.get("attempt")
            return attempt if isinstance(attempt, Attempt) else None
        frame = frame.f_back
    return None


def describe_stack(frame: FrameType | None) -> str:
    """Return the innermost frames of a stack in one line, the innermost first."""
    shown: list[str] = []
    while frame is not None and len(shown) < FRAMES_SHOWN and frame.f_code is not Executor.run.__code__:
        shown.append(f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(shown)
