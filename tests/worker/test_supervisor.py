"""How a worker starts, drains and stops, as a real process."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from launch.private_redis import PrivateRedis
from queuecore import Job, JobCancelled, JobFailed, Queue, Registry, State
from queuecore.model import WorkerOptions
from queuecore.worker.control import Drain, Start, from_supervisor
from queuecore.worker.runner_process import RunnerProcess, new_runner_id
from tests.worker.worker_process import Worker, eventually, is_alive

StartWorker = Callable[..., Worker]


async def test_sigterm_lets_running_jobs_end_and_claims_no_more(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker(slots=2)
    jobs = await asyncio.gather(*(queue.enqueue(registry["test.sleep"], seconds=1.5) for _ in range(2)))
    await _all_in(jobs, State.RUNNING)
    waiting = await queue.enqueue(registry["test.sleep"], seconds=0.1)

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert [await job.result(timeout=1) for job in jobs] == ["attempt 1", "attempt 1"]
    assert (await waiting.record()).state is State.QUEUED
    assert await queue.inspector.figures.runners() == []


@pytest.mark.parametrize("kind", ["test.sleep", "test.process_sleep", "test.thread", "test.stubborn"])
async def test_what_does_not_end_within_its_grace_is_given_back_unspent(
    queue: Queue, registry: Registry, start_worker: StartWorker, kind: str
) -> None:
    worker = start_worker(grace=0.3)
    job: Job[Any] = await queue.enqueue(registry[kind], seconds=30.0)
    await _all_in([job], State.RUNNING)

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    record = await job.record()
    assert (record.state, record.failures, record.crashes) == (State.QUEUED, 0, 0)
    assert [each.outcome for each in record.attempts] == ["released"]


async def test_a_second_signal_stops_at_once_and_leaves_no_process(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker(grace=60.0)
    jobs = [
        await queue.enqueue(registry[kind], seconds=30.0) for kind in ("test.sleep", "test.process_sleep")
    ]
    await _all_in(jobs, State.RUNNING)
    await eventually(worker.job_processes, "the job process is up")
    family = worker.family()
    start = time.monotonic()

    worker.signal(signal.SIGTERM)
    await eventually(lambda: "grace=60" in worker.log(), "the first signal is seen")
    worker.signal(signal.SIGINT)

    assert worker.wait() == 0
    assert time.monotonic() - start < 5.0
    assert [(await job.record()).state for job in jobs] == [State.QUEUED, State.QUEUED]
    assert len(family) == 4
    assert not any(is_alive(pid) for pid in family)


async def test_rolling_restarts_under_load_lose_and_double_nothing(
    queue: Queue, registry: Registry, start_worker: StartWorker, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    worker = start_worker(slots=10, grace=3.0)
    mark = registry["test.mark"]
    jobs = await asyncio.gather(*(queue.enqueue(mark, path=str(marks), seconds=0.1) for _ in range(300)))

    for restart in range(1, 3):
        await _at_work(worker, marks, lines=40 * restart)
        successor = start_worker(slots=10, grace=3.0)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        worker = successor
    await asyncio.gather(*(job.result(timeout=30) for job in jobs))

    lines = marks.read_text().splitlines()
    assert sorted(lines) == sorted(f"{word} {job.id} 1" for job in jobs for word in ("start", "end"))


async def test_a_burst_ends_when_nothing_is_left(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    jobs = await asyncio.gather(*(queue.enqueue(registry["test.echo"], value=n) for n in range(50)))
    later = await queue.options(delay=1.0).enqueue(registry["test.echo"], value=99)

    worker = start_worker(burst=True)

    assert worker.wait() == 0
    assert [(await job.record()).state for job in (*jobs, later)] == [State.COMPLETED] * 51


async def test_handlers_that_cannot_be_loaded_stop_the_worker_with_the_reason(
    start_worker: StartWorker,
) -> None:
    worker = start_worker(handlers=("tests.worker.no_such_module",))

    assert worker.wait() == 1
    assert "no_such_module" in worker.log()


async def test_a_cancel_reaches_a_running_job(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker()
    jobs = [
        await queue.enqueue(registry[kind], seconds=30.0) for kind in ("test.sleep", "test.process_sleep")
    ]
    await _all_in(jobs, State.RUNNING)

    for job in jobs:
        assert await job.cancel() is State.RUNNING
        with pytest.raises(JobCancelled):
            await job.result(timeout=5)


async def test_a_worker_started_before_redis_waits_for_it(
    queue: Queue, registry: Registry, start_worker: StartWorker, redis_server: PrivateRedis
) -> None:
    redis_server.kill()
    worker = start_worker()
    await eventually(lambda: "redis.lost" in worker.log(), "the worker misses Redis")

    redis_server.start()

    job = await queue.enqueue(registry["test.echo"], value=1)
    assert await job.result(timeout=10) == [1]


async def test_a_worker_stops_in_order_while_redis_is_away(
    queue: Queue, registry: Registry, start_worker: StartWorker, redis_server: PrivateRedis
) -> None:
    worker = start_worker(grace=0.3)
    job = await queue.enqueue(registry["test.sleep"], seconds=30.0)
    await _all_in([job], State.RUNNING)
    await asyncio.sleep(1.1)  # Redis writes its log to disk once a second

    redis_server.kill()
    try:
        worker.signal(signal.SIGTERM)
        code = worker.wait(timeout=30)
    finally:
        redis_server.start()

    assert code == 0
    start_worker()
    await eventually(lambda: _attempt(job, 2), "the job is recovered by the next worker")


async def test_delayed_jobs_start_when_they_are_due(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await eventually(lambda: "runner.ready" in worker.log(), "the worker is ready")

    job = await queue.options(delay=1.0).enqueue(registry["test.echo"], value=1)
    await job.result(timeout=5)

    record = await job.record()
    assert record.finished_ms is not None
    assert 1.0 <= (record.finished_ms - record.created_ms) / 1000 < 1.6


def test_the_address_of_redis_is_on_no_command_line(
    options: WorkerOptions, start_worker: StartWorker
) -> None:
    worker = start_worker()
    deadline = time.monotonic() + 5
    while not worker.runners() and time.monotonic() < deadline:
        time.sleep(0.01)

    (runner,) = worker.runners()

    assert options.redis_url not in Path(f"/proc/{runner}/cmdline").read_text()


def test_a_runner_id_is_short_and_never_comes_back() -> None:
    ids = {new_runner_id("A very long Machine.name", 1) for _ in range(1000)}

    assert len(ids) == 1000
    assert max(map(len, ids)) <= 24
    assert all(id.startswith("a-very-long") for id in ids)


def test_control_messages_survive_the_socket(options: WorkerOptions) -> None:
    for message in (Start("id", "worker", 1, {"async": 3}, options), Drain(2.5)):
        assert from_supervisor.decode(msgspec.msgpack.encode(message)) == message


def test_a_worker_that_redis_does_not_let_in_says_so_in_a_line_and_ends(
    redis_url: str, start_worker: StartWorker
) -> None:
    worker = start_worker(redis_url=f"{redis_url}?password=secret&db=0")

    assert worker.wait() == 1
    (line,) = [each for each in worker.log().splitlines() if " ERROR " in each]
    assert "redis.refused redis=" in line
    assert "Traceback" not in worker.log()
    assert "secret" not in worker.log()


async def test_a_worker_without_redis_says_so_and_waits_for_it(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker(redis_url=f"unix://{tmp_path}/no.sock")

    await eventually(lambda: "redis.lost" in worker.log(), "the worker tries again")
    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert f"redis.unreachable redis={tmp_path}/no.sock reason=" in worker.log()


def _pauses_between_ends(worker: Worker) -> list[float]:
    """Seconds between the ends of the runner that runs handlers, from the log."""
    ends = [
        datetime.fromisoformat(line.split()[0])
        for line in worker.log().splitlines()
        if "runner.ended" in line and "async" in line
    ]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(ends)]


async def test_a_runner_that_dies_again_and_again_is_started_more_and_more_slowly(
    start_worker: StartWorker,
) -> None:
    worker = start_worker(handlers=("tests.worker.dies_when_loaded",))

    await eventually(lambda: len(_pauses_between_ends(worker)) == 3, "it was tried four times")

    pauses = _pauses_between_ends(worker)
    assert pauses[1] > 0.9
    assert pauses[2] > 1.9


async def test_a_runner_that_a_job_killed_is_replaced_at_once(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()

    poison = []
    for n in range(1, 6):
        await eventually(lambda n=n: worker.ready() == n, "the runner is there", within=20)
        poison.append(await queue.enqueue(registry["test.kill_runner"]))
    for job in poison:
        with pytest.raises(JobFailed, match="process ended by itself with exit code 5"):
            await job.result(timeout=40)

    pauses = _pauses_between_ends(worker)
    assert len(pauses) == 4
    assert max(pauses) < 3.0


async def _all_in(jobs: list[Job[Any]], state: State) -> None:
    async def look() -> bool:
        return all([(await job.record()).state is state for job in jobs])

    await eventually(look, f"all are {state}", within=30.0)


async def _at_work(worker: Worker, marks: Path, *, lines: int) -> None:
    def look() -> bool:
        if "runner.ready" not in worker.log() or not marks.exists():
            return False
        return len(marks.read_text().splitlines()) >= lines

    await eventually(look, "the worker is at work", within=30.0)


async def _attempt(job: Job[Any], number: int) -> bool:
    return (await job.record()).attempt >= number


async def test_a_runner_that_cannot_be_started_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    before = os.listdir("/proc/self/fd")

    with pytest.raises(BlockingIOError):
        await RunnerProcess.start(
            "r", worker="w", slots={}, options=WorkerOptions(redis_url=""), on_ready=lambda _: None
        )

    assert os.listdir("/proc/self/fd") == before
