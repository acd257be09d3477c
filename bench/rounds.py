"""A run: every system in turn, several rounds, a fresh Redis each turn, so that a slow minute hits all."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench import flat, measures, service, starting
from bench.limit import limit
from bench.measures import Values
from bench.processor import processor
from bench.results import Results
from bench.server import BenchRedis, start
from bench.systems import FULL, QUICK, System

THREAD_JOBS: Final = 10_000
PROCESS_JOBS: Final = 3_000
SERVICE_ROUNDS: Final = 5
UPLOAD_ROUNDS: Final = 3
PROCESSOR_ROUNDS: Final = 3
START_ROUNDS: Final = 5


class Plan(NamedTuple):
    """How much is measured.

    Args:
        systems: who, in this order.
        rounds: how often.
        latency_jobs: jobs of a latency measure.
        limit_jobs: jobs of the limit.
        deep_jobs: jobs of the deep queue.
        delayed_jobs: jobs that are due much later.
        upload_bytes: size of the upload.
        thorough: whether more than enqueueing, draining and latency is measured.
    """

    systems: tuple[System, ...]
    rounds: int
    latency_jobs: int
    limit_jobs: int
    thorough: bool
    deep_jobs: int = flat.DEEP
    delayed_jobs: int = flat.DELAYED
    upload_bytes: int = service.UPLOAD_BYTES


FULL_PLAN: Final = Plan(FULL, rounds=3, latency_jobs=1_000, limit_jobs=200_000, thorough=True)
QUICK_PLAN: Final = Plan(QUICK, rounds=3, latency_jobs=300, limit_jobs=100_000, thorough=False)


def scaled(plan: Plan, share: float) -> Plan:
    """The same with a share of the jobs, to see whether everything works; its figures mean nothing."""
    systems = tuple(
        system._replace(
            drain=max(400, int(system.drain * share)),
            enqueue=max(100, int(system.enqueue * share)),
            many=max(200, int(system.many * share)),
        )
        for system in plan.systems
    )
    return plan._replace(
        systems=systems,
        latency_jobs=max(40, int(plan.latency_jobs * share)),
        limit_jobs=max(5_000, int(plan.limit_jobs * share) // 1000 * 1000),
        deep_jobs=max(150_000, int(plan.deep_jobs * share) // 10_000 * 10_000),
        delayed_jobs=max(5_000, int(plan.delayed_jobs * share)),
        upload_bytes=max(1, int(plan.upload_bytes * share) >> 20) << 20,
    )


def run(plan: Plan) -> tuple[Results, str]:
    """Measure everything; returns the numbers and the version of Redis. Says on the way where it is."""
    results = Results()
    version = ""
    for number in range(plan.rounds):
        # Each round begins with another system: nobody always follows the same one.
        turn = number % len(plan.systems)
        for system in (*plan.systems[turn:], *plan.systems[:turn]):
            with tempfile.TemporaryDirectory(prefix="bench-") as directory, start(Path(directory)) as redis:
                version = redis.version
                _measure_system(results, redis, system, plan, first=number == 0)
        with tempfile.TemporaryDirectory(prefix="bench-") as directory, start(Path(directory)) as redis:
            _try(results, "limit", "limit", lambda: limit(redis, jobs=plan.limit_jobs))
        print(f"Round {number + 1} of {plan.rounds} is done.", flush=True)
    if plan.thorough:
        _measure_ours(results, plan)
    return results, version


def _measure_system(results: Results, redis: BenchRedis, system: System, plan: Plan, *, first: bool) -> None:
    def attempt(name: str, measure: Callable[[], Values]) -> None:
        _try(results, system.name, name, measure)

    attempt("enqueue", lambda: measures.enqueue(redis, system))
    attempt("drain", lambda: measures.drain(redis, system))
    attempt("latency", lambda: measures.latency(redis, system, jobs=plan.latency_jobs))
    if system.name == "queuecore":
        attempt("two runners", lambda: _two_runners(redis, system))
    if not plan.thorough:
        return
    if system.concurrent:
        attempt("sleepers", lambda: measures.sleepers(redis, system))
    if first or system.name == "queuecore":
        attempt("memory and idling", lambda: measures.memory_and_idling(redis, system))
    if system.concurrent and (first or system.name == "queuecore"):
        attempt("through", lambda: measures.through(redis, system))
        half = (results.median(system.name, "through_per_s") or 0.0) / 2
        attempt("load", lambda: measures.latency_under_load(redis, system, rate=half))
    if system.name == "queuecore":
        attempt("threads", lambda: measures.overhead(redis, system, kind="thread", jobs=THREAD_JOBS))
        attempt("processes", lambda: measures.overhead(redis, system, kind="process", jobs=PROCESS_JOBS))


def _two_runners(redis: BenchRedis, system: System) -> Values:
    values = measures.drain(redis, system, jobs=2 * system.drain, runners=2)
    return {"two_runners_drain_per_s": values["steady_per_s"]}


def _measure_ours(results: Results, plan: Plan) -> None:
    """What is of interest in our own system only."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        directory = Path(temporary)
        with start(directory / "redis") as redis, start(directory / "second") as second:
            repeated: Sequence[tuple[int, str, Callable[[], Values]]] = (
                (1, "depth", lambda: flat.depth(redis, second, jobs=plan.deep_jobs)),
                (1, "delayed jobs", lambda: flat.delayed(redis, jobs=plan.delayed_jobs)),
                (SERVICE_ROUNDS, "claim loops", lambda: flat.claim_loops(redis)),
                (PROCESSOR_ROUNDS, "processor", lambda: processor(redis)),
                (SERVICE_ROUNDS, "status questions", lambda: service.status(redis, directory)),
                (UPLOAD_ROUNDS, "upload", lambda: service.upload(redis, directory, size=plan.upload_bytes)),
                (START_ROUNDS, "start", lambda: starting.import_and_start(redis, directory)),
            )
            for times, name, measure in repeated:
                for _ in range(times):
                    _try(results, "queuecore", name, measure)


def _try(results: Results, system: str, name: str, measure: Callable[[], Values]) -> None:
    """Measure; what fails is noted, and the run goes on."""
    began = time.monotonic()
    try:
        values = measure()
    except Exception as error:  # eleven systems fail in more ways than could be listed
        results.failures.append(f"{system}, {name}: {type(error).__name__}: {error}")
        print(f"  {system:10} {name:18} FAILED: {error}", flush=True)
        return
    results.add(system, values)
    figures = "  ".join(f"{key} {value:,.5g}" for key, value in list(values.items())[:4])
    print(f"  {system:10} {name:18} {time.monotonic() - began:5.1f} s   {figures}", flush=True)
