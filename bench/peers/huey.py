# mypy: disable-error-code="import-not-found"
"""huey: 8 threads, hiredis, results kept, no periodic tasks. It acknowledges nothing: a crash loses jobs."""

import logging
from typing import Any

from huey import RedisHuey

from bench import handlers, peer

THREADS = 8


class Huey:
    def __init__(self, url: str) -> None:
        self.huey = RedisHuey("bench", url=url)
        self._tasks = {
            "noop": self.huey.task(name="noop")(handlers.noop),
            "sleep": self.huey.task(name="sleep")(handlers.sleep),
        }

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def enqueue(self, kind: str, number: int) -> Any:
        return self._tasks[kind](number)

    async def result(self, job: Any) -> Any:
        return job.get(blocking=True, timeout=10, max_delay=0.0005)


def work(order: peer.Work) -> None:
    logging.getLogger("huey").setLevel(logging.ERROR)
    Huey(order.url).huey.create_consumer(workers=THREADS, periodic=False, initial_delay=0.001).run()


if __name__ == "__main__":
    peer.main(Huey, work)
