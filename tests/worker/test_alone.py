"""Who was there when a runner died is tried in a process of its own, or goes back to the others in time."""

import os
from typing import Any

import pytest

from queuecore import Job, Queue, Registry
from queuecore.execution import executor
from queuecore.model import Ask, ErrorRecord, RunnerInfo, SlotClass, WorkerOptions
from tests.worker.inside import SPACE, at_work
from tests.worker.worker_process import eventually

VICTIM = RunnerInfo(id="victim", worker="test", host="host", pid=1, queues=("default",), slots={})
DIED = ErrorRecord("worker-lost", "It died.")
KINDS = {"async": "test.sleep", "thread": "test.thread"}


@pytest.fixture
def lose(queue: Queue) -> Any:
    """Have a runner claim what waits in a class of slot, and die."""

    async def lose(*classes: SlotClass) -> None:
        claims, upkeep = queue.broker.claims, queue.broker.upkeep
        for runs in classes:
            await claims.register(SPACE, VICTIM, ttl=60.0)
            asks = [Ask(runs, 100, VICTIM.queues)]
            await claims.advance(SPACE, VICTIM.id, lane=0, outcomes=[], asks=asks)
            await upkeep.recover(SPACE, VICTIM.id, DIED, seen_dead=True)

    return lose


@pytest.mark.parametrize("kind", ["test.where", "test.where_in_thread"])
async def test_a_job_whose_runner_died_runs_in_a_process_of_its_own(
    queue: Queue, registry: Registry, options: WorkerOptions, redis_url: str, lose: Any, kind: str
) -> None:
    job = await queue.enqueue(registry[kind])
    await lose(registry[kind].runs)

    async with at_work(redis_url, registry, options) as runner:
        there = await job.result(timeout=20)
        assert there in runner.pool.pids()

    assert there != os.getpid()
    assert (await job.record()).runs == "alone"


@pytest.mark.parametrize("runs", KINDS)
async def test_a_job_that_does_not_get_a_process_in_time_goes_back_to_the_others(
    queue: Queue,
    registry: Registry,
    options: WorkerOptions,
    redis_url: str,
    lose: Any,
    runs: SlotClass,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executor, "ALONE_PATIENCE_SECONDS", 0.3)
    jobs = [await queue.enqueue(registry[KINDS[runs]], seconds=60.0) for _ in range(5)]
    await lose(runs)

    async with at_work(redis_url, registry, options):
        await eventually(lambda: _classes(jobs, {"alone": 2, runs: 3}), "two are alone, three are not")
        for job in jobs:
            await job.cancel()

    histories = [(await job.record()).attempts for job in jobs]
    assert sorted(len([each for each in history if each.outcome == "released"]) for history in histories) == [
        *(0, 0),
        *(1, 1, 1),
    ]


async def test_a_jobs_last_chance_is_taken_alone_however_long_that_takes(
    queue: Queue,
    registry: Registry,
    options: WorkerOptions,
    redis_url: str,
    lose: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executor, "ALONE_PATIENCE_SECONDS", 0.0)
    jobs = [await queue.enqueue(registry["test.sleep"], seconds=0.3) for _ in range(5)]
    await lose("async", "alone")

    async with at_work(redis_url, registry, options):
        for job in jobs:
            await job.result(timeout=30)

    records = [await job.record() for job in jobs]
    assert {(record.crashes, record.runs) for record in records} == {(2, "alone")}
    assert not any(each.outcome == "released" for record in records for each in record.attempts)


async def _classes(jobs: list[Job[Any]], wanted: dict[SlotClass, int]) -> bool:
    records = [await job.record() for job in jobs]
    running = [record.runs for record in records if record.state == "running"]
    return {runs: running.count(runs) for runs in wanted} == wanted
