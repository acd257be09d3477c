"""The two kinds that show progress, cancel and recovery without a file."""

import asyncio

import pytest

from handlers.demo_crunch import crunch
from handlers.demo_sleep import sleep
from queuecore import InvalidArguments, JobContext


async def test_sleep_takes_its_time_and_tells_each_step() -> None:
    ctx = JobContext.detached()

    slept = await sleep(ctx, seconds=0.3, steps=3)

    assert (slept.seconds, slept.steps) == (0.3, 3)
    progress = ctx.last_progress
    assert progress is not None
    assert progress.fraction is not None
    assert progress.fraction >= 0.99  # the rest is the queue's: only a completed job is at 1
    assert progress.step is not None
    assert (progress.step.index, progress.step.count) == (3, 3)


async def test_sleep_ends_when_it_is_cancelled() -> None:
    task = asyncio.create_task(sleep(JobContext.detached(), seconds=60))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_seconds_are_no_time() -> None:
    ctx = JobContext.detached()

    await sleep(ctx, seconds=0, steps=1)

    assert crunch(JobContext.detached(), seconds=0).seconds == 0


def test_crunch_counts_primes_and_tells_how_far_it_is() -> None:
    ctx = JobContext.detached()

    crunched = crunch(ctx, seconds=0.2)

    assert crunched.seconds >= 0.2
    assert crunched.primes == sum(
        all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, crunched.below)
    )
    progress = ctx.last_progress
    assert progress is not None
    assert (progress.done, progress.total, progress.unit) == (0.2, 0.2, "seconds")


def test_crunch_goes_on_where_the_last_attempt_ended() -> None:
    first = JobContext.detached()
    crunch(first, seconds=1.3)
    saved = first.state
    assert saved is not None

    crunched = crunch(JobContext.detached(attempt=2, state=saved), seconds=1.5)

    assert crunched.resumed_at == saved["seconds"] >= 1.0
    assert crunched.below > saved["number"]


@pytest.mark.parametrize("arguments", [{"seconds": -1}, {"seconds": 4000}, {"seconds": "long"}])
def test_what_makes_no_sense_is_refused(arguments: dict[str, object]) -> None:
    for kind in (sleep, crunch):
        with pytest.raises(InvalidArguments):
            kind.encode_mapping(arguments)
