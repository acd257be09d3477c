# mypy: disable-error-code="import-not-found"
"""dramatiq: one process of 8 threads, hiredis, results kept an hour, no middleware but the results'."""

import signal
from typing import Any

from dramatiq import Worker, actor, set_broker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench import handlers, peer

THREADS = 8


class Dramatiq:
    def __init__(self, url: str) -> None:
        self.broker = RedisBroker(url=url, middleware=[])
        self._backend = RedisBackend(url=url)
        self.broker.add_middleware(Results(backend=self._backend, store_results=True, result_ttl=3_600_000))
        set_broker(self.broker)
        self._actors = {
            "noop": actor(handlers.noop, broker=self.broker),
            "sleep": actor(handlers.sleep, broker=self.broker),
        }

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self.broker.close()

    async def enqueue(self, kind: str, number: int) -> Any:
        return self._actors[kind].send(number)

    async def result(self, job: Any) -> Any:
        return job.get_result(backend=self._backend, block=True, timeout=10_000)


def work(order: peer.Work) -> None:
    worker = Worker(Dramatiq(order.url).broker, worker_threads=THREADS)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    worker.start()
    signal.sigwait({signal.SIGTERM})
    worker.stop()


if __name__ == "__main__":
    peer.main(Dramatiq, work)
