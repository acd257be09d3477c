"""What the tests of workers share: real workers, and a queue that knows the handlers in jobs.py."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from queuecore import Queue, Registry
from queuecore.model import WorkerOptions
from tests.worker.inside import HANDLERS, Runner, at_work
from tests.worker.worker_process import Worker


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load(HANDLERS)


@pytest.fixture
async def queue(redis_url: str, registry: Registry) -> AsyncIterator[Queue]:
    """A queue that knows the handlers in jobs.py."""
    async with Queue.connect(redis_url, registry=registry, patience=10.0) as queue:
        yield queue


@pytest.fixture
def options(redis_url: str) -> WorkerOptions:
    """A worker's options for a test: short times, this project's path."""
    return WorkerOptions(
        redis_url=redis_url,
        handlers=HANDLERS,
        name="test",
        grace=5.0,
        stop_grace=0.5,
        heartbeat_interval=0.3,
        heartbeat_ttl=1.5,
        job_memory_bytes=1024**3,
    )


@pytest.fixture
def start_worker(options: WorkerOptions, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers; `start_worker(grace=1.0)` with other options than those of the test's others."""
    workers: list[Worker] = []

    def start(**changes: Any) -> Worker:
        worker = Worker(msgspec.structs.replace(options, **changes), tmp_path / f"worker-{len(workers)}.log")
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.stop()
        sys.stdout.write(worker.log())


@pytest.fixture
async def runner(redis_url: str, registry: Registry, options: WorkerOptions) -> AsyncIterator[Runner]:
    async with at_work(redis_url, registry, options) as runner:
        yield runner
