"""How the service is: for operators, for load balancers, and for whoever restarts processes.

`/health` follows draft-inadarei-api-health-check: pass, warn or fail, and a check for each part.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.http import NOT_READY, Problem, reply
from api.service import Service, service_of
from queuecore import BrokerRefused, BrokerUnavailable, QueueError
from queuecore.model import PausedQueue, RunnerRecord, split_line_name
from queuecore.store import Figures
from storage import StorageBroken, StorageFull, StorageRefused

Status = Literal["pass", "warn", "fail"]

MEDIA_TYPE = "application/health+json"
ANSWER_WITHIN = 0.5  # seconds that Redis has to answer for us to be ready
CHECKED_WITHIN = 3.0  # seconds that all checks of Redis may take
LONG_WAIT = 60.0  # seconds a job may wait before it is worth a warning
LITTLE_ROOM = 1 << 30  # bytes
MOST_SHOWN = 20  # runners or lines that are named
MEMORY_WARNING = 0.9  # part of Redis' limit


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One observation. `output` says what is wrong and what to do."""

    component_type: str
    status: Status
    time: datetime
    observed_value: float | str | None = None
    observed_unit: str | None = None
    output: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the whole and of its parts."""

    status: Status
    checks: dict[str, list[Check]]


async def show_health(request: Request) -> Response:
    """GET /health"""
    service = service_of(request)
    checks = await _check_all(service)
    found = {check.status for parts in checks.values() for check in parts}
    status: Status = "fail" if "fail" in found else "warn" if "warn" in found else "pass"
    headers = {"Retry-After": "2"} if status == "fail" else {}
    return reply(
        Health(status=status, checks=checks),
        status=503 if status == "fail" else 200,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


async def show_live(request: Request) -> Response:
    """GET /health/live: this process turns. Redis is never asked, or its failure would restart everything."""
    return reply({"status": "pass"}, media_type=MEDIA_TYPE)


async def show_ready(request: Request) -> Response:
    """GET /health/ready: requests can be taken now."""
    service = service_of(request)
    reason = "The service is about to stop." if service.closing.is_set() else await _reason_not_ready(service)
    if reason:
        raise Problem(NOT_READY, reason, headers={"Retry-After": "1"})
    return reply({"status": "pass"}, media_type=MEDIA_TYPE)


async def _reason_not_ready(service: Service) -> str:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await service.queue.inspector.figures.ping()
    except (TimeoutError, QueueError):
        return f"Redis does not answer within {ANSWER_WITHIN:g} s."
    try:
        service.storage.check_writable()
        service.storage.for_uploads.check(0)
    except StorageBroken as error:
        return f"The data directory cannot be written to: {error.reason}."
    except StorageFull:
        return "There is no room left for uploads."
    return ""


async def _check_all(service: Service) -> dict[str, list[Check]]:
    checks = {"disk:free": [_check_disk(service)]}
    try:
        async with asyncio.timeout(CHECKED_WITHIN):
            checks |= await _check_redis(service)
            figures = service.queue.inspector.figures
            damaged = await figures.damaged()
            if damaged:
                output = f"{'; '.join(damaged)}: something else wrote there. Rename or delete it."
                return checks | {"redis:keys": [_check("datastore", "fail", len(damaged), "keys", output)]}
            checks["redis:keys"] = [_check("datastore", "pass", 0, "keys")]
            queues = sorted({*service.kinds.queues(), *await figures.queues()})
            paused = await figures.paused_queues()
            checks |= await _check_jobs(figures, queues, {queue.name for queue in paused})
            checks |= {f"queue:{queue.name}:paused": [_check_paused(queue)] for queue in paused}
            runners = await figures.runners()
            checks["workers:alive"] = [_check_workers(service, runners)]
            checks["workers:blocked"] = _check_blocked(runners)
    except BrokerRefused as error:
        checks["redis:responseTime"] = [_check("datastore", "fail", output=str(error))]
    except (TimeoutError, BrokerUnavailable) as error:
        reason = str(error) or f"nothing came within {CHECKED_WITHIN:g} s"
        output = f"Redis does not answer: {reason}. Start it, or correct redis_url."
        checks["redis:responseTime"] = [_check("datastore", "fail", output=output)]
    return checks


def _check_disk(service: Service) -> Check:
    try:
        service.storage.check_writable()
        free = service.storage.for_uploads.free()
    except StorageRefused as error:
        output = f"Uploads are refused: {error}. Make the data directory writable again."
        return _check("system", "fail", output=output)
    if free < service.storage.for_uploads.reserve:
        status: Status = "fail"
        output = "Uploads are refused: make room in the data directory."
    elif free < LITTLE_ROOM:
        status, output = (
            "warn",
            "There is little room for uploads and results: make some in the data directory.",
        )
    else:
        return _check("system", "pass", free, "bytes")
    return _check("system", status, free, "bytes", output)


async def _check_redis(service: Service) -> dict[str, list[Check]]:
    server = await service.queue.inspector.figures.server()
    checks = {"redis:responseTime": [_check("datastore", "pass", round(server.latency_ms, 3), "ms")]}
    volatile = server.persistence == "none"
    checks["redis:persistence"] = [
        _check(
            "datastore",
            "warn" if volatile else "pass",
            server.persistence,
            output="Jobs are lost when Redis stops: switch appendonly on." if volatile else None,
        )
    ]
    evicting = server.max_memory > 0 and server.eviction != "noeviction"
    full = server.max_memory > 0 and server.used_memory > MEMORY_WARNING * server.max_memory
    output = None
    if evicting:
        output = f"Redis may throw jobs away ({server.eviction}): set maxmemory-policy noeviction."
    elif full:
        output = "Redis is almost at its memory limit: raise maxmemory or shorten the retention."
    checks["redis:memory"] = [
        _check("datastore", "warn" if output else "pass", server.used_memory, "bytes", output)
    ]
    return checks


async def _check_jobs(figures: Figures, queues: list[str], paused: set[str]) -> dict[str, list[Check]]:
    counts, waiting, oldest = await asyncio.gather(
        figures.counts(), figures.waiting(), figures.oldest_seconds()
    )
    backlog = dict.fromkeys(queues, 0)
    for line, jobs in waiting.items():
        queue = split_line_name(line)[0]
        backlog[queue] = backlog.get(queue, 0) + jobs
    checks = {"jobs:running": [_check("component", "pass", counts.running, "jobs")]}
    for queue, jobs in backlog.items():
        waited = oldest.get(queue, 0.0)
        late = waited > LONG_WAIT and queue not in paused
        output = (
            f"The oldest job waits for {waited:.0f} s: start more workers for this queue." if late else None
        )
        checks[f"queue:{queue}:backlog"] = [_check("component", "pass", jobs, "jobs")]
        checks[f"queue:{queue}:latency"] = [
            _check("component", "warn" if late else "pass", round(waited, 3), "s", output)
        ]
    return checks


def _check_paused(queue: PausedQueue) -> Check:
    since = datetime.fromtimestamp(queue.since_ms // 1000, UTC).isoformat()
    # Not who and why: health is told to anybody.
    output = f"The queue is paused since {since}: nothing in it starts until it is resumed."
    return _check("component", "warn", queue.queued, "jobs", output)


def _check_workers(service: Service, runners: list[RunnerRecord]) -> Check:
    alive = [runner for runner in runners if runner.alive]
    workers = {runner.worker for runner in alive}
    attended = {queue for runner in alive for queue in runner.queues}
    unattended = [queue for queue in service.kinds.queues() if queue not in attended]
    if not unattended:
        return _check("component", "pass", len(workers), "workers")
    output = f"Nobody works on {', '.join(unattended)}: start `python worker.py`."
    return _check("component", "warn", len(workers), "workers", output)


def _check_blocked(runners: list[RunnerRecord]) -> list[Check]:
    """A check for each runner in which a handler keeps the event loop; one if there is none."""
    now = time.time() * 1000
    found = []
    for runner in runners:
        if runner.alive and runner.blocked:
            seconds = max(0.0, (now - runner.blocked.since_ms) / 1000)
            found.append(
                _check("component", "warn", round(seconds, 1), "s", _describe_blocked(runner, seconds))
            )
    return found[:MOST_SHOWN] or [_check("component", "pass", 0, "runners")]


def _describe_blocked(runner: RunnerRecord, seconds: float) -> str:
    by = runner.blocked.by if runner.blocked else None
    culprit = f"a handler of {by.kind}" if by and by.kind else "a handler, or code that it calls,"
    return (
        f"Runner {runner.id} of worker {runner.worker} does nothing else for {seconds:.0f} s: {culprit} "
        "keeps its event loop. Let it await what it waits for, "
        'or declare it with runs="thread" or runs="process"; '
        "the worker's log names the job and the line."
    )


def _check(
    component: str,
    status: Status,
    value: float | str | None = None,
    unit: str | None = None,
    output: str | None = None,
) -> Check:
    return Check(
        component_type=component,
        status=status,
        time=datetime.fromtimestamp(int(time.time()), UTC),
        observed_value=value,
        observed_unit=unit,
        output=output,
    )
