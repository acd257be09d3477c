"""What the tests of job processes share: a pool, and a way to run a job in it."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from queuecore import Registry
from queuecore.execution import PoolOptions, ProcessPool
from queuecore.handling import News
from queuecore.model import Claim

JOBS = "tests.execution.jobs"
Run = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load([JOBS])


@pytest.fixture
async def pool() -> AsyncIterator[ProcessPool]:
    """A pool of one process, so that one job comes after the other in it."""
    pool = ProcessPool(
        PoolOptions(
            size=1,
            recycle=100,
            memory_bytes=2 << 30,
            handlers=(JOBS,),
            search_path=tuple(sys.path),
            stop_grace=0.5,
            log_level="INFO",
            log_format="text",
        )
    )
    yield pool
    await pool.close()


@pytest.fixture
def run(pool: ProcessPool, registry: Registry) -> Run:
    """Run a job to its end: `await run("jobs.echo", value=1)`."""
    count = 0

    async def run(kind: str, *, heard: Callable[[News], None] = lambda news: None, **arguments: Any) -> Any:
        nonlocal count
        count += 1
        encoded = msgspec.Raw(registry[kind].encode(**arguments))
        return await pool.run(Claim(f"process.{count}", 1, kind, encoded), started=lambda: None, heard=heard)

    return run
