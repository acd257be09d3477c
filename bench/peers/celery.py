# mypy: disable-error-code="import-not-found"
"""Celery: solo pool, the fastest at no-ops, acknowledged late, 100 fetched ahead, hiredis, no gossip."""

from typing import Any

from celery import Celery as App

from bench import handlers, peer


def make_app(url: str) -> Any:
    app = App("bench", broker=url, backend=url)
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=100,
        worker_hijack_root_logger=False,
        result_expires=3600,
        broker_connection_retry_on_startup=True,
    )
    app.task(name="noop")(handlers.noop)
    app.task(name="sleep")(handlers.sleep)
    return app


class Celery:
    def __init__(self, url: str) -> None:
        self._app = make_app(url)
        self._tasks = {kind: self._app.tasks[kind] for kind in ("noop", "sleep")}

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self._app.close()

    async def enqueue(self, kind: str, number: int) -> Any:
        return self._tasks[kind].delay(number)

    async def result(self, job: Any) -> Any:
        return job.get(timeout=10, interval=0.001)


def work(order: peer.Work) -> None:
    make_app(order.url).worker_main(
        [
            "worker",
            "--pool=solo",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "-l",
            "ERROR",
        ]
    )


if __name__ == "__main__":
    peer.main(Celery, work)
