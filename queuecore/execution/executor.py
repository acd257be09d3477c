"""Runs one attempt of a job, in the way its handler asks for, and says what it came to.

    claim -> decode arguments -> run (event loop | thread | job process) -> outcome

An attempt is stopped by `Attempt.stop`, which cancels its task; the reason that
is given there decides the outcome. Nothing here speaks to Redis.
"""

from __future__ import annotations

import asyncio
from typing import Any, assert_never

from ..handling import Handler, JobContext, Registry
from ..model import MAX_RESULT_BYTES, Claim, Completed, Crashing, Outcome, Releasing
from ..processes import Home
from .attempt import Attempt, Owner
from .job_messages import Raised, Returned
from .outcomes import outcome_of_error, outcome_of_failure, outcome_of_stop
from .pool import Crowded, ProcessPool
from .pooled_process import Died
from .threads import Threads
from .variables import remember_variables

# For so long a job waits for a process to be alone in; then those before it take long, and it had better go
# on among others.
ALONE_PATIENCE_SECONDS = 30.0


class Executor:
    """Runs attempts for one runner.

    Attributes:
        fresh_variables: returns the context variables that an attempt is to run with, whatever others set.

    Args:
        registry: the kinds this runner can do.
        processes: where handlers with runs="process" run.
        alone: where any handler runs whose job was there when its runner died.
        threads: where handlers with runs="thread" run.
        stop_grace: seconds that a handler has to end after it was asked to.
        max_result_bytes: of what a handler returns, as it is stored.
        home: this process, where its forks are looked after.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        processes: ProcessPool,
        alone: ProcessPool,
        threads: Threads,
        stop_grace: float,
        max_result_bytes: int = MAX_RESULT_BYTES,
        home: Home | None = None,
    ) -> None:
        self._registry = registry
        self._processes = processes
        self._alone = alone
        self._threads = threads
        self._stop_grace = stop_grace
        self._max_result_bytes = max_result_bytes
        self._home = home or Home()
        self.fresh_variables = remember_variables()
        self._now = asyncio.get_running_loop().time

    def accept(self, claim: Claim, *, owner: Owner) -> Attempt:
        """Return the attempt for a claim."""
        handler = self._registry.get(claim.kind)
        context = JobContext(claim.id, claim.attempt, claim.kind, claim.checkpoint, owner.hear, self._home)
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
            if claim.runs == "alone":
                outcome = await self._run_alone(attempt, owner, handler)
            # Also a job that was put in that line before its handler came to run elsewhere.
            elif "process" in (handler.runs, claim.runs):
                outcome = await self._run_in_process(attempt, owner, self._processes)
            else:
                arguments = handler.decode(claim.args)
                self._start_clock(attempt, owner)
                if handler.runs == "async":
                    result = await handler.invoke(attempt.context, arguments)
                else:
                    result = await self._run_in_thread(attempt, handler, arguments)
                if attempt.stopped is None or attempt.stopped in ("drained", "outgrown"):
                    encoded = handler.returns.encode(result, limit=self._max_result_bytes)
                    outcome = Completed(claim.id, claim.attempt, encoded, claim.tied)
                else:
                    # It took no notice of being stopped, or too late: others were told that it ended.
                    outcome = outcome_of_stop(attempt)
        except BaseException as error:
            # A child that comes back in order ends with this step, see `forks`.
            if self._home.left:
                self._home.leave()
            outcome = outcome_of_error(attempt, error)
        owner.end(attempt, outcome)

    async def _run_in_thread(self, attempt: Attempt, handler: Handler[..., Any], arguments: Any) -> Any:
        call = self._threads.call(lambda: handler.invoke(attempt.context, arguments))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            attempt.context.ask_to_cancel()
            # A thread ends only when it wants to. After a timeout it had its time already.
            try:
                if attempt.stopped != "timed_out":
                    await asyncio.wait((call,), timeout=self._stop_grace)
            finally:
                call.add_done_callback(_ignore_result)
                attempt.left_behind = None if call.done() else call
            raise

    async def _run_alone(self, attempt: Attempt, owner: Owner, handler: Handler[..., Any]) -> Outcome | None:
        claim = attempt.claim
        is_last_chance = claim.crashes + 1 >= handler.max_crashes
        patience = None if is_last_chance else ALONE_PATIENCE_SECONDS
        try:
            return await self._run_in_process(attempt, owner, self._alone, patience=patience)
        except Crowded:
            return Releasing(claim.id, claim.attempt, to=handler.runs)

    async def _run_in_process(
        self, attempt: Attempt, owner: Owner, pool: ProcessPool, *, patience: float | None = None
    ) -> Outcome | None:
        claim = attempt.claim
        ended = await pool.run(
            claim,
            started=lambda: self._start_clock(attempt, owner),
            heard=attempt.context.pass_on,
            patience=patience,
        )
        match ended:
            case Returned(result):
                return Completed(claim.id, claim.attempt, result, claim.tied)
            case Raised(failure):
                return outcome_of_failure(attempt, failure)
            case Died(error):
                return Crashing(claim.id, claim.attempt, error)
            case _:
                assert_never(ended)

    def _start_clock(self, attempt: Attempt, owner: Owner) -> None:
        if attempt.timeout is not None:
            attempt.deadline = self._now() + attempt.timeout
            owner.set_deadline(attempt)


def _ignore_result(call: asyncio.Future[Any]) -> None:
    if not call.cancelled():
        call.exception()
