"""`RESULTS.md`: a run for people to read."""

from collections.abc import Mapping
from typing import Final

from bench.goals import GOALS
from bench.results import Results
from bench.server import DESCRIPTION
from bench.systems import FULL

DASH: Final = "–"
# Title, measure, decimals.
COLUMNS: Final = (
    ("enqueue one by one /s", "enqueue_one_per_s", 0),
    ("100 tasks at once /s", "enqueue_concurrent_per_s", 0),
    ("bulk /s", "enqueue_bulk_per_s", 0),
    ("drain no-ops /s", "drain_per_s", 0),
    ("to handler p50 ms", "start_p50_ms", 2),
    ("p99", "start_p99_ms", 2),
    ("to result p50 ms", "result_p50_ms", 2),
    ("p99", "result_p99_ms", 2),
)
MORE_COLUMNS: Final = (
    ("queued job, bytes", "queued_bytes", 0),
    ("finished job, bytes", "finished_bytes", 0),
    ("Redis µs a job", "redis_us", 1),
    ("reads a job", "redis_reads", 3),
    ("1,000 sleepers s", "sleepers_s", 2),
    ("half load, p99 ms", "loaded_p99_ms", 1),
    ("idle: commands /s", "idle_commands_per_s", 1),
    ("idle: % of a core", "idle_cpu_percent", 1),
    ("first job after s", "start_s", 2),
)
# What only our own system is measured by, as it is named in results.json.
OURS: Final = (
    ("drain with two runners /s", "two_runners_drain_per_s", 0),
    ("a no-op in a thread, µs", "thread_us", 0),
    ("a no-op in a job process, µs", "process_us", 0),
    ("drain at 10,000 queued /s", "shallow_drain_per_s", 0),
    ("drain at 1,000,000 queued /s", "deep_drain_per_s", 0),
    ("`enqueue_many` at 10,000 queued /s", "shallow_enqueue_bulk_per_s", 0),
    ("`enqueue_many` at 1,000,000 queued /s", "deep_enqueue_bulk_per_s", 0),
    ("enqueue one by one at 10,000 queued /s", "shallow_enqueue_one_per_s", 0),
    ("enqueue one by one at 1,000,000 queued /s", "deep_enqueue_one_per_s", 0),
    ("status of a job at 1,000,000, p99 ms", "status_p99_ms", 2),
    ("position at 1,000,000, p99 ms", "position_p99_ms", 2),
    ("25 of an owner's at 1,000,000, p99 ms", "list_owned_p99_ms", 2),
    ("25 queued ones at 1,000,000, p99 ms", "list_queued_p99_ms", 2),
    ("cancel at 1,000,000, p99 ms", "cancel_p99_ms", 2),
    ("one claim loop /s", "one_loop_per_s", 0),
    ("100 claim loops /s", "many_loops_per_s", 0),
    ("plain commands of an enqueue, pipelined, Redis µs", "commands_enqueue_us", 2),
    ("plain commands of a run, pipelined, Redis µs", "commands_run_us", 2),
    ("an enqueue of many, Redis µs", "fill_redis_us", 2),
    ("an enqueue of many, producer µs", "fill_producer_us", 2),
    ("a run, Redis µs", "run_redis_us", 2),
    ("a run, worker µs", "run_worker_us", 2),
    ("from enqueue to result under load, all processes, µs", "through_all_us", 1),
    ("the same, Redis µs, one runner", "through_redis_us", 2),
    ("the same, Redis µs, 32 runners", "crowd_redis_us", 2),
    ("a PING, Redis µs", "ping_redis_us", 0),
    ("a job that comes alone, Redis µs", "alone_redis_us", 0),
    ("a job that comes alone, worker µs", "alone_worker_us", 0),
    ("a job that comes alone, producer µs", "alone_producer_us", 0),
    ("idle, commands /s", "without_delayed_idle_commands_per_s", 2),
    ("idle with 100,000 delayed jobs, commands /s", "with_delayed_idle_commands_per_s", 2),
    ("idle, % of a core", "without_delayed_idle_cpu_percent", 2),
    ("idle with 100,000 delayed jobs, % of a core", "with_delayed_idle_cpu_percent", 2),
    ("bare route with one HGETALL /s", "bare_per_s", 0),
    ("check-status, 200 /s", "status_200_per_s", 0),
    ("check-status, 304 /s", "status_304_per_s", 0),
    ("upload of 1 GB, MB/s", "upload_mb_per_s", 0),
    ("writing and hashing 1 GB, MB/s", "write_and_hash_mb_per_s", 0),
    ("memory that the upload takes, MB", "upload_memory_mb", 1),
    ("worker until it can claim, s", "ready_s", 3),
    ("`import queuecore`, ms", "import_ms", 1),
)


def write(results: Results, machine: Mapping[str, str], *, rounds: int) -> str:
    """The text of RESULTS.md."""
    parts = [
        "# Results of the benchmark",
        "Written by `make bench`; the same numbers are in [results.json](results.json). What is measured, "
        "and how: [README.md](README.md).",
        "![Jobs a second and latency of each system](results.svg)",
        _ratios(results),
        _goals(results),
        f"## All systems\n\nMedians of {rounds} rounds, smallest and largest in brackets. The handlers "
        "counted: each job ran exactly once.\n\n" + _table(results, COLUMNS),
        _table(results, MORE_COLUMNS),
        "The limit is `limit.lua`: the same state changes in Lua, 100 jobs a call, no Python around them. "
        f"A round trip to Redis took {_cell(results, 'limit', 'round_trip_ms', 3)} ms. huey acknowledges "
        "nothing, so a crash of its worker loses jobs. Reads are how often Redis read from a socket.",
        "## queuecore alone\n\n" + _ours(results),
        "## Machine and versions\n\n"
        + "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in machine.items())]),
        f"## Settings\n\nRedis: {DESCRIPTION}. One worker process, concurrency 100 where there is such a "
        "number.\n\n" + "\n".join(f"- {' '.join(system.settings.split())}" for system in FULL),
    ]
    if results.failures:
        parts.append(
            "## What could not be measured\n\n"
            + "\n".join(f"- {failure.splitlines()[0]}" for failure in results.failures)
        )
    return "\n\n".join(parts) + "\n"


def _ratios(results: Results) -> str:
    said = {
        "drain_vs_saq": "times SAQ's drain",
        "drain_vs_bullmq": "times BullMQ's drain",
        "drain_vs_limit": "of the Lua limit's drain",
        "enqueue_vs_saq": "times SAQ's enqueueing, one by one",
        "latency_p50_ms": "ms from enqueue to handler, p50",
    }
    ratios = results.ratios()
    return "\n".join(f"- **{ratios[name]:.3g}** {words}" for name, words in said.items() if name in ratios)


def _goals(results: Results) -> str:
    lines = ["| | goal | wanted | measured | met |", "|---|---|---|---|---|"]
    area = ""
    for goal in GOALS:
        value, met = goal.compute(results), goal.met(results)
        wanted = f"{'≥' if goal.at_least else '≤'} {_figure(goal.target)} {goal.unit}".strip()
        measured = DASH if value is None else f"{_figure(value)} {goal.unit}".strip()
        verdict = DASH if met is None else "yes" if met else "**no**"
        lines.append(
            f"| {goal.area if goal.area != area else ''} | {goal.text} | {wanted} | {measured} | {verdict} |"
        )
        area = goal.area
    counted = [goal.met(results) for goal in GOALS]
    return f"## Goals\n\n{counted.count(True)} of {len(GOALS)} met.\n\n" + "\n".join(lines)


def _table(results: Results, columns: tuple[tuple[str, str, int], ...]) -> str:
    titles = {system.name: system.title for system in FULL} | {"limit": "the Lua limit"}
    lines = [
        f"| | {' | '.join(title for title, _, _ in columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    order = sorted(results.systems(), key=lambda name: -(results.median(name, "drain_per_s") or 0.0))
    for system in order:
        cells = [_cell(results, system, measure, decimals) for _, measure, decimals in columns]
        title = titles.get(system, system)
        lines.append(f"| {f'**{title}**' if system == 'queuecore' else title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ours(results: Results) -> str:
    lines = ["| | |", "|---|---|"]
    lines += [
        f"| {title} | {_cell(results, 'queuecore', measure, decimals)} |" for title, measure, decimals in OURS
    ]
    return "\n".join(lines)


def _cell(results: Results, system: str, measure: str, decimals: int) -> str:
    value, samples = results.median(system, measure), results.samples(system, measure)
    if value is None:
        return DASH
    if len(samples) == 1:
        return f"{value:,.{decimals}f}"
    return f"{value:,.{decimals}f} ({min(samples):,.{decimals}f} to {max(samples):,.{decimals}f})"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
