"""Why an attempt was stopped decides what it comes to: the first word on it, but for one."""

import asyncio

import msgspec
import pytest

from queuecore.execution import Attempt, StopReason, outcome_of_stop
from queuecore.handling import JobContext
from queuecore.model import Cancelling, Claim, Releasing, Retrying


@pytest.fixture
def attempt() -> Attempt:
    claim = Claim("main." + "a" * 22, 1, "kind", msgspec.Raw(b"\x80"))
    return Attempt(claim, None, JobContext(claim.id, 1, "kind"), 3.0, 0.0)


@pytest.mark.parametrize(
    ("reasons", "stands"),
    [
        (["cancelled"], "cancelled"),
        (["timed_out", "cancelled"], "timed_out"),
        (["cancelled", "drained"], "cancelled"),
        (["drained", "timed_out"], "drained"),
        (["cancelled", "fenced"], "fenced"),
        (["timed_out", "fenced"], "fenced"),
        (["drained", "fenced", "cancelled"], "fenced"),
    ],
)
def test_the_first_reason_stands_but_that_of_a_lost_job_outweighs_all(
    attempt: Attempt, reasons: list[StopReason], stands: StopReason
) -> None:
    for reason in reasons:
        attempt.stop(reason)

    assert attempt.stopped == stands


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("cancelled", Cancelling), ("drained", Releasing), ("timed_out", Retrying), ("fenced", type(None))],
)
def test_each_reason_comes_to_its_outcome(attempt: Attempt, reason: StopReason, outcome: type) -> None:
    attempt.stop(reason)

    assert type(outcome_of_stop(attempt)) is outcome


async def test_a_stop_cancels_the_task_and_only_a_cancel_is_shown_to_the_handler(attempt: Attempt) -> None:
    attempt.task = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]  # any task will do

    attempt.stop("drained")
    await asyncio.wait([attempt.task])

    assert attempt.task.cancelled()
    assert not attempt.context.cancelled
    attempt.stop("cancelled")
    assert attempt.context.cancelled
