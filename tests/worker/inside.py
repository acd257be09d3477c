"""The inside of a runner, without its process: for tests that look at what a feed does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from queuecore import Registry
from queuecore.execution import Executor, PoolOptions, ProcessPool, Threads
from queuecore.model import RunnerInfo, SlotClass, WorkerOptions, parse_queues
from queuecore.store import Broker
from queuecore.worker.feed import Feed
from queuecore.worker.trials import Trials

HANDLERS: Final = ("tests.worker.jobs",)
SPACE: Final = "main"
RUNNER: Final = "test.1"
QUEUES: Final = ("default", "extra")


class Runner:
    """The inside of a runner, in the test's own process: the feed of one space."""

    def __init__(self, broker: Broker, registry: Registry, options: WorkerOptions) -> None:
        self.broker = broker
        self.forgotten = 0
        self.pool = ProcessPool(
            PoolOptions(
                size=2,
                recycle=options.job_recycle,
                memory_bytes=options.job_memory_bytes,
                handlers=HANDLERS,
                search_path=(str(Path(__file__).resolve().parents[2]),),
                stop_grace=options.stop_grace,
                log_level="INFO",
                log_format="text",
            )
        )
        executor = Executor(
            registry, processes=self.pool, alone=self.pool, threads=Threads(), stop_grace=options.stop_grace
        )
        trials = Trials(lambda waiting: None)
        self.slots: dict[SlotClass, int] = {"async": 8, "thread": 8, "process": 8, "alone": 8}
        self.feed = Feed(
            broker,
            executor,
            trials,
            space=SPACE,
            subscription=parse_queues(QUEUES),
            runner_id=RUNNER,
            slots=self.slots,
            stop_grace=options.stop_grace,
            begun=lambda: None,
            forgotten=self._be_forgotten,
        )

    async def register(self) -> None:
        info = RunnerInfo(id=RUNNER, worker="test", host="host", pid=1, queues=QUEUES, slots=self.slots)
        await self.broker.claims.register(SPACE, info, ttl=60.0)

    def _be_forgotten(self) -> None:
        self.forgotten += 1


@contextlib.asynccontextmanager
async def at_work(redis_url: str, registry: Registry, options: WorkerOptions) -> AsyncIterator[Runner]:
    """A runner that claims and runs jobs."""
    broker = Broker.connect(redis_url, name="runner", patience=10.0)
    runner = Runner(broker, registry, options)
    await runner.register()
    tasks = [asyncio.create_task(runner.feed.run())]
    # Nobody listens for the word that there is work: it is looked for.
    tasks.append(asyncio.create_task(_keep_looking(runner)))
    yield runner
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await runner.pool.close()
    await broker.close()


async def _keep_looking(runner: Runner) -> None:
    while True:
        runner.feed.look()
        await asyncio.sleep(0.02)
