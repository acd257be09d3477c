"""What an adapter in `bench/peers` is, and everything that is measured inside its process.

An adapter is told, by its command line, to work, or to enqueue in one of several ways; it prints one line of
JSON with what it measured. All peers share this code, so that they differ by nothing but themselves. It runs
in their environments, so it imports only the standard library.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

WARM_UP = 50
LATENCY_SECONDS = 5.0
# Between two jobs of an idle worker: long enough that it has nothing left to do.
PAUSE = 0.004
BULK = 5_000
TASKS = 100


class Adapter(Protocol):
    """A queue, as its users see it.

    `kind` is "noop", which returns its number at once, or "sleep", which does so after 0.1 s.
    """

    async def open(self) -> None:
        """Connect as a producer."""

    async def close(self) -> None:
        """Disconnect."""

    async def enqueue(self, kind: str, number: int) -> Any:
        """Enqueue one job; returns what `result` wants."""

    async def result(self, job: Any) -> Any:
        """Wait for a job's result."""


class BulkAdapter(Adapter, Protocol):
    """A queue that takes many jobs in one call."""

    async def enqueue_many(self, kind: str, numbers: Sequence[int]) -> None:
        """Enqueue many jobs, in the fastest way there is."""


class Work(NamedTuple):
    """What a worker is to do.

    Args:
        url: of Redis.
        concurrency: jobs at once, for systems that have a number for it.
        runners: processes that run jobs, for queuecore only.
    """

    url: str
    concurrency: int
    runners: int


Run = Callable[[Coroutine[Any, Any, None]], None]


def main(make: Callable[[str], Adapter], work: Callable[[Work], None], run: Run = asyncio.run) -> None:
    """Do what the command line asks.

    Args:
        make: makes the producer for the Redis at a URL.
        work: runs a worker until it is terminated.
        run: runs a coroutine; that of uvloop for the systems that gain from it.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "action", choices=["work", "one-by-one", "concurrent", "bulk", "fill", "latency", "alone", "load"]
    )
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--kind", default="noop")
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--runners", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first job")
    parser.add_argument("--rate", type=float, default=0.0, help="jobs a second")
    options = parser.parse_args()
    if options.action == "work":
        work(Work(options.url, options.concurrency, options.runners))
        return
    run(_produce(make(options.url), options))


async def _produce(adapter: Adapter, options: argparse.Namespace) -> None:
    await adapter.open()
    count, first = options.count, options.first
    began = time.process_time()
    match options.action:
        case "one-by-one":
            answer = await one_by_one(adapter, count)
        case "concurrent":
            answer = await concurrent(adapter, count)
        case "bulk":
            answer = await bulk(adapter, count)
        case "fill":
            answer = await fill(adapter, options.kind, first, count)
        case "latency":
            answer = await latency(adapter, first, count)
        case "alone":
            answer = await alone(adapter, first, count)
        case _:
            answer = await load(adapter, first, count, options.rate)
    print(json.dumps({**answer, "cpu_s": time.process_time() - began} if answer else answer), flush=True)
    await adapter.close()


async def one_by_one(adapter: Adapter, count: int) -> dict[str, Any]:
    """Enqueue one job after the other, each stored before the next."""
    for number in range(WARM_UP):
        await adapter.enqueue("noop", number)
    began = time.perf_counter()
    for number in range(count):
        await adapter.enqueue("noop", number)
    return {"rate": count / (time.perf_counter() - began)}


async def concurrent(adapter: Adapter, count: int) -> dict[str, Any]:
    """Enqueue from 100 tasks at once, each one job after the other."""

    async def enqueue(numbers: range) -> None:
        for number in numbers:
            await adapter.enqueue("noop", number)

    await asyncio.gather(*(enqueue(range(2)) for _ in range(TASKS)))
    began = time.perf_counter()
    await asyncio.gather(*(enqueue(range(first, count, TASKS)) for first in range(TASKS)))
    return {"rate": count / (time.perf_counter() - began)}


async def bulk(adapter: Adapter, count: int) -> dict[str, Any]:
    """Enqueue with the call for many; the answer is empty where there is none."""
    enqueue_many = getattr(adapter, "enqueue_many", None)
    if enqueue_many is None:
        return {}
    await enqueue_many("noop", range(WARM_UP))
    began = time.perf_counter()
    await enqueue_many("noop", range(count))
    return {"rate": count / (time.perf_counter() - began)}


async def fill(adapter: Adapter, kind: str, first: int, count: int) -> dict[str, Any]:
    """Enqueue jobs for others to measure."""
    enqueue_many = getattr(adapter, "enqueue_many", None)
    numbers = range(first, first + count)
    if enqueue_many is not None:
        for at in range(0, count, BULK):
            await enqueue_many(kind, numbers[at : at + BULK])
    else:
        for number in numbers:
            await adapter.enqueue(kind, number)
    return {"filled": count}


async def latency(adapter: Adapter, first: int, count: int) -> dict[str, Any]:
    """Enqueue a job on an idle worker and wait for its result; again and again, one at a time.

    Returns: for each job, from the number `first`, when it was enqueued and when its result was here, on
        CLOCK_MONOTONIC. The first is a warm-up, for which the worker may still have to start.
    """
    enqueued, received = [], []
    ends = 0.0
    for number in range(first, first + count):
        enqueued.append(time.monotonic())
        answer = await adapter.result(await adapter.enqueue("noop", number))
        received.append(time.monotonic())
        assert answer == number, f"the result of job {number} is {answer!r}"
        ends = ends or time.monotonic() + LATENCY_SECONDS
        if time.monotonic() > ends:
            break
        await asyncio.sleep(PAUSE)
    return {"enqueued": enqueued, "received": received}


async def alone(adapter: Adapter, first: int, count: int) -> dict[str, Any]:
    """Enqueue a job, wait for its result, and enqueue the next at once."""
    for number in range(first, first + count):
        answer = await adapter.result(await adapter.enqueue("noop", number))
        assert answer == number, f"the result of job {number} is {answer!r}"
    return {"done": count}


async def load(adapter: Adapter, first: int, count: int, rate: float) -> dict[str, Any]:
    """Enqueue at a steady rate, whether or not earlier calls have returned.

    With the call for many, where there is one: the producer shares the processor with what is measured.

    Returns: for each job when it was to be enqueued; lateness of the producer counts as latency.
    """
    enqueue_many = getattr(adapter, "enqueue_many", None)
    sent = 0
    calls: set[asyncio.Task[Any]] = set()
    began = time.monotonic()
    while sent < count:
        due = min(count, int((time.monotonic() - began) * rate))
        numbers = range(first + sent, first + due)
        jobs = (
            [enqueue_many("noop", numbers)]
            if enqueue_many is not None and numbers
            else [adapter.enqueue("noop", number) for number in numbers]
        )
        for job in jobs:
            call = asyncio.create_task(job)
            calls.add(call)
            call.add_done_callback(calls.discard)
        sent = due
        await asyncio.sleep(0.001)
    await asyncio.gather(*calls)
    return {"enqueued": [began + number / rate for number in range(count)]}
