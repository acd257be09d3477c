"""The event loop that something works in: connections, tasks and futures belong to it, and end with it."""

from __future__ import annotations

import asyncio

from ..model import OtherLoop


class OwnLoop:
    """Which event loop something was used in last."""

    __slots__ = ("_loop",)

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def is_new(self) -> bool:
        """Whether the running loop is another than the last time: what belongs to that one is of no use.

        Raises:
            OtherLoop: that one still runs, in another thread.
        """
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return False
        if self._loop is not None and self._loop.is_running():
            raise OtherLoop
        self._loop = loop
        return True
