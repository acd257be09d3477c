"""All poisons at once beside a thousand innocent jobs in each mode: `make faults`."""

import os
import random
import time
from typing import Any, NamedTuple

import pytest

from queuecore import Job, JobFailed, Queue, Registry
from queuecore.model import JobRecord
from tests.faults.poisons.conftest import StartWorker
from tests.faults.poisons.handlers import COMPLETED, MODES, POISONS
from tests.worker.worker_process import Worker, eventually

pytestmark = [pytest.mark.fault, pytest.mark.slow]

INNOCENTS = 1_000  # in each mode
SECONDS = 0.2  # each
SLOTS = 20
JOB_PROCESSES = 8
PATIENCE = 10.0  # seconds that an attempt of a poison has beyond its timeout
LEAST_THROUGHPUT = 0.8


class Holdings(NamedTuple):
    """What a worker holds of the machine, all its processes together but for memory: that of the runner."""

    runners: int
    job_processes: int
    descriptors: int
    resident: int  # bytes


async def test_a_thousand_innocent_jobs_in_each_mode_notice_none_of_the_poisons(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker(slots=SLOTS, job_processes=JOB_PROCESSES)
    await _run(queue, registry, innocents=JOB_PROCESSES, poisons=[])  # what is needed is loaded
    before = _holdings(worker)

    undisturbed, _ = await _run(queue, registry, innocents=INNOCENTS, poisons=[])
    disturbed, ended = await _run(queue, registry, innocents=INNOCENTS, poisons=list(POISONS))

    assert {kind: type for kind, (type, _) in ended.items()} == {k: p.ends for k, p in POISONS.items()}
    late = {kind: spent for kind, (_, spent) in ended.items() if spent > _timeout_of(kind) + PATIENCE}
    assert not late
    print(f"{undisturbed:.1f} s without poisons, {disturbed:.1f} s with them")
    assert undisturbed / disturbed >= LEAST_THROUGHPUT
    await eventually(lambda: _is_back(_holdings(worker), before), "all is as it was", within=20)


async def _run(
    queue: Queue, registry: Registry, *, innocents: int, poisons: list[str]
) -> tuple[float, dict[str, tuple[str, float]]]:
    """Run jobs in a mixed order.

    Returns: seconds until the last of the innocent has ended, and what each poison came to, with the
        seconds that its longest attempt took.
    """
    kinds = [f"innocent.{mode}" for mode in MODES for _ in range(innocents)] + poisons
    random.Random(7).shuffle(kinds)
    began = time.monotonic()
    jobs: list[tuple[str, Job[Any]]] = []
    for number, kind in enumerate(kinds):
        given = {"number": number, "seconds": SECONDS} if kind.startswith("innocent.") else {}
        jobs.append((kind, await queue.enqueue(registry[kind], **given)))
    for number, (kind, job) in enumerate(jobs):
        if kind.startswith("innocent."):
            assert await job.result(timeout=300) == [number, "unset", 28, True], kind
            starts = [each for each in (await job.record()).attempts if each.outcome != "released"]
            assert len(starts) <= 2
    seconds = time.monotonic() - began
    return seconds, {kind: await _end(job) for kind, job in jobs if kind in POISONS}


async def _end(job: Job[Any]) -> tuple[str, float]:
    type = COMPLETED
    try:
        await job.result(timeout=60)
    except JobFailed as failed:
        type = failed.type
    record: JobRecord = await job.record()
    # Between two attempts it waits in line like all others.
    return type, max((each.ended_ms or 0) - each.started_ms for each in record.attempts) / 1000


def _timeout_of(kind: str) -> float:
    timeout = POISONS[kind].handler.timeout
    assert timeout is not None
    return timeout


def _holdings(worker: Worker) -> Holdings:
    runners = worker.runners()
    pages = sum(int(_read(f"/proc/{pid}/statm").split()[1]) for pid in runners)
    return Holdings(
        runners=len(runners),
        job_processes=len(worker.job_processes()),
        descriptors=sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in (worker.pid, *runners)),
        resident=pages * os.sysconf("SC_PAGE_SIZE"),
    )


def _is_back(now: Holdings, before: Holdings) -> bool:
    return (
        now.runners == before.runners
        # Children of thread handlers, and what multiprocessing keeps for them, end with the runner.
        and now.job_processes <= JOB_PROCESSES + 10
        and now.descriptors <= before.descriptors + 20
        and now.resident <= before.resident + 40_000_000
    )


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
