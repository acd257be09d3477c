"""What is killed, stopped or cut off, and what becomes of its jobs."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.private_redis import PrivateRedis
from queuecore import Job, JobFailed, Queue, Registry, State
from queuecore.model import JobRecord
from tests.worker.worker_process import Worker, eventually, is_alive

pytestmark = pytest.mark.fault

StartWorker = Callable[..., Worker]


async def test_a_job_whose_process_is_killed_is_taken_up_again_within_a_second(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    job = await queue.enqueue(registry["test.process_sleep"], seconds=4.0)
    await _checkpointed(job)

    (pid,) = worker.job_processes()
    os.kill(pid, signal.SIGKILL)
    taken_up = await _taken_up_again(job)

    assert taken_up < 1.0
    result = await job.result(timeout=15)
    assert result.startswith("attempt 2 from ")
    assert result != "attempt 2 from 0"
    record = await job.record()
    assert (record.failures, record.crashes) == (0, 1)
    assert [attempt.outcome for attempt in record.attempts] == ["crashed", "completed"]
    assert record.attempts[0].error is not None
    assert record.attempts[0].error.title == "The job's process was killed by signal 9 (out of memory?)."


@pytest.mark.parametrize("kind", ["test.sleep", "test.process_sleep"])
async def test_a_job_whose_runner_is_killed_is_taken_up_again_within_a_second(
    queue: Queue, registry: Registry, start_worker: StartWorker, kind: str
) -> None:
    worker = start_worker(processes=2)
    await _ready(worker, runners=2)
    job = await queue.enqueue(registry[kind], seconds=3.0)
    record = await _running(job)

    runner = await _runner_pid(queue, record)
    job_processes = worker.job_processes()
    killed_at = time.time()
    os.kill(runner, signal.SIGKILL)
    taken_up = await _taken_up_again(job)
    runners = {each.id: each for each in await queue.inspector.figures.runners()}

    first, second = (await job.record()).attempts
    assert first.ended_ms is not None
    assert first.ended_ms / 1000 - killed_at < 1.0
    if kind == "test.sleep":
        assert taken_up < 1.0
    else:  # the job processes have one runner: a new one loads its code first, as long as the machine takes
        assert (second.started_ms - runners[second.runner].started_ms) / 1000 < 1.0
    assert (await job.result(timeout=15)).startswith("attempt 2")
    await eventually(lambda: len(worker.runners() + worker.keepers()) == 3, "the dead runner is replaced")
    assert not any(is_alive(pid) for pid in job_processes), "a job process outlived its runner"
    record = await job.record()
    assert (record.failures, record.crashes) == (0, 1)
    assert record.attempts[0].error is not None
    assert (
        record.attempts[0].error.title
        == "The worker that ran the job was killed by signal 9 (out of memory?)."
    )


async def test_a_job_in_a_process_outlives_the_runner_of_async_handlers(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    job = await queue.enqueue(registry["test.process_sleep"], seconds=2.0)
    await _checkpointed(job)

    poison = await queue.enqueue(registry["test.kill_runner"])

    with pytest.raises(JobFailed):
        await poison.result(timeout=15)
    assert worker.ready() > 1
    assert await job.result(timeout=15) == "attempt 1 from 0"
    assert (await job.record()).crashes == 0


@pytest.mark.parametrize("kind", ["test.sleep", "test.process_sleep"])
async def test_a_job_whose_whole_worker_is_killed_is_taken_up_by_another_worker(
    queue: Queue, registry: Registry, start_worker: StartWorker, kind: str
) -> None:
    workers = [start_worker(), start_worker()]
    for each in workers:
        await _ready(each)
    job = await queue.enqueue(registry[kind], seconds=3.0)
    worker, _ = await _owner(queue, await _running(job), workers)
    family = worker.family()

    worker.signal(signal.SIGKILL)
    taken_up = await _taken_up_again(job)

    # A heartbeat's life of 1.5 s, one beat to notice.
    assert taken_up < 3.0
    assert (await job.result(timeout=15)).startswith("attempt 2")
    worker.wait()
    await eventually(lambda: not any(is_alive(pid) for pid in family), "nothing outlives its supervisor")


async def test_a_job_whose_whole_worker_is_killed_is_taken_up_after_a_restart(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    job = await queue.enqueue(registry["test.sleep"], seconds=3.0)
    await _running(job)

    worker.signal(signal.SIGKILL)
    worker.wait()
    start_worker()
    taken_up = await _taken_up_again(job)

    # At worst nobody looked for a while: then a heartbeat's life passes before anybody is judged.
    assert taken_up < 10.0
    assert await job.result(timeout=15) == "attempt 2"


async def test_a_runner_that_stays_suspended_is_killed_and_replaced(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await _ready(worker)
    (runner,) = worker.runners()

    os.kill(runner, signal.SIGSTOP)
    job = await queue.enqueue(registry["test.echo"], value=1)

    assert await job.result(timeout=15) == [1]
    assert not is_alive(runner)
    assert "was suspended for longer than its heartbeat lives" in worker.log()


async def test_the_late_result_of_a_suspended_worker_is_refused_and_counted(
    queue: Queue, registry: Registry, start_worker: StartWorker, tmp_path: Path
) -> None:
    workers = [start_worker(), start_worker()]
    for each in workers:
        await _ready(each)
    job = await queue.enqueue(registry["test.mark"], path=str(tmp_path / "marks"), seconds=2.0)
    worker, runner = await _owner(queue, await _running(job), workers)

    worker.signal(signal.SIGSTOP)
    os.kill(runner, signal.SIGSTOP)
    await eventually(lambda: _attempt(job, 2), "another attempt runs", within=20.0)
    await job.result(timeout=15)
    settled = await job.record()
    os.kill(runner, signal.SIGCONT)
    await eventually(lambda: "attempt.fenced" in worker.log(), "the refusal is logged")
    worker.signal(signal.SIGCONT)

    assert settled.attempt == 2
    assert await job.record() == settled
    assert (await queue.inspector.figures.statistics())["fenced"] == 1
    await eventually(lambda: runner not in worker.runners(), "the runner that was given up ends")
    await eventually(lambda: len(worker.runners()) == 1, "and is replaced")
    assert (await (await queue.enqueue(registry["test.echo"], value=1)).result(timeout=10)) == [1]


async def test_a_runner_suspended_for_less_than_a_heartbeat_keeps_its_jobs(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker()
    job = await queue.enqueue(registry["test.sleep"], seconds=1.5)
    runner = await _runner_pid(queue, await _running(job))

    os.kill(runner, signal.SIGSTOP)
    await asyncio.sleep(0.6)
    os.kill(runner, signal.SIGCONT)

    assert await job.result(timeout=10) == "attempt 1"


async def test_a_handler_that_blocks_the_event_loop_for_long_keeps_its_job(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker()

    job = await queue.enqueue(registry["test.block"], seconds=4.0)

    # More than twice the life of a heartbeat.
    assert await job.result(timeout=15) == 1


async def test_a_job_that_blocks_its_event_loop_for_good_is_ended_alone_and_takes_no_other_with_it(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker(stall_timeout=1.5)
    await _ready(worker)
    bystander = await queue.enqueue(registry["test.sleep"], seconds=0.5)
    await _running(bystander)
    blocker = await queue.options(timeout=2.0, retries=0).enqueue(registry["test.block"], seconds=60.0)

    with pytest.raises(JobFailed, match=r"did not end within its 2 s"):
        await blocker.result(timeout=30)

    assert await bystander.result(timeout=15) in ("attempt 1", "attempt 2")
    lost, timed_out = (await blocker.record()).attempts
    assert lost.error is not None
    assert "event loop had been blocked for 1.5 s" in lost.error.title
    assert timed_out.outcome == "timed_out"
    assert worker.log().count("runner.stalled") == 1


async def test_a_killed_redis_costs_no_attempt_and_loses_no_job(
    queue: Queue, registry: Registry, start_worker: StartWorker, redis_server: PrivateRedis
) -> None:
    worker = start_worker(processes=2, slots=100)
    sleep = registry["test.sleep"]
    jobs = await asyncio.gather(*(queue.enqueue(sleep, seconds=4.0) for _ in range(200)))
    await eventually(lambda: _all_running(queue, 200), "all run", within=30.0)
    # Redis writes its log to disk once a second; what is asked here is not what that loses.
    await asyncio.sleep(1.1)

    redis_server.kill()
    await asyncio.sleep(3.0)
    redis_server.start()
    await asyncio.gather(*(job.result(timeout=30) for job in jobs))

    records = await asyncio.gather(*(job.record() for job in jobs))
    assert {record.state for record in records} == {State.COMPLETED}
    assert {(record.attempt, record.failures, record.crashes) for record in records} == {(1, 0, 0)}
    assert "job.recovered" not in worker.log()
    assert worker.log().count("redis.lost") <= 4  # the supervisor and three runners, once each


async def test_a_redis_away_for_longer_than_a_heartbeat_makes_no_job_run_twice(
    queue: Queue, registry: Registry, start_worker: StartWorker, redis_server: PrivateRedis
) -> None:
    start_worker()
    job = await queue.enqueue(registry["test.sleep"], seconds=6.0)
    await _running(job)
    await asyncio.sleep(1.1)

    redis_server.kill()
    await asyncio.sleep(3.5)
    redis_server.start()

    assert await job.result(timeout=20) == "attempt 1"


async def _running(job: Job[str]) -> JobRecord:
    async def look() -> JobRecord | None:
        record = await job.record()
        return record if record.state is State.RUNNING else None

    found = await eventually(look, "the job runs", within=30.0)
    assert found is not None
    return found


async def _checkpointed(job: Job[str]) -> None:
    async def look() -> bool:
        record = await job.record()
        return record.progress is not None and record.progress.done >= 3

    await eventually(look, "the job has reported something", within=30.0)


async def _attempt(job: Job[str], number: int) -> bool:
    return (await job.record()).attempt >= number


async def _taken_up_again(job: Job[str]) -> float:
    start = time.monotonic()
    await eventually(lambda: _attempt(job, 2), "the job is taken up again", within=20)
    return time.monotonic() - start


async def _runner_pid(queue: Queue, record: JobRecord) -> int:
    (runner,) = [each for each in await queue.inspector.figures.runners() if each.id == record.runner]
    return runner.pid


async def _owner(queue: Queue, record: JobRecord, workers: list[Worker]) -> tuple[Worker, int]:
    """Return the worker that runs a job, and the process id of its runner."""
    pid = await _runner_pid(queue, record)
    (worker,) = [each for each in workers if pid in each.family()]
    return worker, pid


async def _all_running(queue: Queue, count: int) -> bool:
    return (await queue.inspector.figures.counts()).running == count


async def _ready(worker: Worker, *, runners: int = 1) -> None:
    await eventually(lambda: worker.ready() == runners, "the worker is ready", within=30.0)
