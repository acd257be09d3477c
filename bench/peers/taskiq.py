# mypy: disable-error-code="import-not-found"
"""taskiq-redis, streams: uvloop, hiredis, 100 fetched ahead, nothing validated, results kept an hour."""

import asyncio
import contextlib
from typing import Any

import uvloop
from taskiq.api import run_receiver_task
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench import handlers, peer


class Taskiq:
    def __init__(self, url: str) -> None:
        results = RedisAsyncResultBackend(redis_url=url, result_ex_time=3600)
        self.broker = RedisStreamBroker(url=url, consumer_id="0").with_result_backend(results)
        self._tasks = {
            "noop": self.broker.task("noop")(handlers.async_noop),
            "sleep": self.broker.task("sleep")(handlers.async_sleep),
        }

    async def open(self) -> None:
        await self.broker.startup()

    async def close(self) -> None:
        await self.broker.shutdown()

    async def enqueue(self, kind: str, number: int) -> Any:
        return await self._tasks[kind].kiq(number)

    async def result(self, job: Any) -> Any:
        return (await job.wait_result(check_interval=0.001, timeout=10)).return_value


def work(order: peer.Work) -> None:
    async def run() -> None:
        broker = Taskiq(order.url).broker
        broker.is_worker_process = True
        await broker.startup()
        await run_receiver_task(
            broker, validate_params=False, max_async_tasks=order.concurrency, max_prefetch=order.concurrency
        )

    with contextlib.suppress(asyncio.CancelledError):  # its way to end at a signal
        uvloop.run(run())


if __name__ == "__main__":
    peer.main(Taskiq, work, uvloop.run)
