"""The goals of the project's speed, each with how it is computed from a run."""

from collections.abc import Callable
from typing import Final, NamedTuple

from bench.results import Results
from bench.systems import PEERS_OF_FULL_RUN

Compute = Callable[[Results], float | None]

NAMES: Final = [system.name for system in PEERS_OF_FULL_RUN]
SAFE: Final = [system.name for system in PEERS_OF_FULL_RUN if system.acknowledges]
SAFE_IN_PYTHON: Final = [name for name in SAFE if name != "bullmq"]
WITH_STATUS: Final = [system.name for system in PEERS_OF_FULL_RUN if system.keeps_status]


class Goal(NamedTuple):
    """One goal.

    Args:
        area: what the issue calls it.
        text: what is wanted.
        compute: the figure, from a run; None where it was not measured.
        target: what it has to reach.
        at_least: whether more is better; otherwise less is.
        unit: printed behind the figures.
    """

    area: str
    text: str
    compute: Compute
    target: float
    at_least: bool
    unit: str = ""

    def met(self, results: Results) -> bool | None:
        """Whether it was reached, None where it was not measured."""
        value = self.compute(results)
        if value is None:
            return None
        return value >= self.target if self.at_least else value <= self.target


def ours(measure: str) -> Compute:
    """The median of our own system."""
    return lambda results: results.median("queuecore", measure)


def against(measure: str, others: list[str], *, lowest: bool = False) -> Compute:
    """Our median as a multiple of the best of others."""

    def compute(results: Results) -> float | None:
        mine, best = results.median("queuecore", measure), results.best(measure, others, lowest=lowest)
        return mine / best if mine is not None and best else None

    return compute


def share(measure: str, of: str) -> Compute:
    """One of our medians as a multiple of another."""

    def compute(results: Results) -> float | None:
        mine, other = results.median("queuecore", measure), results.median("queuecore", of)
        return mine / other if mine is not None and other else None

    return compute


def difference(measure: str, other: str) -> Compute:
    """One of our medians minus another."""

    def compute(results: Results) -> float | None:
        one, two = results.median("queuecore", measure), results.median("queuecore", other)
        return one - two if one is not None and two is not None else None

    return compute


def longest_question(results: Results) -> float | None:
    """The worst 99th percentile of what is asked of a deep queue."""
    questions = ("status", "position", "list_owned", "list_queued", "cancel")
    times = [results.median("queuecore", f"{question}_p99_ms") for question in questions]
    return max((time for time in times if time is not None), default=None)


GOALS: Final = (
    Goal(
        "Drain",
        "one runner, times the fastest Python peer that acknowledges",
        against("drain_per_s", SAFE_IN_PYTHON),
        25,
        True,
        "x",
    ),
    Goal("Drain", "one runner, times BullMQ", against("drain_per_s", ["bullmq"]), 5, True, "x"),
    Goal("Drain", "one runner, share of the Lua limit", against("drain_per_s", ["limit"]), 0.40, True),
    Goal("Drain", "two runners, share of the Lua limit", lambda results: _two_runners(results), 0.55, True),
    Goal(
        "Enqueue",
        "one by one, times the best peer that acknowledges",
        against("enqueue_one_per_s", SAFE),
        1.5,
        True,
        "x",
    ),
    Goal("Enqueue", "100 tasks at once", ours("enqueue_concurrent_per_s"), 60_000, True, "/s"),
    Goal("Enqueue", "`enqueue_many`", ours("enqueue_bulk_per_s"), 200_000, True, "/s"),
    Goal("Latency", "enqueue to handler, p50", ours("start_p50_ms"), 0.5, False, "ms"),
    Goal("Latency", "enqueue to handler, p99", ours("start_p99_ms"), 2.0, False, "ms"),
    Goal("Latency", "enqueue to result, p50", ours("result_p50_ms"), 1.0, False, "ms"),
    Goal("Latency", "enqueue to result, p99", ours("result_p99_ms"), 3.0, False, "ms"),
    Goal(
        "Latency",
        "to handler, p50 as a share of the best peer's",
        against("start_p50_ms", NAMES, lowest=True),
        1.0,
        False,
    ),
    Goal(
        "Latency",
        "to result, p50 as a share of the best peer's",
        against("result_p50_ms", NAMES, lowest=True),
        1.0,
        False,
    ),
    Goal(
        "Latency",
        "to handler under half of the load it can take, p99",
        ours("loaded_p99_ms"),
        10.0,
        False,
        "ms",
    ),
    Goal(
        "Small",
        "bytes of a queued job, share of the best peer's that keeps a status",
        against("queued_bytes", WITH_STATUS, lowest=True),
        1.0,
        False,
    ),
    Goal("Small", "bytes of a finished job", ours("finished_bytes"), 320, False, "bytes"),
    Goal("Small", "calls to Redis a job when busy", ours("script_calls"), 0.05, False),
    Goal("Small", "Redis a job when busy", ours("redis_us"), 12, False, "µs"),
    Goal(
        "Small", "commands of an idle worker", ours("without_delayed_idle_commands_per_s"), 1.0, False, "/s"
    ),
    Goal("Small", "processor of an idle worker", ours("without_delayed_idle_cpu_percent"), 0.3, False, "%"),
    Goal("Processor", "Redis, a no-op that is run", ours("run_redis_us"), 5.5, False, "µs"),
    Goal("Processor", "a worker's processes, a no-op that is run", ours("run_worker_us"), 6.0, False, "µs"),
    Goal(
        "Processor",
        "Redis with 32 runners, times that with one",
        share("crowd_redis_us", "through_redis_us"),
        1.3,
        False,
        "x",
    ),
    Goal(
        "Processor",
        "all processes, from enqueue to stored result under load",
        ours("through_all_us"),
        25.0,
        False,
        "µs",
    ),
    Goal("Processor", "all processes, a job that comes alone", ours("alone_all_us"), 150.0, False, "µs"),
    Goal(
        "Flat",
        "drain at 1,000,000 queued jobs, share of that at 10,000",
        share("deep_drain_per_s", "shallow_drain_per_s"),
        0.9,
        True,
    ),
    Goal(
        "Flat",
        "`enqueue_many` at 1,000,000 queued jobs, share of that at 10,000",
        share("deep_enqueue_bulk_per_s", "shallow_enqueue_bulk_per_s"),
        0.9,
        True,
    ),
    Goal(
        "Flat",
        "enqueue one by one at 1,000,000 queued jobs, share of that at 10,000",
        share("deep_enqueue_one_per_s", "shallow_enqueue_one_per_s"),
        0.9,
        True,
    ),
    Goal(
        "Flat",
        "listing, status, position, cancel at 1,000,000 jobs, worst p99",
        longest_question,
        2.0,
        False,
        "ms",
    ),
    Goal(
        "Flat",
        "commands that 100,000 delayed jobs add to an idle worker",
        difference("with_delayed_idle_commands_per_s", "without_delayed_idle_commands_per_s"),
        0.2,
        False,
        "/s",
    ),
    Goal(
        "Flat",
        "processor that 100,000 delayed jobs add to an idle worker",
        difference("with_delayed_idle_cpu_percent", "without_delayed_idle_cpu_percent"),
        0.2,
        False,
        "%",
    ),
    Goal(
        "Flat",
        "100 claim loops on one queue, share of one loop's throughput",
        share("many_loops_per_s", "one_loop_per_s"),
        0.8,
        True,
    ),
    Goal("Sleepers", "1,000 jobs of 0.1 s, 100 at once", ours("sleepers_s"), 1.08, False, "s"),
    Goal("Sleepers", "a job in a thread", ours("thread_us"), 150, False, "µs"),
    Goal("Sleepers", "a job in a warm job process", ours("process_us"), 600, False, "µs"),
    Goal(
        "Service",
        "check-status, share of a bare route with one HGETALL",
        share("status_200_per_s", "bare_per_s"),
        0.7,
        True,
    ),
    Goal("Service", "a 304, times a 200", share("status_304_per_s", "status_200_per_s"), 1.0, True, "x"),
    Goal(
        "Service",
        "upload of 1 GB, share of writing and hashing it",
        share("upload_mb_per_s", "write_and_hash_mb_per_s"),
        0.6,
        True,
    ),
    Goal("Service", "memory that the upload takes", ours("upload_memory_mb"), 64, False, "MB"),
    Goal("Start", "worker, until it can claim", ours("ready_s"), 0.6, False, "s"),
    Goal("Start", "`import queuecore`", ours("import_ms"), 80, False, "ms"),
)


def _two_runners(results: Results) -> float | None:
    mine, limit = (
        results.median("queuecore", "two_runners_drain_per_s"),
        results.median("limit", "drain_two_per_s"),
    )
    return mine / limit if mine is not None and limit else None
