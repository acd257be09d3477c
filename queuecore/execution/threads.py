"""Threads for handlers that block. A thread cannot be killed, only left behind.

The standard pool has a fixed number of threads and waits for all of them at
exit; here a thread that was left behind neither holds a place nor the exit.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

from ..processes import Home

_Work = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """As many threads as there are calls at once; the caller bounds them by its slots.

    Args:
        home: this process, where its forks are looked after.
    """

    def __init__(self, home: Home | None = None) -> None:
        self._home = home or Home()
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    def call(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Call `function` in a thread and a copy of the caller's context variables.

        Returns: a future of what it returns or raises.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        context = contextvars.copy_context()
        self._work.put((lambda: context.run(function), future))
        if not self._idle.acquire(blocking=False):
            self._started += 1
            name = f"handler-{self._started}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            function, future = self._work.get()
            try:
                result, error = function(), None
            except BaseException as raised:
                if self._home.left:
                    self._home.leave()
                result, error = None, raised
            if self._home.left:
                self._home.leave()
            self._idle.release()
            try:
                self._loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                return  # the event loop is closed: the runner is gone, so nobody wants the result
            del function, future, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError("the handler raised StopIteration"))
    else:
        future.set_exception(error)
