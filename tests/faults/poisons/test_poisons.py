"""Each poison runs in a worker beside innocent jobs: it ends as it must, and nobody else notices."""

import asyncio
from typing import Any

import pytest

from queuecore import Job, JobFailed, Queue, Registry
from queuecore.model import JobRecord
from tests.faults.poisons.handlers import COMPLETED, MODES, POISONS, TIMEOUT
from tests.worker.worker_process import Worker

pytestmark = pytest.mark.fault

INNOCENTS = 4  # in each mode
UNTOUCHED = ["unset", 28, True]


@pytest.mark.parametrize("kind", POISONS)
async def test_a_poison_ends_as_it_must_and_harms_nobody(
    queue: Queue, registry: Registry, worker: Worker, kind: str
) -> None:
    before = await _enqueue_innocents(queue, registry, first=0)
    poisonous = await queue.enqueue(POISONS[kind].handler)
    after = await _enqueue_innocents(queue, registry, first=INNOCENTS)

    assert await asyncio.wait_for(_end(poisonous), 2 * TIMEOUT + 10) == POISONS[kind].ends
    await _end_well({**before, **after})
    # What it left behind, others find only later.
    await _end_well(await _enqueue_innocents(queue, registry, first=0))


async def _enqueue_innocents(queue: Queue, registry: Registry, *, first: int) -> dict[Job[Any], int]:
    return {
        await queue.enqueue(registry[f"innocent.{mode}"], number=number): number
        for number in range(first, first + INNOCENTS)
        for mode in MODES
    }


async def _end_well(innocents: dict[Job[Any], int]) -> None:
    for job, number in innocents.items():
        assert await job.result(timeout=30) == [number, *UNTOUCHED]
        record: JobRecord = await job.record()
        assert (record.failures, record.crashes) == (0, 0)
        # Handed over to a runner without a free slot it is given back, and has not begun.
        assert [each.outcome for each in record.attempts if each.outcome != "released"] == ["completed"]


async def _end(job: Job[Any]) -> str:
    try:
        await job.result(timeout=60)
    except JobFailed as failed:
        return failed.type
    return COMPLETED
