"""What a shared loop does when Redis refuses something: it says so once, pauses, and tries again.

A key that holds the wrong thing is the trouble of one queue or one job. It must not end a loop that
everybody shares, and with it the worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..log import event
from ..model import BrokerRefused

logger = logging.getLogger("queuecore.guard")

SHORTEST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


async def keep_going(what: str, loop: Callable[[], Awaitable[None]], **fields: str) -> None:
    """Run a loop that never ends, again and again should Redis refuse what it does.

    Args:
        what: the loop's name, for the log.
        fields: what else is logged.
    """
    refusals = Refusals(what, **fields)
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await loop()
            return
        except BrokerRefused as error:
            if asyncio.get_running_loop().time() - began > 2 * LONGEST_PAUSE_SECONDS:
                refusals.forget()
            await asyncio.sleep(refusals.note(error))


class Refusals:
    """Counts refusals in a row, says each new one once, and how long to wait.

    Args:
        what: what was refused, for the log.
        fields: what else is logged.
    """

    def __init__(self, what: str, **fields: str) -> None:
        self._fields = {"what": what, **fields}
        self._said = ""
        self._pause = SHORTEST_PAUSE_SECONDS

    def note(self, error: BrokerRefused) -> float:
        """Take note of a refusal; returns the seconds until the next try."""
        if str(error) != self._said:
            self._said = str(error)
            event(logger, logging.ERROR, "redis.refused", exc_info=None, reason=str(error), **self._fields)
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause

    def forget(self) -> None:
        """It works again: the next refusal is news, and waited for shortly."""
        self._said = ""
        self._pause = SHORTEST_PAUSE_SECONDS
