"""The runner's job processes: started when a job needs one, kept warm, killed when a job must end.

Whatever happens to a job process, `ProcessPool.run` tells how the attempt ended
and the place in the pool is free again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import msgspec

from ..handling import News
from ..log import event
from ..model import Claim, ErrorRecord
from .job_messages import Raised
from .pooled_process import Died, Outcome, PooledProcess, PoolOptions

logger = logging.getLogger("queuecore.pool")

# A start costs as much as some hundred small jobs, so those alone are no reason for one.
RECYCLE_SECONDS = 60.0


class Crowded(Exception):
    """No process was free in time."""


class ProcessPool:
    """Up to `options.size` job processes."""

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._places = asyncio.Semaphore(options.size)
        self._idle: list[PooledProcess] = []
        self._all: set[PooledProcess] = set()

    async def run(
        self,
        claim: Claim,
        *,
        started: Callable[[], None],
        heard: Callable[[News], None],
        patience: float | None = None,
    ) -> Outcome:
        """Run one attempt. When the caller is cancelled the process is stopped first.

        Args:
            started: called when a process has taken the job up, which may be after a wait.
            heard: called with what the handler reports.
            patience: seconds to wait for a process, None for as long as it takes.

        Raises:
            Crowded: so long all of them were busy.
        """
        async with self._place(patience):
            process = await self._take()
            if isinstance(process, Died):
                return process
            started()
            outcome = await self._run_in(process, claim, heard)
            if isinstance(outcome, Raised) and outcome.exhausted and process.jobs > 1:
                # Earlier jobs may have used up what this one lacked: it is to have a process of its own.
                event(
                    logger, logging.INFO, "process.exhausted", pid=process.pid, job=claim.id, kind=claim.kind
                )
                claim = msgspec.structs.replace(claim, checkpoint=process.checkpoint)
                process = await self._start()
                if isinstance(process, Died):
                    return process
                outcome = await self._run_in(process, claim, heard)
            return outcome

    def pids(self) -> list[int]:
        """Return the ids of the processes that are up."""
        return [process.pid for process in self._all]

    async def close(self) -> None:
        """End all processes, the busy ones by force."""
        for process in list(self._all):
            process.kill()
        await asyncio.gather(*(process.wait() for process in list(self._all)))
        self._all.clear()
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def _place(self, patience: float | None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(patience):
                await self._places.acquire()
        except TimeoutError:
            raise Crowded from None
        try:
            yield
        finally:
            self._places.release()

    async def _take(self) -> PooledProcess | Died:
        while self._idle:
            # The one used last: the others may be swapped out, and can be let go.
            process = self._idle.pop()
            if process.alive:
                return process
            await self._bury(process)
        return await self._start()

    async def _start(self) -> PooledProcess | Died:
        process = await PooledProcess.start(self._options)
        self._all.add(process)
        try:
            reason = await process.ready()
        except BaseException:
            await self._bury(process)
            raise
        if reason is None:
            return process
        await self._bury(process)
        event(logger, logging.ERROR, "process.unfit", pid=process.pid, reason=reason)
        return Died(ErrorRecord("crashed", "The job's process could not be started.", reason))

    async def _run_in(self, process: PooledProcess, claim: Claim, heard: Callable[[News], None]) -> Outcome:
        try:
            return await process.run(claim, heard=heard)
        finally:
            await self._put_back(process)

    async def _put_back(self, process: PooledProcess) -> None:
        worn = process.jobs >= self._options.recycle and process.age >= RECYCLE_SECONDS
        if process.reusable and not worn:
            self._idle.append(process)
            if self._options.idle_seconds is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(self._options.idle_seconds, self._let_go, process, process.jobs)
        else:
            await self._bury(process)

    def _let_go(self, process: PooledProcess, jobs: int) -> None:
        """End a process that has had nothing to do since then."""
        if process in self._idle and process.jobs == jobs:
            self._idle.remove(process)
            process.kill()
            self._all.discard(process)

    async def _bury(self, process: PooledProcess) -> None:
        process.kill()
        await process.wait()
        self._all.discard(process)
