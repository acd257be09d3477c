# mypy: disable-error-code="import-not-found"
"""SAQ: uvloop, hiredis, 400 connections, no time limit, results kept an hour, asked for every ms."""

import asyncio
from typing import Any

import uvloop
from redis.asyncio import Redis
from saq import Worker
from saq.queue.redis import RedisQueue

from bench import handlers, peer


async def noop(context: Any, *, number: int) -> int:
    return await handlers.async_noop(number)


async def sleep(context: Any, *, number: int) -> int:
    return await handlers.async_sleep(number)


def connect(url: str) -> Any:
    return RedisQueue(Redis.from_url(url, max_connections=400), max_concurrent_ops=100)


class Saq:
    def __init__(self, url: str) -> None:
        self._queue = connect(url)

    async def open(self) -> None:
        await self._queue.connect()

    async def close(self) -> None:
        await self._queue.disconnect()

    async def enqueue(self, kind: str, number: int) -> Any:
        return await self._queue.enqueue(kind, number=number, ttl=3600, timeout=0)

    async def result(self, job: Any) -> Any:
        # As its own `Queue.apply` does; waiting for its notice can miss the end of a short job.
        while not job.completed:
            await asyncio.sleep(0.001)
            await job.refresh()
        return job.result


def work(order: peer.Work) -> None:
    worker = Worker(connect(order.url), functions=[noop, sleep], concurrency=order.concurrency)
    uvloop.run(worker.start())


if __name__ == "__main__":
    peer.main(Saq, work, uvloop.run)
