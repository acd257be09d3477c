"""The runner's side of one job process: started, given one attempt after the other, stopped, killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

import msgspec

from ..handling import OUT_OF_MEMORY, News, process_died, retry_with_more_room
from ..log import Format
from ..model import MAX_RESULT_BYTES, Claim, ErrorRecord
from ..processes import Channel, child_environment
from .job_messages import FromProcess, Raised, Ready, Returned, Run, Said, Setup, Stopped, Unfit, from_process

START_SECONDS: Final = 60.0

# What a job could use to reach the queue behind its context's back.
SECRET_VARIABLES: Final = frozenset({"REDIS_URL", "QUEUECORE_REDIS_URL"})


class Died(msgspec.Struct, frozen=True):
    """The process ended before the job did, not at our wish."""

    error: ErrorRecord


Ended = Returned | Raised | Stopped | Died


class PoolOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How job processes are made.

    Args:
        size: how many there may be.
        recycle: how many jobs one runs before another takes its place, which it does once a minute at most.
        memory_bytes: the address space of each, 0 for no limit.
        stop_grace: seconds between SIGTERM and SIGKILL.
        max_result_bytes: of what a handler returns, as it is stored.
    """

    size: int
    recycle: int
    memory_bytes: int
    handlers: tuple[str, ...]
    search_path: tuple[str, ...]
    stop_grace: float
    log_level: str
    log_format: Format
    max_result_bytes: int = MAX_RESULT_BYTES


class PooledProcess:
    """The runner's side of one job process."""

    def __init__(self, process: asyncio.subprocess.Process, *, stop_grace: float) -> None:
        self.jobs = 0
        self.pid = process.pid
        self._started_at = time.monotonic()
        self._process = process
        self._stop_grace = stop_grace
        self._channel: Channel | None = None
        self._ready: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[Ended | None] | None = None
        self._heard: Callable[[News], None] | None = None
        self._job: tuple[str, int] | None = None
        self._hung_up = False
        self._stopping = False

    @classmethod
    async def start(cls, options: PoolOptions) -> PooledProcess:
        """Start a process; whether it is fit for work is told by `ready`."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "queuecore.execution.job_process",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env=child_environment(without=SECRET_VARIABLES),
                start_new_session=True,
            )
        started = cls(process, stop_grace=options.stop_grace)
        started._channel = await Channel.open(
            ours, from_process, received=started._receive, closed=started._hang_up
        )
        started._channel.send(
            Setup(
                parent_pid=os.getpid(),
                search_path=list(options.search_path),
                handlers=list(options.handlers),
                memory_bytes=options.memory_bytes,
                max_result_bytes=options.max_result_bytes,
                log_level=options.log_level,
                log_format=options.log_format,
            )
        )
        return started

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started_at

    @property
    def alive(self) -> bool:
        """Whether it still listens."""
        return not self._hung_up and self._process.returncode is None

    @property
    def reusable(self) -> bool:
        """Whether it can take another job."""
        return self.alive and not self._stopping and self._ended is None

    async def ready(self) -> str | None:
        """Wait until it has loaded its handlers; return None, or why it never will."""
        try:
            async with asyncio.timeout(START_SECONDS):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            return f"it was not ready after {START_SECONDS:g} s"

    async def run(self, claim: Claim, *, heard: Callable[[News], None]) -> Ended:
        """Run one attempt; stop the process when the caller is cancelled."""
        assert self._channel is not None
        ended: asyncio.Future[Ended | None] = asyncio.get_running_loop().create_future()
        self.jobs += 1
        self._job = (claim.id, claim.attempt)
        self._heard = heard
        self._ended = ended
        if self._hung_up:
            ended.set_result(None)
        self._channel.send(Run(claim.id, claim.attempt, claim.kind, claim.args, claim.checkpoint))
        try:
            outcome = await asyncio.shield(ended)
        except asyncio.CancelledError:
            await self._stop(ended)
            raise
        if outcome is None:
            returncode = await self.wait()
            return Died(process_died(returncode))
        self._ended = None
        if isinstance(outcome, Raised) and outcome.failure.error.type == OUT_OF_MEMORY:
            # What the job left behind is not known; the next one is to have all of its memory.
            self._stopping = True
            if self.jobs > 1:
                return Raised(retry_with_more_room(outcome.failure))
        return outcome

    def kill(self) -> None:
        """Kill the process and all that it started; does nothing when it is gone."""
        self._signal(signal.SIGKILL)
        if self._channel is not None:
            self._channel.close()

    async def wait(self) -> int:
        """Return the exit code, negative for a signal, once the process is gone."""
        return await self._process.wait()

    async def _stop(self, ended: asyncio.Future[Ended | None]) -> None:
        """Let the handler clean up, then kill; a second cancel kills at once."""
        self._stopping = True
        try:
            if not ended.done():
                self._signal(signal.SIGTERM)
                await asyncio.wait((ended,), timeout=self._stop_grace)
        finally:
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        # The process leads a group of its own, so this reaches what the handler started, too,
        # also when only that is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _receive(self, message: FromProcess) -> None:
        match message:
            case Ready():
                if not self._ready.done():
                    self._ready.set_result(None)
            case Unfit(reason):
                if not self._ready.done():
                    self._ready.set_result(reason)
            case Said(id, attempt, news):
                if (id, attempt) == self._job and self._heard is not None:
                    self._heard(news)
            case Returned() | Raised() | Stopped():
                if self._ended is not None and not self._ended.done():
                    self._ended.set_result(message)

    def _hang_up(self) -> None:
        self._hung_up = True
        if not self._ready.done():
            self._ready.set_result("it ended while it started; its output is in the log")
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
