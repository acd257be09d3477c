"""The kind `demo.crunch`: keeps a processor busy in a job process, and resumes where an attempt ended."""

import time
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from queuecore import JobContext, handler

_SLICE = 0.05  # seconds of work between two reports
_CHECKPOINT_EVERY = 1.0  # seconds of work


class Crunched(msgspec.Struct, frozen=True):
    """How many primes were found below which number, and in how many attempts."""

    primes: int
    below: int
    seconds: float
    resumed_at: float


class _State(msgspec.Struct, frozen=True):
    """Where an attempt is: what a checkpoint holds."""

    seconds: float
    number: int
    primes: int


# Made to be killed, again and again, by whoever wants to see what happens then.
@handler("demo.crunch", runs="process", timeout=3900.0, max_crashes=20)
def crunch(
    ctx: JobContext,
    seconds: Annotated[
        float, Meta(title="Seconds", description="How much processor time to spend.", ge=0, le=3600)
    ] = 20.0,
) -> Crunched:
    """Count prime numbers for a while.

    A demonstration that keeps a processor busy. It saves where it is every second, so that an attempt
    that is killed is taken up again near where it ended.
    """
    state = _resume(ctx.state)
    resumed_at = saved_at = state.seconds
    while state.seconds < seconds:
        state = _count(state, min(_SLICE, seconds - state.seconds))
        ctx.progress(
            min(state.seconds, seconds), seconds, unit="seconds", message=f"{state.primes:,} primes found"
        )
        if state.seconds - saved_at >= _CHECKPOINT_EVERY:
            saved_at = state.seconds
            ctx.checkpoint(msgspec.to_builtins(state))
    return Crunched(state.primes, state.number, state.seconds, resumed_at)


def _resume(saved: Any) -> _State:
    return _State(0.0, 2, 0) if saved is None else msgspec.convert(saved, _State)


def _count(state: _State, seconds: float) -> _State:
    """Go on counting for some seconds of this process's own time."""
    started = time.process_time()
    number, primes = state.number, state.primes
    while (spent := time.process_time() - started) < seconds:
        for candidate in range(number, number + 200):
            primes += _is_prime(candidate)
        number += 200
    return _State(state.seconds + spent, number, primes)


def _is_prime(number: int) -> bool:
    if number < 4:
        return number > 1
    if number % 2 == 0:
        return False
    divisor = 3
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 2
    return True
