"""Puts the jobs of dead runners back in line, from the start of a worker to its end.

Any number of workers do this at once: Redis hands out each job once. It looks at
the truth from all sides: a runner that was seen to die, a runner without
heartbeat, a job that is in no place where its state says it is. (A runner that
has a job it does not know of gives it back itself; see Feed.reconcile.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from ..handling import runner_died
from ..log import event
from ..model import BrokerRefused, ErrorRecord, Releasing, State, split_job_id
from ..store import Broker
from .guard import Refusals, keep_going

logger = logging.getLogger("queuecore.recovery")

# A runner's own calls have lower numbers.
BURIAL_LANE = 9
FIRST_SWEEP_SECONDS = 30.0
SWEEP_SECONDS = 3600.0
SWEEP_PAUSE_SECONDS = 0.05

Sweep = Callable[[str, int], Awaitable[tuple[int, list[str]]]]


class RecoveryManager:
    """Recovers abandoned jobs of some spaces.

    Args:
        ttl: how long a runner may be without heartbeat, in seconds.
    """

    def __init__(self, broker: Broker, *, spaces: Sequence[str], ttl: float) -> None:
        self._broker = broker
        self._spaces = spaces
        self._ttl = ttl
        self._suspects: dict[str, set[str]] = {space: set() for space in spaces}
        self._suspected = {space: asyncio.Event() for space in spaces}

    async def run(self) -> None:
        """Keep watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for space in self._spaces:
                tasks.create_task(keep_going("recovery", partial(self._judge, space), space=space))
                tasks.create_task(keep_going("sweep", partial(self._keep_sweeping, space), space=space))

    async def bury(self, runner_id: str, reason: str, *, not_begun: Sequence[tuple[str, int]] = ()) -> None:
        """Recover the jobs of a runner whose death was seen.

        Args:
            reason: the end of a sentence that begins with the runner: "was killed by signal 9".
            not_begun: attempts, as (job id, number), that are given back unspent.
        """
        refusals = Refusals("burial", runner=runner_id)
        while True:
            try:
                return await self._bury(runner_id, runner_died(reason), not_begun)
            except BrokerRefused as refused:
                await asyncio.sleep(refusals.note(refused))

    async def _bury(self, runner_id: str, error: ErrorRecord, not_begun: Sequence[tuple[str, int]]) -> None:
        for space in self._spaces:
            outcomes = [Releasing(id, attempt) for id, attempt in not_begun if split_job_id(id)[0] == space]
            if outcomes:
                await self._broker.claims.advance(
                    space, runner_id, lane=BURIAL_LANE, outcomes=outcomes, asks=()
                )
        await asyncio.gather(
            *(self._recover(space, runner_id, error, seen_dead=True) for space in self._spaces)
        )

    def suspect(self, space: str, runner_ids: Sequence[str]) -> None:
        """Recover the jobs of runners that have no heartbeat."""
        self._suspects[space].update(runner_ids)
        self._suspected[space].set()

    async def _judge(self, space: str) -> None:
        suspects, suspected = self._suspects[space], self._suspected[space]
        error = runner_died(f"gave no sign of life for {self._ttl:g} s")
        while True:
            await suspected.wait()
            suspected.clear()
            while suspects:
                # Redis looks again: who has a heartbeat after all keeps its jobs. Who cannot be judged now is
                # suspected again with the next heartbeat.
                await self._recover(space, suspects.pop(), error, seen_dead=False)

    async def _keep_sweeping(self, space: str) -> None:
        await asyncio.sleep(FIRST_SWEEP_SECONDS)
        while True:
            cursor = 0
            while True:
                cursor, repaired = await self._broker.upkeep.sweep(space, cursor)
                for job_id in repaired:
                    event(logger, logging.WARNING, "job.repaired", job=job_id)
                if cursor == 0:
                    break
                await asyncio.sleep(SWEEP_PAUSE_SECONDS)
            await self._sweep_keys(space, self._broker.upkeep.sweep_limits, "limit.repaired")
            await self._sweep_keys(space, self._broker.upkeep.sweep_unique, "unique.repaired")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep_keys(self, space: str, sweep: Sweep, news: str) -> None:
        cursor = 0
        while True:
            cursor, repaired = await sweep(space, cursor)
            for name in repaired:
                event(logger, logging.WARNING, news, key=name, space=space)
            if cursor == 0:
                return
            await asyncio.sleep(SWEEP_PAUSE_SECONDS)

    async def _recover(self, space: str, runner_id: str, error: ErrorRecord, *, seen_dead: bool) -> None:
        for job in await self._broker.upkeep.recover(space, runner_id, error, seen_dead=seen_dead):
            event(
                logger,
                logging.WARNING if job.state is State.FAILED else logging.INFO,
                "job.recovered",
                job=job.id,
                attempt=job.attempt,
                state=job.state,
                runner=runner_id,
                reason=error.title,
            )
