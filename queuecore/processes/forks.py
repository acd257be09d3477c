"""What becomes of the children that handlers fork: nothing of ours is theirs, none comes back to our code.

A forked child is a copy of its process. Left alone it would go on where its handler
was called: answer for its parent's job, run the coroutines of other jobs, take
messages out of sockets that it shares. What a child does before it comes back, and
a child that becomes another program, is the handler's own affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import sys
import threading
import traceback
from types import CodeType, FrameType
from typing import Any, NoReturn

# A descriptor is the whole process's, so the list of those that no child may hold is, too.
_private: set[int] = set()
_STOPPING = (signal.SIGTERM, signal.SIGINT)

# Bound before a handler can put something else in their place.
_exit = os._exit
_close = os.close


def keep_private(descriptor: int) -> None:
    """Have `descriptor` closed in every child that a handler forks."""
    _private.add(descriptor)


def release_private(descriptor: int) -> None:
    """Forget `descriptor`, before its number can come to mean something else."""
    _private.discard(descriptor)


class Home:
    """The process in which attempts run, told from the children that handlers fork.

    Attributes:
        left: whether this is such a child.
    """

    def __init__(self) -> None:
        self.left = False
        self._loop: tuple[int, int] | None = None  # its thread, and how deep its steps lie on the stack
        self._handlers: dict[signal.Signals, Any] = {}
        self._masks: dict[int, set[int | signal.Signals]] = {}

    def guard(self) -> None:
        """Look after the forks of this process from now on. There is no way back; call it once.

        Called in a coroutine, this looks after those of its event loop, too, which all handlers share.
        """
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            self._loop = threading.get_ident(), _depth_of_steps()
        self._handlers = {number: signal.getsignal(number) for number in _STOPPING}
        os.register_at_fork(
            before=self._hold_signals_back,
            after_in_parent=self._let_signals_come,
            after_in_child=self._enter_child,
        )

    def leave(self) -> NoReturn:
        """End this child, which came back out of its handler."""
        error = sys.exception()
        if error is not None and not isinstance(error, SystemExit):
            with contextlib.suppress(BaseException):
                traceback.print_exception(error)
        _exit(0 if error is None else 1)

    def _hold_signals_back(self) -> None:
        # One to the child that came before its handlers are its own would be lost.
        self._masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)

    def _let_signals_come(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.pop(threading.get_ident()))

    def _enter_child(self) -> None:
        self.left = True
        for descriptor in _private:
            with contextlib.suppress(OSError):  # the handler closed it before
                _close(descriptor)
        # The child may give the numbers to what it opens, and have children, too.
        _private.clear()
        # A signal to the child would be written into the socket that wakes its parent's event loop.
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == handler:
                signal.signal(number, signal.SIG_DFL)
        self._let_signals_come()
        if self._loop is not None and threading.get_ident() == self._loop[0]:
            _end_after_this_step(self._loop[1])


def _frames() -> list[FrameType]:
    """Return the frames of this thread, the outermost first."""
    frames = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _depth_of_steps() -> int:
    """Return how many frames are below a step of the event loop that this is called in."""
    return next(n for n, frame in enumerate(_frames()) if frame.f_code.co_flags & inspect.CO_COROUTINE)


def _end_after_this_step(depth: int) -> None:
    """End this child when the step of the event loop that forked it ends: the next one may be another job's.

    Nothing of ours is called between two steps, so the end is found by tracing the step's outermost
    frame. Whatever is called meanwhile costs a call more, but for what multiprocessing runs: that
    never comes back.
    """
    step = _frames()[depth]
    process = sys.modules.get("multiprocessing.process")
    bootstrap: CodeType | None = process.BaseProcess._bootstrap.__code__ if process else None

    def end(frame: FrameType, event: str, argument: object) -> Any:
        if event == "return":
            _exit(0)
        return end

    def enter(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code is bootstrap:
            sys.settrace(None)

    step.f_trace = end
    step.f_trace_lines = False
    sys.settrace(enter)
