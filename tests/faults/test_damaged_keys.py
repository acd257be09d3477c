"""A key that holds something else is the trouble of one queue: it is told, and everybody else works on."""

from collections.abc import Callable

import pytest
import redis

from queuecore import Queue, Registry
from queuecore.store.keys import NAMES
from tests.worker.worker_process import Worker, eventually

StartWorker = Callable[..., Worker]
LINE = "line:extra:async:normal"


@pytest.fixture
def database(redis_url: str) -> "redis.Redis":
    return redis.Redis.from_url(redis_url)


async def test_a_damaged_line_holds_up_no_other_queue(
    queue: Queue, registry: Registry, start_worker: StartWorker, database: "redis.Redis"
) -> None:
    database.set(f"qc:{{main}}:{LINE}", "garbage")
    database.sadd("qc:{main}:open", LINE.partition(":")[2])
    worker = start_worker(queues=("extra", "default"))

    jobs = [await queue.enqueue(registry["test.echo"], value=n) for n in range(20)]
    assert [await job.result(timeout=15) for job in jobs] == [[n] for n in range(20)]

    assert "redis.refused" in worker.log()
    assert "WRONGTYPE" in worker.log()
    assert worker.log().count("redis.refused") < 5
    assert "runner.ended" not in worker.log()
    assert "Traceback" not in worker.log()

    database.delete(f"qc:{{main}}:{LINE}")
    repaired = await queue.options(queue="extra").enqueue(registry["test.echo"], value=7)
    assert await repaired.result(timeout=40) == [7]


@pytest.mark.parametrize(
    "name", ["SCHEDULED", "COMPLETED", "FAILED", "CANCELLED", "CANCELLING", "WATCHED", "RECOVERY"]
)
async def test_a_damaged_list_of_the_space_ends_no_worker(
    queue: Queue, registry: Registry, start_worker: StartWorker, database: "redis.Redis", name: str
) -> None:
    worker = start_worker()
    first = await queue.enqueue(registry["test.echo"], value=1)
    assert await first.result(timeout=15) == [1]
    key = queue.broker.keys("main").of(name)
    if kept := database.exists(key):
        database.rename(key, "aside")
    database.set(key, "garbage")
    jobs = [await queue.enqueue(registry["test.echo"], value=n) for n in range(3)]
    await eventually(
        lambda: "redis.refused" in worker.log() or name in ("FAILED", "CANCELLED"), "it is told", within=20
    )
    assert worker.process.poll() is None
    assert "runner.ended" not in worker.log()

    if kept:
        # In one step: between two of them the worker writes a list of its own.
        database.rename("aside", key)
    else:
        database.delete(key)

    for number, job in enumerate(jobs):
        await eventually(lambda job=job: _ended(job), f"job {number} ends", within=40)
    assert "runner.ended" not in worker.log()
    assert "Traceback" not in worker.log()
    assert NAMES[name]


async def test_a_damaged_history_spoils_its_own_job_only(
    queue: Queue, registry: Registry, start_worker: StartWorker, database: "redis.Redis"
) -> None:
    job = await queue.options(delay=0.5).enqueue(registry["test.raise"], how="error")
    database.set(queue.broker.keys("main").of("HISTORY", job.id.partition(".")[2]), "garbage")
    worker = start_worker()

    await eventually(lambda: "redis.refused" in worker.log(), "it is told", within=20)
    others = [await queue.enqueue(registry["test.echo"], value=n) for n in range(20)]

    assert [await other.result(timeout=15) for other in others] == [[n] for n in range(20)]
    assert "runner.ended" not in worker.log()


async def _ended(job: object) -> bool:
    return (await job.record()).state.final  # type: ignore[attr-defined]
