"""One feed serves several queues and all classes of slot, and leaves what is newer to newer workers."""

import asyncio
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from queuecore import Queue, Registry, State
from queuecore.model import RUNS, SCHEMA, Advance, Line, Spec, WorkerOptions, line_name, new_token
from queuecore.store import Entry
from tests.worker.inside import QUEUES, SPACE, Runner
from tests.worker.worker_process import eventually


async def test_one_call_serves_all_classes_of_slot_of_all_queues(
    queue: Queue, registry: Registry, options: WorkerOptions
) -> None:
    jobs = [
        await queue.options(queue=name).enqueue(registry[kind], **arguments)
        for name in QUEUES
        for kind, arguments in (
            ("test.echo", {"value": 1}),
            ("test.thread", {"seconds": 0.0}),
            ("test.process_id", {}),
        )
    ]
    runner = Runner(queue.broker, registry, options)
    await runner.register()
    calls, advance = [], queue.broker.claims.advance

    async def record(*place: Any, **said: Any) -> Advance:
        calls.append((said["asks"], answer := await advance(*place, **said)))
        return answer

    with patch.object(queue.broker.claims, "advance", record):
        task = asyncio.create_task(runner.feed.run())
        await asyncio.gather(*(job.result(timeout=20) for job in jobs))
        task.cancel()
        await asyncio.wait([task])
    await runner.pool.close()

    asks, answer = calls[0]
    assert [(ask.runs, ask.queues) for ask in asks] == [(runs, QUEUES) for runs in RUNS]
    assert {runs: len(claims) for runs, claims in answer.claims.items()} == dict.fromkeys(RUNS, 2)


async def test_a_full_pool_of_processes_holds_up_nobody_else(
    queue: Queue, registry: Registry, runner: Runner
) -> None:
    slow = [await queue.enqueue(registry["test.process_sleep"], seconds=30.0) for _ in range(20)]
    await eventually(lambda: len(runner.feed.running()) == runner.slots["process"], "the pool is full")

    quick = [await queue.enqueue(registry["test.echo"], value=n, twice=False) for n in range(20)]

    assert [await job.result(timeout=5) for job in quick] == [[n] for n in range(20)]
    for job in slow:
        await job.cancel()


async def test_a_job_in_the_line_of_processes_runs_in_one_though_its_handler_became_async(
    queue: Queue, registry: Registry, runner: Runner
) -> None:
    spec = msgspec.msgpack.encode(Spec(SCHEMA, "test.where", msgspec.Raw(b"\x80")))
    token = new_token()
    line = line_name("default", "process", Line.NORMAL)
    await queue.broker.requests.enqueue(SPACE, line, [Entry(token, spec, None)])

    there = await queue.job(f"{SPACE}.{token}").result(timeout=20)

    assert there in runner.pool.pids()


async def test_a_runner_leaves_what_a_later_release_stored_to_newer_workers(
    queue: Queue, registry: Registry, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    later = msgspec.msgpack.encode(
        [
            *msgspec.msgpack.decode(
                msgspec.msgpack.encode(Spec(SCHEMA + 1, "test.echo", msgspec.Raw(b"\x80")))
            ),
            9,
        ]
    )
    await queue.broker.requests.enqueue(SPACE, "default:async:normal", [Entry("l" * 22, later)])
    await eventually(lambda: "runner.outdated" in caplog.text, "the runner says that it is outdated")

    job = await queue.enqueue(registry["test.echo"], value=1, twice=False)
    await runner.feed.quiet()

    records = await queue.inspector.jobs.records([f"{SPACE}." + "l" * 22, job.id])
    assert [record.state for record in records] == [State.QUEUED, State.QUEUED]
    assert (records[0].failures, records[0].crashes) == (0, 0)
    assert not runner.forgotten
