"""Says to Redis, every few seconds, that this worker's runners live, and passes on what Redis answers.

User code never shares a process with this, so no handler can hold a beat up.
Nothing here decides a job's next state; see recovery.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from ..log import event
from ..model import Blocked
from ..store import Broker
from .control import Cancel, Drain, Look
from .runner_process import RunnerProcess

logger = logging.getLogger("queuecore.heartbeat")

# Delayed jobs that come due one after the other are promoted together.
SHORTEST_PAUSE_SECONDS = 0.05


class Heart:
    """Beats for all runners of one supervisor, one call a space and interval.

    Args:
        queues: what the runners serve.
        runners: returns the runners that there are now.
        suspect: called with the registered runners, of anyone, that have no heartbeat and may be judged.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        interval: float,
        ttl: float,
        queues: Sequence[str],
        runners: Callable[[], Iterable[RunnerProcess]],
        suspect: Callable[[str, list[str]], None],
    ) -> None:
        self._broker = broker
        self._interval = interval
        self._ttl = ttl
        self._queues = queues
        self._runners = runners
        self._suspect = suspect
        self._said_blocked: dict[str, set[str]] = {}  # by space

    async def run(self, space: str) -> None:
        """Beat in `space` until cancelled; early when a job comes due or runners may be judged."""
        while True:
            pause = await self.beat(space)
            await asyncio.sleep(max(min(self._interval, pause), SHORTEST_PAUSE_SECONDS))

    async def beat(self, space: str) -> float:
        """Beat once. Returns the seconds after which there may be something new to do."""
        # A suspended runner does nothing for its jobs, perhaps never again: others shall have them.
        living = {
            runner.id: runner
            for runner in self._runners()
            if runner.ready and runner.alive and not runner.suspended
        }
        blocked = {id: found for id, runner in living.items() if (found := runner.blocked())}
        said = self._said_blocked.setdefault(space, set())
        news: dict[str, tuple[float, Blocked] | None] = {id: None for id in said if id in living} | blocked
        reply = await self._broker.upkeep.heartbeat(
            space, list(living), queues=self._queues, ttl=self._ttl, blocked=news
        )
        self._said_blocked[space] = set(blocked)
        for job_id, runner_id in reply.cancels:
            if runner_id in living:
                living[runner_id].tell(Cancel(job_id))
        if reply.backlog:
            for runner in living.values():
                runner.tell(Look(space))
        for runner_id in reply.forgotten:
            # One that ends takes itself off the list before it exits.
            if runner_id in living and not living[runner_id].draining:
                event(logger, logging.WARNING, "runner.forgotten", runner=runner_id, space=space)
                living[runner_id].tell(Drain(0.0))
        if reply.suspects and reply.blind == 0:
            self._suspect(space, reply.suspects)
        elif reply.suspects:
            event(
                logger,
                logging.INFO,
                "recovery.deferred",
                space=space,
                suspects=len(reply.suspects),
                seconds=round(reply.blind, 1),
            )
        soon = [self._interval if reply.next_due is None else reply.next_due]
        return min(soon + [reply.blind] * bool(reply.suspects and reply.blind))
