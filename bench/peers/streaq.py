# mypy: disable-error-code="import-not-found"
"""streaq: uvloop, as many jobs fetched ahead as run, results kept an hour; all else as it comes."""

from collections.abc import Sequence
from typing import Any

import uvloop
from streaq import Worker

from bench import handlers, peer


class Streaq:
    def __init__(self, url: str, concurrency: int = 100) -> None:
        self.worker = Worker(
            redis_url=url, concurrency=concurrency, anyio_kwargs={"use_uvloop": True}, queue_name="bench"
        )
        self._tasks = {
            "noop": self.worker.task(name="noop", ttl=3600)(handlers.async_noop),
            "sleep": self.worker.task(name="sleep", ttl=3600)(handlers.async_sleep),
        }

    async def open(self) -> None:
        await self.worker.__aenter__()

    async def close(self) -> None:
        await self.worker.__aexit__(None, None, None)

    async def enqueue(self, kind: str, number: int) -> Any:
        return await self._tasks[kind].enqueue(number)

    async def enqueue_many(self, kind: str, numbers: Sequence[int]) -> None:
        await self.worker.enqueue_many([self._tasks[kind].enqueue(number) for number in numbers])

    async def result(self, job: Any) -> Any:
        return (await job.result(timeout=10)).result


def work(order: peer.Work) -> None:
    Streaq(order.url, order.concurrency).worker.run_sync()


if __name__ == "__main__":
    peer.main(Streaq, work, uvloop.run)
