"""Where a job's time goes, for those who make it shorter: `python -m bench.hot_path`.

    instructions   of redis-server a job, counted by callgrind: the same in every run, on a busy machine too
    redis          microseconds of Redis a job, by commandstats
    python         microseconds of the producer's and, without Redis, of the runner's processor a job
    processes      microseconds that a job process adds to a job, without Redis
    rates          jobs a second: the broker alone, and a whole worker

Name those that are wanted, or none for all. All but the first want a quiet machine; each is the best of
several, since other processes can only make it worse.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvloop

from bench import measures, process_alone, queuecore_handlers, runner_alone
from bench.measures import Values
from bench.server import CONFIGURATION, BenchRedis, free_port, start
from bench.systems import QUEUECORE
from launch.private_redis import PrivateRedis, find_server
from queuecore import JobRequest, Queue, Registry
from queuecore.model import Ask, Completed, Outcome, RunnerInfo, new_token
from queuecore.store import Broker

COUNTED_JOBS: Final = 2_000  # callgrind is fifty times slower, and its figures do not vary
JOBS: Final = 20_000
BATCH: Final = 100
SLOTS: Final = 50  # what a runner of 100 slots asks for in a call
ROUNDS: Final = 3


def main() -> None:
    """Measure what the command line names."""
    parts: dict[str, Callable[[], Values]] = {
        "instructions": count_instructions,
        "redis": time_redis,
        "python": time_python,
        "processes": time_processes,
        "rates": measure_rates,
    }
    parser = argparse.ArgumentParser(prog="python -m bench.hot_path", description="Where a job's time goes.")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="what to measure; all by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    values: Values = {}
    for name in options.parts or parts:
        values |= parts[name]()
    if options.json:
        print(json.dumps(values))
        return
    for name, value in values.items():
        print(f"{name:44} {value:>14,.3f}" if value < 100 else f"{name:44} {value:>14,.0f}")


def count_instructions() -> Values:
    """Instructions of redis-server a job, the fixed cost of a call included."""
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: instructions cannot be counted")
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        directory = Path(temporary)
        port = free_port()
        # The server's own housekeeping would be counted too.
        quiet = {**CONFIGURATION, "port": str(port), "hz": "1", "dynamic-hz": "no", "activerehashing": "no"}
        binary = _under_callgrind(directory)
        with PrivateRedis(directory / "redis", binary=binary, configuration=quiet) as redis:
            server = BenchRedis(port, redis.version, redis.pid)
            uvloop.run(_cycle(server.url, 100))  # scripts are loaded, tables have grown
            counts = {}

            def count(name: str, jobs: int) -> None:
                counts[name] = _instructions(redis.pid, directory) / jobs

            count("", 1)
            uvloop.run(_enqueue(server.url, COUNTED_JOBS, batch=BATCH))
            count("instructions_enqueue_in_batches", COUNTED_JOBS)
            uvloop.run(_advance(server.url, SLOTS))
            count("instructions_claim_and_complete", COUNTED_JOBS)
            uvloop.run(_enqueue(server.url, COUNTED_JOBS // 10, batch=1))
            count("instructions_enqueue_one_by_one", COUNTED_JOBS // 10)
            uvloop.run(_advance(server.url, 1))
            count("instructions_claim_and_complete_one_by_one", COUNTED_JOBS // 10)
            server.wire.close()
    del counts[""]
    return counts


def time_redis() -> Values:
    """Microseconds of Redis a job, in batches, by its own clock."""
    best: Values = {}
    with _redis() as redis:
        for _ in range(ROUNDS):
            redis.empty()
            before = redis.usage()
            uvloop.run(_enqueue(redis.url, JOBS, batch=BATCH))
            between = redis.usage()
            uvloop.run(_advance(redis.url, SLOTS))
            after = redis.usage()
            enqueued, advanced = between.since(before), after.since(between)
            _keep_lowest(
                best,
                redis_script_us_enqueue=enqueued.script_seconds / JOBS * 1e6,
                redis_script_us_claim_and_complete=advanced.script_seconds / JOBS * 1e6,
                redis_cpu_us_enqueue=enqueued.cpu / JOBS * 1e6,
                redis_cpu_us_claim_and_complete=advanced.cpu / JOBS * 1e6,
            )
    return best


def time_python() -> Values:
    """Microseconds of the processor that Python takes a job: to enqueue it in three ways, and to run it."""
    best: Values = {}
    with _redis() as redis:
        for _ in range(ROUNDS):
            redis.empty()
            _keep_lowest(best, **uvloop.run(_time_enqueueing(redis.url)))
    return best | {"python_us_runner": runner_alone.microseconds()}


def time_processes() -> Values:
    """Microseconds from handing a job to a warm process until its result is here."""
    return {"process_us_job": process_alone.microseconds()}


def measure_rates() -> Values:
    """Jobs a second: claims and completions of the broker alone, and a worker's drain."""
    best: Values = {}
    with _redis() as redis:
        for _ in range(ROUNDS):
            redis.empty()
            uvloop.run(_enqueue(redis.url, JOBS, batch=BATCH))
            began = time.perf_counter()
            uvloop.run(_advance(redis.url, SLOTS))
            alone = JOBS / (time.perf_counter() - began)
            whole = measures.drain(redis, QUEUECORE, jobs=JOBS)["drain_per_s"]
            _keep_lowest(best, broker_alone_per_s=-alone, worker_drain_per_s=-whole)
    return {name: -value for name, value in best.items()}


# Driving the broker.


async def _cycle(url: str, jobs: int) -> None:
    await _enqueue(url, jobs, batch=BATCH)
    await _advance(url, SLOTS)


async def _enqueue(url: str, jobs: int, *, batch: int) -> None:
    registry = Registry.load([queuecore_handlers.__name__])
    async with Queue.connect(url, registry=registry) as queue:
        requests = [JobRequest(kind="bench.noop", args={"number": number}) for number in range(jobs)]
        for first in range(0, jobs, batch):
            await queue.enqueue_many(requests[first : first + batch])


async def _advance(url: str, slots: int) -> None:
    """Claim and complete until nothing is left, two calls under way, as a runner does it."""
    broker = Broker.connect(url)
    # A runner's calls are numbered: the same id again would get the answers to earlier ones.
    runner = RunnerInfo(
        id=f"bench-{new_token()[:6]}.1",
        worker="bench",
        host="bench",
        pid=1,
        queues=("default",),
        slots={"async": slots},
    )
    await broker.claims.register("main", runner, ttl=600.0)

    async def lane(number: int) -> None:
        outcomes: list[Outcome] = []
        while True:
            advance = await broker.claims.advance(
                "main", runner.id, lane=number, outcomes=outcomes, asks=[Ask("async", slots, ("default",))]
            )
            outcomes = [Completed(claim.id, claim.attempt, b"\xc0") for claim in advance.claims["async"]]
            if not outcomes:
                return

    await asyncio.gather(lane(0), lane(1))
    await broker.close()


async def _time_enqueueing(url: str) -> Values:
    registry = Registry.load([queuecore_handlers.__name__])
    noop = registry["bench.noop"]
    requests = [JobRequest(kind="bench.noop", args={"number": number}) for number in range(JOBS)]
    async with Queue.connect(url, registry=registry) as queue:

        async def enqueue(numbers: range) -> None:
            for number in numbers:
                await queue.enqueue(noop, number=number)

        await enqueue(range(100))
        began = time.process_time()
        await enqueue(range(JOBS // 10))
        one = (time.process_time() - began) / (JOBS // 10)
        began = time.process_time()
        await asyncio.gather(*(enqueue(range(first, JOBS, 100)) for first in range(100)))
        concurrent = (time.process_time() - began) / JOBS
        began = time.process_time()
        await queue.enqueue_many(requests)
        many = (time.process_time() - began) / JOBS
    return {
        "python_us_enqueue_one_by_one": one * 1e6,
        "python_us_enqueue_concurrent": concurrent * 1e6,
        "python_us_enqueue_many": many * 1e6,
    }


# Callgrind.


def _under_callgrind(directory: Path) -> Path:
    """A program that is redis-server, counted."""
    server = find_server()
    program = directory / "counted-redis-server"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$1" in --version) exec {server} --version ;; esac\n'
        f'exec valgrind --tool=callgrind --callgrind-out-file={directory}/callgrind.out {server} "$@"\n'
    )
    program.chmod(0o700)
    return program


def _instructions(pid: int, directory: Path) -> int:
    """How many instructions were carried out since the last time this was asked."""
    before = set(directory.glob("callgrind.out*"))
    subprocess.run(["callgrind_control", "--dump", str(pid)], check=True, capture_output=True)
    (dumped,) = set(directory.glob("callgrind.out*")) - before
    totals = [line for line in dumped.read_text().splitlines() if line.startswith(("totals:", "summary:"))]
    return int(totals[-1].split()[1])


# Helpers.


@contextmanager
def _redis() -> Iterator[BenchRedis]:
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, start(Path(temporary)) as redis:
        yield redis


def _keep_lowest(best: Values, **values: float) -> None:
    for name, value in values.items():
        best[name] = min(best.get(name, value), value)


if __name__ == "__main__":
    main()
