"""What an attempt comes to, by how it ended. Every way to end comes to something."""

from __future__ import annotations

from typing import Any, Literal, assert_never

from ..handling import (
    DEFAULT_RETRIES,
    DISK_TRIES,
    Failure,
    Handler,
    disk_delay,
    forget_frames,
    runner_died,
    timed_out,
)
from ..model import Backoff, Cancelling, Crashing, Failing, Outcome, Releasing, Retrying, seconds
from .attempt import Attempt
from .raised import classify


def outcome_of_error(attempt: Attempt, error: BaseException) -> Outcome | None:
    """Return what an attempt comes to whose handler raised; None when nobody wants to know."""
    if attempt.stopped is not None:
        forget_frames(error)
        return outcome_of_stop(attempt)
    return outcome_of_failure(attempt, classify(error, attempt.claim))


def outcome_of_stop(attempt: Attempt) -> Outcome | None:
    """Return what a stopped attempt comes to; None when nobody wants to know."""
    claim = attempt.claim
    match attempt.stopped:
        case "cancelled":
            return Cancelling(claim.id, claim.attempt)
        case "drained":
            return Releasing(claim.id, claim.attempt)
        case "outgrown":
            return Crashing(claim.id, claim.attempt, runner_died("held more memory than it may"))
        case "timed_out":
            return outcome_of_failure(attempt, timed_out(attempt.timeout or 0.0), outcome="timed_out")
        case "fenced" | None:
            return None
        case _:
            assert_never(attempt.stopped)


def outcome_of_failure(
    attempt: Attempt, failure: Failure, *, outcome: Literal["failed", "timed_out"] = "failed"
) -> Outcome:
    """Return what a failed attempt comes to: another one after a while, or the end of its job."""
    claim, handler = attempt.claim, attempt.handler
    retries = claim.retries
    if retries is None:
        retries = handler.retries if handler is not None else DEFAULT_RETRIES
    # Who says that it must not be tried again is believed, also of a disk.
    if failure.of_disk and retries > 0 and claim.failures < DISK_TRIES:
        return Retrying(claim.id, claim.attempt, disk_delay(claim.failures + 1), failure.error, outcome)
    if not failure.error.retryable or claim.failures >= retries:
        return Failing(claim.id, claim.attempt, failure.error, outcome)
    delay = failure.delay
    if delay is None:
        delay = _delay_by_backoff(handler, claim.failures + 1)
    return Retrying(claim.id, claim.attempt, delay, failure.error, outcome)


def _delay_by_backoff(handler: Handler[..., Any] | None, failures: int) -> float:
    backoff = handler.backoff if handler is not None else Backoff()
    try:
        return seconds(backoff.delay(failures), name="the delay of the backoff")
    except Exception:  # of a handler's own making, or by a random number that is none any more
        return Backoff().ceiling(failures)
