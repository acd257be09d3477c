"""queuecore: as its workers run by default, 100 slots a runner; the supervisor's time counts as theirs."""

from collections.abc import Sequence
from typing import Any

import uvloop

from bench import peer, queuecore_handlers
from queuecore import JobRequest, Queue, Registry
from queuecore.model import WorkerOptions
from queuecore.worker import Supervisor


class Queuecore:
    def __init__(self, url: str) -> None:
        self._registry = Registry.load([queuecore_handlers.__name__])
        self._queue = Queue.connect(url, registry=self._registry)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        await self._queue.close()

    async def enqueue(self, kind: str, number: int) -> Any:
        return await self._queue.enqueue(self._registry[f"bench.{kind}"], number=number)

    async def enqueue_many(self, kind: str, numbers: Sequence[int]) -> None:
        requests = [JobRequest(kind=f"bench.{kind}", args={"number": number}) for number in numbers]
        await self._queue.enqueue_many(requests)

    async def result(self, job: Any) -> Any:
        return await job.result(timeout=10)


def work(order: peer.Work) -> None:
    options = WorkerOptions(
        redis_url=order.url,
        handlers=(queuecore_handlers.__name__,),
        processes=order.runners,
        slots=order.concurrency,
        job_recycle=1_000_000,  # warm processes are what is measured
        log_level="WARNING",
    )

    async def run() -> None:
        await Supervisor(options).run()

    uvloop.run(run())


if __name__ == "__main__":
    peer.main(Queuecore, work, uvloop.run)
