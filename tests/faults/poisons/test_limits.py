"""What handlers may hold, start and block, and who notices."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from queuecore import Job, JobFailed, Queue, Registry, State
from tests.faults.poisons.conftest import StartWorker
from tests.worker.worker_process import eventually, is_alive

pytestmark = pytest.mark.fault


async def test_a_runner_that_holds_too_much_memory_is_replaced_when_its_jobs_have_ended(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker(runner_memory_bytes=200 * 1_000_000)
    job = await queue.enqueue(registry["limit.grow"], megabytes=300, seconds=2.0)

    await job.result(timeout=20)

    await eventually(lambda: "runner.outgrown" in worker.log(), "it is noticed")
    record = await job.record()
    assert (record.attempt, record.crashes) == (1, 0)
    await eventually(lambda: worker.ready() == 2, "it is replaced")


async def test_what_fills_a_runner_is_tried_alone_where_its_own_memory_is_bounded(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker(runner_memory_bytes=200 * 1_000_000, job_memory_bytes=300 * 1_000_000, grace=0.2)
    job = await queue.enqueue(registry["limit.grow"], megabytes=300, seconds=60.0)

    with pytest.raises(JobFailed, match="needed more memory than it may use"):
        await job.result(timeout=30)

    record = await job.record()
    assert record.crashes == 1
    assert record.attempts[0].error is not None
    assert "held more memory than it may" in record.attempts[0].error.title


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kind", ["limit.start", "limit.start_in_process"])
async def test_what_handlers_start_ends_with_the_runner(
    queue: Queue, registry: Registry, start_worker: StartWorker, kind: str, number: signal.Signals
) -> None:
    worker = start_worker(grace=0.2)
    job = await queue.enqueue(registry[kind])
    children = await _children(queue, job)
    assert all(map(is_alive, children))
    (runner,) = worker.runners() if kind == "limit.start" else worker.keepers()

    if number == signal.SIGTERM:
        worker.signal(number)
        worker.wait()
    else:
        os.kill(runner, number)

    await eventually(lambda: not any(map(is_alive, children)), "the children are gone")


async def _children(queue: Queue, job: Job[Any]) -> list[int]:
    (told, *_) = await eventually(lambda: queue.inspector.jobs.log(job.id), "the children are up")
    return [int(pid) for pid in told.split()]


async def test_a_child_that_goes_on_in_the_event_loop_runs_no_step_of_any_job(
    queue: Queue, registry: Registry, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker()
    notes = tmp_path / "notes"
    jobs = [await queue.enqueue(registry["limit.note"], path=str(notes), seconds=2.0) for _ in range(3)]
    await eventually(lambda: _running(queue, 3), "they run")

    jobs.append(await queue.enqueue(registry["limit.fork"], path=str(notes)))
    for job in jobs:
        await job.result(timeout=20)

    (runner,) = worker.runners()
    lines = notes.read_text().split("\n")[:-1]
    assert len(lines) == 4
    assert all(line.split()[0] == str(runner) for line in lines), lines


async def _running(queue: Queue, count: int) -> bool:
    return (await queue.inspector.figures.counts()).running == count


async def test_nonsense_from_a_runner_ends_the_runner_and_not_its_supervisor(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    job = await queue.enqueue(registry["limit.write"])

    with pytest.raises(JobFailed) as raised:
        await job.result(timeout=30)

    assert raised.value.type == "crashed"
    assert 'runs="async, thread" how="sent what is no message"' in worker.log()
    assert is_alive(worker.pid)
    innocent = await queue.enqueue(registry["innocent.async"], number=7)
    assert (await innocent.result(timeout=20))[0] == 7


async def test_what_a_handler_changes_for_all_of_a_runner_is_put_back_when_nobody_runs(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    before = await (await queue.enqueue(registry["limit.look"])).result(timeout=20)

    await (await queue.enqueue(registry["limit.change"])).result(timeout=20)

    await eventually(lambda: "runner.changed" in worker.log(), "it is noticed")
    assert 'what="environment, directory"' in worker.log()
    assert await (await queue.enqueue(registry["limit.look"])).result(timeout=20) == before


async def test_a_thread_handler_ends_its_children_as_anywhere_else(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker()

    code = await (await queue.enqueue(registry["limit.terminate_child"])).result(timeout=20)

    assert code == -signal.SIGTERM


async def test_a_handler_that_blocks_the_event_loop_is_named_while_it_does(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    job = await queue.enqueue(registry["limit.block"], seconds=8.0)

    await eventually(lambda: "loop.blocked" in worker.log(), "it is noticed", within=10)

    await eventually(lambda: _blockers(queue), "its heartbeat says so", within=10)
    assert await _blockers(queue) in ([], [(job.id, "limit.block", 1)])
    assert (await job.record()).state is State.RUNNING
    (line,) = [line for line in worker.log().splitlines() if "loop.blocked" in line][:1]
    assert f"job={job.id} kind=limit.block attempt=1" in line
    assert "a_function_that_blocks" in line


async def _blockers(queue: Queue) -> list[tuple[str, str, int]]:
    runners = await queue.inspector.figures.runners()
    return [
        (each.blocked.by.job, each.blocked.by.kind, each.blocked.by.attempt)
        for each in runners
        if each.blocked
    ]


async def test_a_loop_that_turns_again_is_not_shown_as_blocked(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker()
    job = await queue.enqueue(registry["limit.block"], seconds=8.0)
    await eventually(lambda: _blockers(queue), "it is shown", within=20)

    await job.result(timeout=30)

    async def nobody() -> bool:
        return not await _blockers(queue)

    await eventually(nobody, "it is shown no more", within=20)


async def test_code_that_seizes_the_interpreter_is_shown_without_it(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    worker = start_worker()
    began = time.monotonic()
    await queue.enqueue(registry["limit.seize"])

    await eventually(lambda: "seize_the_interpreter" in worker.log(), "its stack is shown", within=20)

    assert time.monotonic() - began < 15


async def test_after_all_that_a_runner_works_as_before(
    queue: Queue, registry: Registry, start_worker: StartWorker
) -> None:
    start_worker()
    jobs = await asyncio.gather(
        *(queue.enqueue(registry["innocent.thread"], number=number) for number in range(20))
    )

    assert [(await job.result(timeout=20))[0] for job in jobs] == list(range(20))
