# mypy: disable-error-code="import-not-found"
"""arq: uvloop, hiredis, a look at the queue every 10 ms instead of 500, results kept an hour, not logged."""

import asyncio
import contextlib
from typing import Any

import uvloop
from arq import create_pool, func
from arq.connections import RedisSettings
from arq.worker import Worker

from bench import handlers, peer

POLL_SECONDS = 0.01


async def noop(context: Any, number: int) -> int:
    return await handlers.async_noop(number)


async def sleep(context: Any, number: int) -> int:
    return await handlers.async_sleep(number)


class Arq:
    def __init__(self, url: str) -> None:
        self._settings = RedisSettings.from_dsn(url)

    async def open(self) -> None:
        self._pool = await create_pool(self._settings)

    async def close(self) -> None:
        await self._pool.aclose()

    async def enqueue(self, kind: str, number: int) -> Any:
        return await self._pool.enqueue_job(kind, number)

    async def result(self, job: Any) -> Any:
        return await job.result(timeout=10, poll_delay=0.001)


def work(order: peer.Work) -> None:
    async def run() -> None:
        worker = Worker(
            functions=[func(noop, keep_result=3600), func(sleep, keep_result=3600)],
            redis_settings=RedisSettings.from_dsn(order.url),
            max_jobs=order.concurrency,
            poll_delay=POLL_SECONDS,
            log_results=False,
        )
        await worker.async_run()

    with contextlib.suppress(asyncio.CancelledError):  # its way to end at a signal
        uvloop.run(run())


if __name__ == "__main__":
    peer.main(Arq, work, uvloop.run)
