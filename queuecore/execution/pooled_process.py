"""One job process, seen from its runner: started, given attempts, listened to, ended.

Nothing that comes from it is trusted: a handler can write to its socket, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic

import msgspec

from ..handling import News, process_broken, process_died, process_stopped
from ..log import Format, event
from ..model import MAX_RESULT_BYTES, Claim, ErrorRecord
from ..processes import (
    Channel,
    child_environment,
    end_family,
    end_group,
)
from .job_messages import (
    Ended,
    FromProcess,
    Raised,
    Ready,
    Returned,
    Run,
    Said,
    Setup,
    Stopped,
    Unfit,
    from_process,
)
from .output import Output

logger = logging.getLogger("queuecore.pooled_process")

START_SECONDS = 60.0
# A process that has hung up is gone in a moment, or it does not mean to go.
DEATH_SECONDS = 1.0

# What a job could use to reach the queue behind its context's back.
SECRET_VARIABLES = frozenset({"REDIS_URL", "QUEUECORE_REDIS_URL"})


class Died(msgspec.Struct, frozen=True):
    """The process ended before the job did, not at our wish."""

    error: ErrorRecord


Outcome = Returned | Raised | Died


class PoolOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How job processes are made.

    Args:
        size: how many there may be.
        recycle: how many jobs one runs before another takes its place, which it does once a minute at most.
        memory_bytes: the address space of each, 0 for no limit.
        hidden: variables of the environment that they do not see.
        idle_seconds: how long one is kept that has nothing to do; None for as long as the pool.
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
    hidden: frozenset[str] = SECRET_VARIABLES
    idle_seconds: float | None = None


class PooledProcess:
    """A job process and its runner's ends of what connects them.

    Attributes:
        jobs: how many attempts it was given.
        checkpoint: what the latest of them saved last.
    """

    def __init__(self, process: asyncio.subprocess.Process, *, stop_grace: float, output: int) -> None:
        self.jobs = 0
        self.checkpoint: bytes | None = None
        self.pid = process.pid
        self._loop = asyncio.get_running_loop()
        self._started_at = monotonic()
        self._process = process
        self._stop_grace = stop_grace
        self._channel: Channel | None = None
        self._ready: asyncio.Future[str | None] = self._loop.create_future()
        self._attempt: tuple[str, int] | None = None
        self._ended: asyncio.Future[Ended | None] | None = None
        self._heard: Callable[[News], None] | None = None
        self._output = Output(output, self._hear_printed)
        self._broken: str | None = None
        self._hung_up = False
        self._stopping = False
        self._killed = False

    @classmethod
    async def start(cls, options: PoolOptions) -> PooledProcess:
        """Start a process; whether it is fit for work is told by `ready`."""
        ours, theirs = socket.socketpair()
        output, their_output = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "queuecore.execution.job_process",
                str(theirs.fileno()),
                str(their_output),
                pass_fds=(theirs.fileno(), their_output),
                stdin=asyncio.subprocess.DEVNULL,
                env=child_environment(without=options.hidden),
            )
        except BaseException:
            ours.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(their_output)
        started = cls(process, stop_grace=options.stop_grace, output=output)
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
        return monotonic() - self._started_at

    @property
    def alive(self) -> bool:
        """Whether it still listens."""
        return not self._hung_up and self._process.returncode is None

    @property
    def reusable(self) -> bool:
        """Whether it can take another job."""
        return self.alive and not self._stopping and self._attempt is None

    async def ready(self) -> str | None:
        """Wait until it has loaded its handlers; return None, or why it never will."""
        try:
            async with asyncio.timeout(START_SECONDS):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            return f"it was not ready after {START_SECONDS:g} s"

    async def run(self, claim: Claim, *, heard: Callable[[News], None]) -> Outcome:
        """Run one attempt; stop the process when the caller is cancelled."""
        assert self._channel is not None
        self._ended = self._loop.create_future()
        self._heard = heard
        self._attempt = (claim.id, claim.attempt)
        self.checkpoint = claim.checkpoint
        self.jobs += 1
        if self._hung_up:
            self._end_attempt(None)
        self._channel.send(Run(claim.id, claim.attempt, claim.kind, claim.args, claim.checkpoint))
        try:
            ended = await asyncio.shield(self._ended)
        except asyncio.CancelledError:
            await self._stop(self._ended)
            raise
        if ended is None:
            return Died(await self._learn_end())
        if isinstance(ended.outcome, Stopped):
            # Only `_stop` may ask for it: this was a signal from somewhere else.
            self._stopping = True
            return Died(process_stopped())
        self._note_leavings(ended, claim)
        return ended.outcome

    def kill(self) -> None:
        """Kill the process and all that it started; does nothing when that was done."""
        if self._killed:
            return
        # Once: later its id may be another's.
        self._killed = True
        if self._process.returncode is None:
            end_family(self.pid)
        else:
            end_group(self.pid)
        if self._channel is not None:
            self._channel.close()
        self._output.close()

    async def wait(self) -> int:
        """Return the exit code, negative for a signal, once the process is gone."""
        return await self._process.wait()

    async def _stop(self, ended: asyncio.Future[Ended | None]) -> None:
        """Let the handler clean up, then kill; a second cancel kills at once."""
        self._stopping = True
        try:
            if not ended.done():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGTERM)
                await asyncio.wait((ended,), timeout=self._stop_grace)
        finally:
            self.kill()

    async def _learn_end(self) -> ErrorRecord:
        """Return why the process ended under its attempt."""
        if self._broken is None:
            try:
                async with asyncio.timeout(DEATH_SECONDS):
                    return process_died(await asyncio.shield(self.wait()))
            except TimeoutError:
                self._break("closed the connection to its worker")
        assert self._broken is not None
        return process_broken(self._broken)

    def _note_leavings(self, ended: Ended, claim: Claim) -> None:
        left = ended.left
        if isinstance(ended.outcome, Raised) and ended.outcome.exhausted:
            # What the job left behind is not known; the next one is to have all there is.
            left = (*left, "exhausted")
        if left:
            self._stopping = True
            event(
                logger,
                logging.INFO,
                "process.worn",
                pid=self.pid,
                left=", ".join(left),
                job=claim.id,
                kind=claim.kind,
            )

    # What comes from it.

    def _receive(self, message: FromProcess) -> None:
        if self._broken is not None:
            return
        match message:
            case Ready() if not self._ready.done():
                self._ready.set_result(None)
            case Unfit(reason) if not self._ready.done():
                self._ready.set_result(reason)
            case Said(id, attempt, news) if (id, attempt) == self._attempt:
                self._tell(news)
            case Ended(id, attempt) if (id, attempt) == self._attempt:
                self._end_attempt(message)
            case _:
                self._break("sent what its worker had not asked for")

    def _break(self, what: str) -> None:
        if self._broken is None:
            self._broken = what
            event(logger, logging.ERROR, "process.broken", pid=self.pid, reason=what)
            self._output.flush()
            self.kill()
            self._end_attempt(None)

    def _hang_up(self) -> None:
        self._hung_up = True
        if self._channel is not None and self._channel.broken:
            self._break("sent what is no message")
        if not self._ready.done():
            self._ready.set_result("it ended while it started; its output is in the log")
        if self._attempt is not None:
            self._end_attempt(None)
        else:
            self.kill()

    def _end_attempt(self, ended: Ended | None) -> None:
        # What it printed was written before it ended, and is there.
        self._output.flush()
        self._attempt = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(ended)

    def _tell(self, news: News) -> None:
        if news.checkpoint is not None:
            self.checkpoint = news.checkpoint
        if self._heard is not None:
            self._heard(news)

    def _hear_printed(self, lines: tuple[str, ...]) -> None:
        # Between two attempts nobody is left to whom it could belong.
        if self._attempt is not None:
            self._tell(News(log=lines))
