"""Runs one attempt of a job, in the way its handler asks for, and says what it came to.

    claim -> decode arguments -> run (event loop | thread | job process) -> outcome

An attempt is stopped by `Attempt.stop`, which cancels its task; the reason that
is given there decides the outcome. Nothing here speaks to Redis.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Literal, Protocol, assert_never

import msgspec

from ..handling import (
    DEFAULT_RETRIES,
    UNEXPECTED,
    Failure,
    Handler,
    JobContext,
    ProgressMeter,
    Registry,
    describe,
    encode_result,
    timed_out,
)
from ..log import event
from ..model import (
    MAX_RESULT_BYTES,
    Backoff,
    Cancelling,
    Claim,
    Completed,
    Crashing,
    Failing,
    Outcome,
    Releasing,
    Retrying,
)
from .job_messages import Raised, Returned, Stopped
from .pool import ProcessPool
from .pooled_process import Died
from .threads import Threads

logger = logging.getLogger("queuecore.executor")

# cancelled: asked for by somebody · timed out · drained: the runner stops, the attempt is given back ·
# fenced: the job belongs to another attempt by now, so nobody wants the outcome
StopReason = Literal["cancelled", "timed_out", "drained", "fenced"]


class Attempt(msgspec.Struct, eq=False):
    """A claimed job while it runs.

    Attributes:
        accepted_at: on the event loop's clock.
        deadline: on the event loop's clock, infinite before the handler has started.
        begun: whether its task has made its first step; one that is cancelled before makes none.
        stopped: why it was asked to end, None if it was not.
        ended: whether its outcome stands; what it does after that is of no interest.
        left_behind: what still runs of it although it ended: code that cannot be stopped.
        meter: measures its progress, from the first report on.
    """

    claim: Claim
    handler: Handler[..., Any] | None
    context: JobContext
    timeout: float | None
    accepted_at: float
    deadline: float = float("inf")
    begun: bool = False
    stopped: StopReason | None = None
    ended: bool = False
    left_behind: asyncio.Future[Any] | None = None
    meter: ProgressMeter | None = None
    task: asyncio.Task[None] | None = None

    def stop(self, reason: StopReason) -> None:
        """End it; the first reason holds, but that of a job that was lost outweighs all."""
        if self.stopped is None or reason == "fenced":
            self.stopped = reason
        if reason == "cancelled":
            self.context.ask_to_cancel()
        if self.task is not None:
            self.task.cancel()


class Owner(Protocol):
    """Who an attempt belongs to, and is told of what happens in it."""

    def set_deadline(self, attempt: Attempt) -> None:
        """The handler started; `attempt.deadline` holds from now on."""

    def hear(self, context: JobContext) -> None:
        """The context has news. Called in the handler's thread."""

    def end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """The attempt came to this; None when nobody wants to know."""


class Executor:
    """Runs attempts for one runner.

    Args:
        registry: the kinds this runner can do.
        processes: where handlers with runs="process" run.
        threads: where handlers with runs="thread" run.
        stop_grace: seconds that a handler has to end after it was asked to.
        max_result_bytes: of what a handler returns, as it is stored.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        processes: ProcessPool,
        threads: Threads,
        stop_grace: float,
        max_result_bytes: int = MAX_RESULT_BYTES,
    ) -> None:
        self._registry = registry
        self._processes = processes
        self._threads = threads
        self._stop_grace = stop_grace
        self._max_result_bytes = max_result_bytes
        self._now = asyncio.get_running_loop().time

    def accept(self, claim: Claim, *, owner: Owner) -> Attempt:
        """Return the attempt for a claim."""
        handler = self._registry.get(claim.kind)
        context = JobContext(claim.id, claim.attempt, claim.kind, claim.checkpoint, owner.hear)
        timeout = claim.timeout if claim.timeout is not None or handler is None else handler.timeout
        return Attempt(claim, handler, context, timeout, self._now())

    async def run(self, attempt: Attempt, owner: Owner) -> None:
        """Run the attempt to its end and tell its owner what it came to.

        Never raises but for the end of the event loop: whatever a handler does becomes an outcome.
        """
        attempt.begun = True
        claim = attempt.claim
        handler = attempt.handler
        outcome: Outcome | None
        try:
            if handler is None:
                handler = self._registry[claim.kind]
            arguments = handler.decode(claim.args)
            if handler.runs == "process":
                outcome = await self._run_in_process(attempt, owner)
            else:
                self._start_clock(attempt, owner)
                if handler.runs == "async":
                    result = await handler.invoke(attempt.context, arguments)
                else:
                    result = await self._run_in_thread(attempt, handler, arguments)
                if attempt.stopped is None or attempt.stopped == "drained":
                    encoded = encode_result(result, limit=self._max_result_bytes)
                    outcome = Completed(claim.id, claim.attempt, encoded)
                else:
                    # It took no notice of being stopped, or too late: others were told that it ended.
                    outcome = outcome_of_stop(attempt)
        except BaseException as error:
            outcome = _outcome_of_error(attempt, error)
        owner.end(attempt, outcome)

    async def _run_in_thread(self, attempt: Attempt, handler: Handler[..., Any], arguments: Any) -> Any:
        call = self._threads.call(lambda: handler.invoke(attempt.context, arguments))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            attempt.context.ask_to_cancel()
            # A thread ends only when it wants to. After a timeout it had its time already.
            try:
                if attempt.stopped in ("cancelled", "drained"):
                    await asyncio.wait((call,), timeout=self._stop_grace)
            finally:
                call.add_done_callback(_ignore_result)
                attempt.left_behind = None if call.done() else call
            raise

    async def _run_in_process(self, attempt: Attempt, owner: Owner) -> Outcome | None:
        claim = attempt.claim
        ended = await self._processes.run(
            claim,
            started=lambda: self._start_clock(attempt, owner),
            heard=attempt.context.pass_on,
        )
        match ended:
            case Returned(result):
                return Completed(claim.id, claim.attempt, result)
            case Raised(failure):
                return _outcome_of_failure(attempt, failure)
            case Died(error):
                return Crashing(claim.id, claim.attempt, error)
            case Stopped():
                # Stopped by someone else than us: an operator's SIGTERM to the process.
                return Releasing(claim.id, claim.attempt)
            case _:
                assert_never(ended)

    def _start_clock(self, attempt: Attempt, owner: Owner) -> None:
        if attempt.timeout is not None:
            attempt.deadline = self._now() + attempt.timeout
            owner.set_deadline(attempt)


def _outcome_of_error(attempt: Attempt, error: BaseException) -> Outcome | None:
    if attempt.stopped is not None:
        return outcome_of_stop(attempt)
    failure = describe(error)
    if failure.error.type == UNEXPECTED:
        claim = attempt.claim
        event(
            logger,
            logging.WARNING,
            "handler.raised",
            exc_info=error,
            job=claim.id,
            kind=claim.kind,
            attempt=claim.attempt,
        )
    return _outcome_of_failure(attempt, failure)


def outcome_of_stop(attempt: Attempt) -> Outcome | None:
    """Return what a stopped attempt comes to; None when nobody wants to know."""
    claim = attempt.claim
    match attempt.stopped:
        case "cancelled":
            return Cancelling(claim.id, claim.attempt)
        case "drained":
            return Releasing(claim.id, claim.attempt)
        case "timed_out":
            return _outcome_of_failure(attempt, timed_out(attempt.timeout or 0.0), outcome="timed_out")
        case "fenced" | None:
            return None
        case _:
            assert_never(attempt.stopped)


def _outcome_of_failure(
    attempt: Attempt, failure: Failure, *, outcome: Literal["failed", "timed_out"] = "failed"
) -> Outcome:
    claim, handler = attempt.claim, attempt.handler
    retries = claim.retries
    if retries is None:
        retries = handler.retries if handler is not None else DEFAULT_RETRIES
    if not failure.error.retryable or claim.failures >= retries:
        return Failing(claim.id, claim.attempt, failure.error, outcome)
    delay = failure.delay
    if delay is None:
        backoff = handler.backoff if handler is not None else Backoff()
        delay = backoff.delay(claim.failures + 1)
    return Retrying(claim.id, claim.attempt, delay, failure.error, outcome)


def _ignore_result(call: asyncio.Future[Any]) -> None:
    if not call.cancelled():
        call.exception()
