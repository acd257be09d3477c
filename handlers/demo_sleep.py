"""The kind `demo.sleep`: waits in the runner's event loop, to show progress and cancel without a file."""

import asyncio
import time
from typing import Annotated

import msgspec
from msgspec import Meta

from queuecore import JobContext, Step, handler

_TICK = 0.2  # seconds


class Slept(msgspec.Struct, frozen=True):
    """How long it slept, in seconds, and in how many steps."""

    seconds: float
    steps: int


# Made to be killed, again and again, by whoever wants to see what happens then.
@handler("demo.sleep", runs="async", timeout=3900.0, retries=1, max_crashes=20)
async def sleep(
    ctx: JobContext,
    seconds: Annotated[
        float, Meta(title="Seconds", description="How long to sleep in all.", ge=0, le=3600)
    ] = 20.0,
    steps: Annotated[int, Meta(title="Steps", description="In how many equal steps.", ge=1, le=100)] = 4,
) -> Slept:
    """Sleep for a while.

    A demonstration that waits and does nothing else: many of them run at once in one worker.
    """
    started = time.monotonic()
    length = seconds / steps
    for index in range(steps):
        step = Step(f"nap {index + 1}", index + 1, steps)
        end = started + length * (index + 1)
        while (left := end - time.monotonic()) > 0:
            slept = min(seconds, time.monotonic() - started)
            ctx.progress(
                length - left, length, unit="seconds", step=step, fraction=slept / seconds if seconds else 1.0
            )
            await asyncio.sleep(min(_TICK, left))
    ctx.progress(length, length, unit="seconds", step=Step(f"nap {steps}", steps, steps), fraction=1.0)
    return Slept(seconds, steps)
