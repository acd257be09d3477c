"""What ends its runner ends it once: then it is alone, and in the end no job but its own has failed."""

import asyncio

import pytest

from queuecore import Job, JobFailed, Queue, Registry
from tests.faults.poisons.conftest import StartWorker, starts_of
from tests.faults.poisons.handlers import FATAL, MODES

pytestmark = [pytest.mark.fault, pytest.mark.slow]


@pytest.mark.parametrize("kind", FATAL)
async def test_what_ends_its_runner_fails_and_the_innocent_complete(
    queue: Queue, registry: Registry, start_worker: StartWorker, kind: str
) -> None:
    worker = start_worker(processes=2)
    innocent: list[Job[object]] = [
        await queue.enqueue(registry[f"innocent.{mode}"], number=number, seconds=0.1)
        for number in range(10)
        for mode in MODES
    ]
    fatal = await queue.enqueue(FATAL[kind].handler)

    with pytest.raises(JobFailed) as failed:
        await asyncio.wait_for(fatal.result(timeout=60), 60)

    assert failed.value.type == FATAL[kind].ends
    for job in innocent:
        await job.result(timeout=30)
        assert await starts_of(job) <= 2
    assert [each for each in worker.log().splitlines() if "runner.ended" in each][1:] == []
