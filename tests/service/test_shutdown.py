"""A worker that is told to stop under load loses nothing, doubles nothing and spends no attempt."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from queuecore import JobRequest, Queue, State
from queuecore.model import JobRecord
from tests.service.service import Service, wait_until

pytestmark = pytest.mark.fault


def test_jobs_that_end_within_the_grace_are_completed_by_the_worker_that_stops(
    service: Service, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    (first,) = service.workers
    ids = _submit(service, "test.mark", 300, path=str(marks), seconds=0.2)
    wait_until(lambda: marks.exists() and "end" in marks.read_text(), "the first jobs have ended")

    first.process.signal(signal.SIGTERM)
    code = first.process.wait()
    after_stop = Counter(line.split()[0] for line in marks.read_text().splitlines())
    service.start_worker()
    records = _wait_until_completed(service, ids)

    assert code == 0
    assert after_stop["start"] == after_stop["end"] < 300, "what it had begun it has ended, and no more"
    assert {(record.attempt, record.crashes, record.failures) for record in records} == {(1, 0, 0)}
    marked = Counter(marks.read_text().splitlines())
    assert set(marked.values()) == {1}
    assert len(marked) == 600


def test_jobs_that_need_longer_than_the_grace_are_given_back_with_their_attempts(
    service: Service, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    for worker in service.workers:
        worker.process.signal(signal.SIGTERM)
        worker.process.wait()
    stopping = service.start_worker(WORKER_GRACE="0.5")
    before = service.statistics()
    marks.touch()
    ids = _submit(service, "test.mark_in_process", 2, path=str(marks), seconds=3.0)
    wait_until(lambda: marks.read_text().count("start") == 2, "those in processes run", within=30)
    ids += _submit(service, "test.mark", 20, path=str(marks), seconds=3.0)
    wait_until(lambda: marks.read_text().count("start") == 22, "all run")

    stopping.process.signal(signal.SIGTERM)
    code = stopping.process.wait()
    service.start_worker()
    records = _wait_until_completed(service, ids)
    after = service.statistics()

    assert code == 0
    assert {(record.result, record.crashes, record.failures) for record in records} <= {(1, 0, 0), (2, 0, 0)}
    outcomes = Counter(attempt.outcome for record in records for attempt in record.attempts)
    assert outcomes == {"completed": 22, "released": 22}
    assert after.get("released", 0) - before.get("released", 0) == 22
    assert after["completed"] - before.get("completed", 0) == 22
    ends = Counter(line for line in marks.read_text().splitlines() if line.startswith("end"))
    assert set(ends.values()) == {1}, "no job ran to its end twice"
    assert len(ends) == 22


def test_a_second_signal_stops_at_once(service: Service, tmp_path: Path) -> None:
    worker = service.start_worker("--queues", "lonely")

    async def submit(queue: Queue) -> str:
        request = JobRequest(kind="demo.sleep", args={"seconds": 60.0}, queue="lonely")
        return (await queue.submit(request)).id

    job = service.with_queue(submit)
    service.running(job)

    worker.process.signal(signal.SIGTERM)
    wait_until(lambda: worker.log().count("worker.stopping") == 1, "the first signal is heard")
    worker.process.signal(signal.SIGTERM)

    assert worker.process.wait(within=10) == 0
    given_back = service.job(job)
    assert given_back["state"] == "queued"
    assert [each["outcome"] for each in given_back["attempts"]] == ["released"]
    service.client.post(f"/api/jobs/{job}/cancel").raise_for_status()


def test_a_worker_in_a_burst_stops_when_nothing_is_left(service: Service, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    for worker in service.workers:
        worker.process.signal(signal.SIGTERM)
        worker.process.wait()
    ids = _submit(service, "test.mark", 50, path=str(marks))

    worker = service.start_worker("--burst", ready=False)

    assert worker.process.wait() == 0
    assert len(_wait_until_completed(service, ids)) == 50


def _submit(service: Service, kind: str, count: int, **args: object) -> list[str]:
    async def submit(queue: Queue) -> list[str]:
        requests = [JobRequest(kind=kind, args=dict(args)) for _ in range(count)]
        return [submitted.id for submitted in await queue.enqueue_many(requests)]

    return service.with_queue(submit)


def _wait_until_completed(service: Service, ids: list[str], within: float = 30.0) -> list[JobRecord]:
    async def wait(queue: Queue) -> list[JobRecord]:
        async with asyncio.timeout(within):
            while True:
                records = await queue.inspector.jobs.records(ids)
                if all(record.state is State.COMPLETED for record in records):
                    return records
                await asyncio.sleep(0.05)

    records = service.with_queue(wait)
    assert len(records) == len(ids)
    return records
