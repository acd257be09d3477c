"""Whether queuecore stays as fast with much of everything: a million jobs, delayed ones, many workers."""

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, Final

import uvloop

from bench import queuecore_handlers
from bench.measures import Values, idling, percentile
from bench.processes import worker
from bench.server import BenchRedis
from bench.systems import QUEUECORE
from queuecore import JobRequest, Queue, Registry, State
from queuecore.model import Ask, Completed, Outcome, RunnerInfo
from queuecore.store import Broker, Cursor
from queuecore.worker.runner import GARBAGE_THRESHOLD

SHALLOW: Final = 10_000
DEEP: Final = 1_000_000
WINDOW: Final = 10_000  # jobs of a drain
# Jobs enqueued at a time: so few that Redis, which doubles its table at 2^20 keys, does not do so here.
NEW: Final = 4_000
WINDOWS: Final = 9
OWNED: Final = 20_000  # of the deep queue's jobs belong to one owner whose list is asked for
QUESTIONS: Final = 1_000
DELAYED: Final = 100_000
CLAIM_LOOPS: Final = 100
CLAIM_JOBS: Final = 100_000
BATCH: Final = 100
CHUNK: Final = 5_000


def depth(shallow: BenchRedis, deep: BenchRedis, *, jobs: int = DEEP) -> Values:
    """Enqueueing and draining with a shallow and a deep queue, and what questions take with a deep one.

    The two are on servers of their own and take turns, window by window: this machine's speed changes more
    in a minute than depth could account for.
    """
    uvloop.run(_fill(deep.url, jobs - OWNED))
    uvloop.run(_fill(deep.url, OWNED, owner="bench"))
    rates: dict[str, list[float]] = {}
    for _ in range(WINDOWS):
        shallow.empty()
        uvloop.run(_fill(shallow.url, SHALLOW))
        for name, redis in (("shallow", shallow), ("deep", deep)):
            many, one = uvloop.run(_enqueue(redis.url))
            rates.setdefault(f"{name}_enqueue_bulk_per_s", []).append(many)
            rates.setdefault(f"{name}_enqueue_one_per_s", []).append(one)
        for name, redis in (("shallow", shallow), ("deep", deep)):
            rates.setdefault(f"{name}_drain_per_s", []).append(_drain(redis, capacity=jobs))
    values = {name: median(each) for name, each in rates.items()} | uvloop.run(_questions(deep.url))
    shallow.empty()
    deep.empty()
    return values


async def _enqueue(url: str) -> tuple[float, float]:
    """Jobs a second that a queue takes: many in a call, and one by one."""
    registry = Registry.load([queuecore_handlers.__name__])
    async with Queue.connect(url, registry=registry) as queue:
        noop = registry["bench.noop"]
        numbers = range(SHALLOW, SHALLOW + NEW)  # of their own: a drain tells jobs apart by them
        extra = [JobRequest(kind="bench.noop", args={"number": number}) for number in numbers]
        await queue.enqueue_many(extra[:BATCH])
        began = time.perf_counter()
        await queue.enqueue_many(extra)
        many = NEW / (time.perf_counter() - began)
        began = time.perf_counter()
        for number in range(QUESTIONS // 2):
            await queue.enqueue(noop, number=SHALLOW + NEW + number)
        one = QUESTIONS // 2 / (time.perf_counter() - began)
    return many, one


async def _questions(url: str) -> Values:
    """The 99th percentile of what the pages and the API ask, one question at a time."""
    chance = random.Random(1)
    async with Queue.connect(url, registry=Registry.load([queuecore_handlers.__name__])) as queue:
        inspector = queue.inspector
        length = (await inspector.figures.counts()).queued
        some = await inspector.listings.in_state(State.QUEUED, offset=length // 2, limit=2 * QUESTIONS)
        records = chance.sample(some, QUESTIONS)
        newest = await inspector.listings.owned("bench", limit=25)
        owned = [Cursor(record.created_ms, record.id) for record in newest]

        async def p99(ask: Callable[[int], Awaitable[Any]]) -> float:
            times = []
            for number in range(QUESTIONS):
                began = time.perf_counter()
                await ask(number)
                times.append(time.perf_counter() - began)
            return percentile(times, 99) * 1e3

        return {
            "status_p99_ms": await p99(lambda number: inspector.jobs.record(records[number].id)),
            "position_p99_ms": await p99(lambda number: inspector.jobs.position(records[number])),
            "list_owned_p99_ms": await p99(
                lambda number: inspector.listings.owned("bench", before=owned[number % 25], limit=25)
            ),
            "list_queued_p99_ms": await p99(
                lambda number: inspector.listings.in_state(State.QUEUED, offset=number * 25, limit=25)
            ),
            "cancel_p99_ms": await p99(lambda number: queue.cancel(records[number].id)),
        }


def _drain(redis: BenchRedis, *, capacity: int) -> float:
    """Jobs a second of a worker, over the first window of jobs that it takes."""
    with worker(QUEUECORE, redis.url, capacity=capacity) as running:
        running.wait_for(WINDOW)
        begins = sorted(begin for begin in running.reading().begins if begin)
    return (WINDOW - 1) / (begins[WINDOW - 1] - begins[0])


async def _fill(url: str, jobs: int, *, delay: float = 0.0, owner: str = "") -> None:
    async with Queue.connect(url, registry=Registry.load([queuecore_handlers.__name__])) as queue:
        for first in range(0, jobs, CHUNK):
            await queue.enqueue_many(
                [
                    JobRequest(kind="bench.noop", args={"number": number}, delay=delay, owner=owner)
                    for number in range(first, min(jobs, first + CHUNK))
                ]
            )


def delayed(redis: BenchRedis, *, jobs: int = DELAYED) -> Values:
    """What a worker without work costs, and what it costs while many jobs are scheduled for later."""
    values: Values = {}
    for name, count in (("without_delayed", 0), ("with_delayed", jobs)):
        redis.empty()
        uvloop.run(_fill(redis.url, count, delay=3600.0))
        uvloop.run(_fill(redis.url, 1))
        with worker(QUEUECORE, redis.url, capacity=1) as running:
            running.wait_for(1)
            time.sleep(1.5)  # its other processes start too, and it looks at everything once
            values |= {f"{name}_{key}": value for key, value in idling(redis, running).items()}
    redis.empty()
    return values


def claim_loops(redis: BenchRedis, *, jobs: int = CLAIM_JOBS) -> Values:
    """Jobs a second of one claim loop and of a hundred, each with its own connection, without handlers."""
    values: Values = {}
    for name, loops in (("one_loop_per_s", 1), ("many_loops_per_s", CLAIM_LOOPS)):
        redis.empty()
        uvloop.run(_fill(redis.url, jobs))
        values[name] = uvloop.run(_run_loops(redis.url, loops, jobs))
    redis.empty()
    return values


async def _run_loops(url: str, loops: int, jobs: int) -> float:
    gc.collect()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)  # as in a runner
    brokers = [Broker.connect(url, name=f"loop{number}") for number in range(loops)]
    for number, broker in enumerate(brokers):
        runner = RunnerInfo(
            id=f"loop.{number}",
            worker="bench",
            host="bench",
            pid=1,
            queues=("default",),
            slots={"async": BATCH},
        )
        await broker.claims.register("main", runner, ttl=600.0)
    left = jobs

    async def loop(broker: Broker, runner_id: str, lane: int) -> None:
        nonlocal left
        outcomes: list[Outcome] = []
        while outcomes or left > 0:
            advance = await broker.claims.advance(
                "main", runner_id, lane=lane, outcomes=outcomes, asks=[Ask("async", BATCH, ("default",))]
            )
            outcomes = [Completed(claim.id, claim.attempt, b"\xc0") for claim in advance.claims["async"]]
            left -= len(outcomes)

    began = time.perf_counter()
    # A runner keeps two calls under way, so that Redis works while Python does; so does the single loop here.
    lanes = 2 if loops == 1 else 1
    async with asyncio.TaskGroup() as group:
        for number, broker in enumerate(brokers):
            for lane in range(lanes):
                group.create_task(loop(broker, f"loop.{number}", lane))
    rate = jobs / (time.perf_counter() - began)
    for broker in brokers:
        await broker.close()
    return rate
