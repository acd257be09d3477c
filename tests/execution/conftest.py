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
def options() -> PoolOptions:
    """A pool of one process, so that one job comes after the other in it."""
    return PoolOptions(
        size=1,
        recycle=100,
        memory_bytes=2 << 30,
        handlers=(JOBS,),
        search_path=tuple(sys.path),
        stop_grace=0.5,
        log_level="INFO",
        log_format="text",
    )


@pytest.fixture
async def pool(options: PoolOptions) -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(options)
    yield pool
    await pool.close()


@pytest.fixture
def run(pool: ProcessPool, registry: Registry) -> Run:
    """Run a job to its end: `await run("jobs.echo", value=1)`."""
    return runs_in(pool, registry)


def runs_in(pool: ProcessPool, registry: Registry) -> Run:
    """What runs a job in a pool."""
    count = 0

    async def run(
        kind: str,
        *,
        heard: Callable[[News], None] = lambda news: None,
        patience: float | None = None,
        **arguments: Any,
    ) -> Any:
        nonlocal count
        count += 1
        claim = Claim(f"process.{count}", 1, kind, msgspec.Raw(registry[kind].encode(**arguments)))
        return await pool.run(claim, started=lambda: None, heard=heard, patience=patience)

    return run
