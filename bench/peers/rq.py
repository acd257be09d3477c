# mypy: disable-error-code="import-not-found"
"""RQ: SimpleWorker, which does not fork for each job, hiredis, results kept an hour."""

import logging
from collections.abc import Sequence
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker

from bench import handlers, peer

KINDS = {"noop": handlers.noop, "sleep": handlers.sleep}


class Rq:
    def __init__(self, url: str) -> None:
        self._queue = Queue("bench", connection=Redis.from_url(url))

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self._queue.connection.close()

    async def enqueue(self, kind: str, number: int) -> Any:
        return self._queue.enqueue(KINDS[kind], number, result_ttl=3600)

    async def enqueue_many(self, kind: str, numbers: Sequence[int]) -> None:
        self._queue.enqueue_many(
            [Queue.prepare_data(KINDS[kind], (number,), result_ttl=3600) for number in numbers]
        )

    async def result(self, job: Any) -> Any:
        return job.latest_result(timeout=10).return_value


def work(order: peer.Work) -> None:
    connection = Redis.from_url(order.url)
    SimpleWorker([Queue("bench", connection=connection)], connection=connection).work(
        logging_level=logging.getLevelName(logging.ERROR)
    )


if __name__ == "__main__":
    peer.main(Rq, work)
