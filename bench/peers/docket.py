# mypy: disable-error-code="import-not-found"
"""docket (pydocket): uvloop, hiredis, 400 connections, full workers look for free slots every 5 ms."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import uvloop
from docket import Docket as Queue
from docket import Worker

from bench import handlers, peer

KINDS = {"noop": handlers.async_noop, "sleep": handlers.async_sleep}


def connect(url: str) -> Any:
    queue = Queue(name="bench", url=f"{url}?max_connections=400")
    for kind, function in KINDS.items():
        queue.register(function, names=[kind])
    return queue


class Docket:
    def __init__(self, url: str) -> None:
        self._queue = connect(url)

    async def open(self) -> None:
        await self._queue.__aenter__()

    async def close(self) -> None:
        await self._queue.__aexit__(None, None, None)

    async def enqueue(self, kind: str, number: int) -> Any:
        return await self._queue.add(kind)(number)

    async def enqueue_many(self, kind: str, numbers: Sequence[int]) -> None:
        await self._queue.add_many(self._queue.call(kind)(number) for number in numbers)

    async def result(self, job: Any) -> Any:
        return await job.get_result(timeout=timedelta(seconds=10))


def work(order: peer.Work) -> None:
    async def run() -> None:
        async with (
            connect(order.url) as queue,
            Worker(
                queue, concurrency=order.concurrency, minimum_check_interval=timedelta(milliseconds=5)
            ) as worker,
        ):
            await worker.run_forever()

    uvloop.run(run())


if __name__ == "__main__":
    peer.main(Docket, work, uvloop.run)
