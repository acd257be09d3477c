"""What happens by the clock: ended jobs go when their retention is over.

(Delayed jobs and retries are promoted by every heartbeat and every claim.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from ..log import event
from ..model import Retention
from ..store import Broker
from .guard import keep_going

logger = logging.getLogger("queuecore.pruning")

PRUNE_SECONDS = 60.0
PAGE = 100


class Hooks(Protocol):
    """What a worker does for the project around it."""

    async def forget(self, job_ids: Sequence[str]) -> None:
        """Remove what is kept for these jobs outside Redis: their files. Asked again if the worker dies."""


class Pruner:
    """Removes ended jobs whose retention is over, and before them what belongs to them.

    Attributes:
        retention: how long ended jobs are kept; may be changed at any time.
    """

    def __init__(
        self, broker: Broker, *, spaces: Sequence[str], retention: Retention, hooks: Hooks | None
    ) -> None:
        self.retention = retention
        self._broker = broker
        self._spaces = spaces
        self._hooks = hooks

    async def run(self) -> None:
        """Prune now and every minute, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for space in self._spaces:
                tasks.create_task(keep_going("prune", partial(self._keep_pruning, space), space=space))

    async def _keep_pruning(self, space: str) -> None:
        while True:
            removed = await self.prune(space)
            if removed:
                event(logger, logging.INFO, "jobs.pruned", space=space, count=removed)
            await asyncio.sleep(PRUNE_SECONDS)

    async def prune(self, space: str) -> int:
        """Remove all jobs of `space` that are due to go. Returns how many went."""
        removed = 0
        while expired := await self._broker.pruning.expired(space, self.retention, limit=PAGE):
            # Files first: a job without files is asked for again, files without a job by nobody.
            if self._hooks is not None:
                await self._hooks.forget(expired)
            gone = await self._broker.pruning.prune(space, expired, self.retention)
            removed += len(gone)
            if not gone:
                break
        return removed
