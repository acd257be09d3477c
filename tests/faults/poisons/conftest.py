"""What the tests of faults share: one worker for all poisons of a file."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from launch.private_redis import PrivateRedis
from queuecore import Job, Queue, Registry
from queuecore.model import WorkerOptions
from tests.worker.worker_process import Worker

HANDLERS = ("tests.faults.poisons.handlers",)

StartWorker = Callable[..., Worker]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load(HANDLERS)


@pytest.fixture(scope="module")
def options(redis_server: PrivateRedis) -> WorkerOptions:
    """A worker's options: one runner and one job process, so that everybody is everybody's neighbour."""
    _empty(redis_server.url)
    return WorkerOptions(
        redis_url=redis_server.url,
        handlers=HANDLERS,
        name="faults",
        grace=5.0,
        stop_grace=0.5,
        heartbeat_interval=0.3,
        heartbeat_ttl=1.5,
        slots=50,
        job_memory_bytes=2 * 1024**3,
    )


@pytest.fixture(scope="module")
def worker(options: WorkerOptions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that lives through all poisons."""
    worker = Worker(options, tmp_path_factory.mktemp("faults") / "worker.log")
    yield worker
    worker.stop()
    sys.stdout.write(worker.log()[-20_000:])


@pytest.fixture
async def queue(options: WorkerOptions, registry: Registry) -> AsyncIterator[Queue]:
    async with Queue.connect(options.redis_url, registry=registry, patience=10.0) as queue:
        yield queue


@pytest.fixture
def start_worker(options: WorkerOptions, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers of a test's own, on an empty Redis."""
    _empty(options.redis_url)
    workers: list[Worker] = []

    def start(**changes: object) -> Worker:
        worker = Worker(msgspec.structs.replace(options, **changes), tmp_path / f"worker-{len(workers)}.log")
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.stop()
        sys.stdout.write(worker.log()[-20_000:])


async def starts_of(job: Job[Any]) -> int:
    """How often a job was begun: one that is handed to a runner without a free slot is given back before."""
    return len([each for each in (await job.record()).attempts if each.outcome != "released"])


def _empty(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.flushall()
