"""What is measured of each system, one function a measure, each on an empty Redis.

All return a mapping of measures to values; names end in their unit where they have one.
"""

import re
import time
from statistics import quantiles
from typing import Final

from bench.processes import SystemBroken, Worker, ask, wait_until, worker
from bench.redis_wire import Wire
from bench.server import BenchRedis
from bench.systems import System

Values = dict[str, float]

LATENCY_JOBS: Final = 1_000
SLEEPERS: Final = 1_000
MEMORY_JOBS: Final = 10_000  # at most; slow systems get as many as their drain
IDLE_SECONDS: Final = 5.0
LOAD_SECONDS: Final = 4.0
INSIDE_A_SCRIPT: Final = re.compile(r"^\+[\d.]+ \[\d+ lua\]")


def enqueue(redis: BenchRedis, system: System) -> Values:
    """Jobs a second that one producer stores: one by one, from 100 tasks at once, in bulk."""
    values = {}
    redis.empty()
    values["enqueue_one_per_s"] = ask(system, "one-by-one", redis.url, count=system.enqueue)["rate"]
    if system.concurrent:
        redis.empty()
        values["enqueue_concurrent_per_s"] = ask(system, "concurrent", redis.url, count=system.many)["rate"]
    redis.empty()
    answer = ask(system, "bulk", redis.url, count=system.many)
    if answer:
        values["enqueue_bulk_per_s"] = answer["rate"]
    redis.empty()
    return values


def drain(
    redis: BenchRedis, system: System, *, jobs: int | None = None, kind: str = "noop", runners: int = 1
) -> Values:
    """Jobs a second that a worker takes from a full queue, from its first to its last, and what Redis did."""
    jobs = jobs or system.drain
    redis.empty()
    ask(system, "fill", redis.url, kind=kind, count=jobs)
    before = redis.usage()
    with worker(system, redis.url, capacity=jobs, runners=runners) as running:
        running.wait_for(jobs)
        used = redis.usage().since(before)
        reading = running.reading()
        reading.check_exactly_once(0, jobs)
        seconds = reading.span(0, jobs)
        values = {
            "drain_per_s": jobs / seconds,
            "steady_per_s": reading.steady_rate(),
            "start_s": min(reading.begins) - running.began,
            "redis_us": used.cpu / jobs * 1e6,
            "redis_reads": used.reads / jobs,
        }
        if used.scripts:
            values["script_us"] = used.script_seconds / jobs * 1e6
            values["script_calls"] = used.scripts / jobs
        return values


def through(redis: BenchRedis, system: System) -> Values:
    """Jobs a second that go through while one producer enqueues as fast as it can: all the load there is."""
    redis.empty()
    jobs = system.drain
    with worker(system, redis.url, capacity=jobs + 1) as running:
        ask(system, "fill", redis.url, count=1)
        running.wait_for(1)
        ask(system, "fill", redis.url, first=1, count=jobs)
        running.wait_for(jobs + 1)
        reading = running.reading()
        reading.check_exactly_once(0, jobs + 1)
    return {"through_per_s": jobs / reading.span(1, jobs + 1)}


def memory_and_idling(redis: BenchRedis, system: System) -> Values:
    """Bytes of Redis that a queued and a finished job take, and what an idle worker costs."""
    redis.empty()
    jobs = min(MEMORY_JOBS, system.drain)
    ask(system, "fill", redis.url, count=jobs)
    values: Values = {"queued_bytes": redis.weigh_and_empty() / jobs}
    ask(system, "fill", redis.url, count=jobs)
    with worker(system, redis.url, capacity=jobs) as running:
        running.wait_for(jobs)
        running.reading().check_exactly_once(0, jobs)
        time.sleep(1.0)  # what a worker does after its last job is over by then
        values |= idling(redis, running)
    return values | {"finished_bytes": redis.weigh_and_empty() / jobs}


def idling(redis: BenchRedis, running: Worker) -> Values:
    """Commands a second that a worker without work sends, and what it and Redis use of a core."""
    cpu, redis_cpu = running.cpu_seconds(), redis.usage().cpu
    with Wire(redis.port) as wire:
        seen = wire.watch(IDLE_SECONDS)
    sent = [line for line in seen if not INSIDE_A_SCRIPT.search(line)]
    return {
        "idle_commands_per_s": len(sent) / IDLE_SECONDS,
        "idle_cpu_percent": (running.cpu_seconds() - cpu) / IDLE_SECONDS * 100,
        "idle_redis_cpu_percent": (redis.usage().cpu - redis_cpu) / IDLE_SECONDS * 100,
    }


def latency(redis: BenchRedis, system: System, *, jobs: int = LATENCY_JOBS) -> Values:
    """Milliseconds on an idle worker from enqueueing to the handler's start and to the producer's result."""
    redis.empty()
    with worker(system, redis.url, capacity=jobs) as running:
        answer = ask(system, "latency", redis.url, count=jobs)
        enqueued, received = answer["enqueued"], answer["received"]
        wait_until(lambda: running.count() >= len(enqueued), "the last job's note")
        reading = running.reading()
        reading.check_exactly_once(0, len(enqueued))
    # The first few also start the worker and fill caches.
    skipped = min(20, len(enqueued) // 4)
    starts = [begin - sent for begin, sent in zip(reading.begins, enqueued, strict=False)][skipped:]
    results = [here - sent for here, sent in zip(received, enqueued, strict=True)][skipped:]
    return {
        "start_p50_ms": percentile(starts, 50) * 1e3,
        "start_p99_ms": percentile(starts, 99) * 1e3,
        "result_p50_ms": percentile(results, 50) * 1e3,
        "result_p99_ms": percentile(results, 99) * 1e3,
    }


def latency_under_load(redis: BenchRedis, system: System, *, rate: float) -> Values:
    """Milliseconds from enqueueing to the handler's start when jobs come at a steady rate."""
    redis.empty()
    jobs = int(rate * LOAD_SECONDS)
    with worker(system, redis.url, capacity=jobs + 1) as running:
        ask(system, "fill", redis.url, count=1)
        running.wait_for(1)
        answer = ask(system, "load", redis.url, first=1, count=jobs, rate=rate)
        running.wait_for(jobs + 1)
        reading = running.reading()
        reading.check_exactly_once(0, jobs + 1)
    waits = [begin - sent for begin, sent in zip(reading.begins[1:], answer["enqueued"], strict=True)]
    waits = waits[jobs // 8 :]  # at first the producer connects
    return {"loaded_p50_ms": percentile(waits, 50) * 1e3, "loaded_p99_ms": percentile(waits, 99) * 1e3}


def sleepers(redis: BenchRedis, system: System) -> Values:
    """Seconds for 1,000 jobs that sleep 0.1 s, 100 at once; 1.0 is the least there is."""
    redis.empty()
    ask(system, "fill", redis.url, kind="sleep", count=SLEEPERS)
    with worker(system, redis.url, capacity=SLEEPERS) as running:
        running.wait_for(SLEEPERS)
        wait_until(lambda: all(running.reading().ends), "the last sleeper's end")
        reading = running.reading()
        reading.check_exactly_once(0, SLEEPERS)
        return {"sleepers_s": reading.span(0, SLEEPERS)}


def overhead(redis: BenchRedis, system: System, *, kind: str, jobs: int, warm_up: int = 200) -> Values:
    """Microseconds a no-op takes in a thread or in a job process, once these are warm."""
    redis.empty()
    ask(system, "fill", redis.url, kind=kind, count=jobs)
    with worker(system, redis.url, capacity=jobs) as running:
        running.wait_for(jobs)
        reading = running.reading()
        reading.check_exactly_once(0, jobs)
    begins = sorted(reading.begins)
    return {f"{kind}_us": (begins[-1] - begins[warm_up]) / (jobs - warm_up - 1) * 1e6}


def percentile(values: list[float], percent: int) -> float:
    """The value that so many per cent of the values stay below."""
    if len(values) < 2:
        raise SystemBroken(f"only {len(values)} values")
    return quantiles(values, n=100, method="inclusive")[percent - 1]
