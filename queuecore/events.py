"""Waiting for jobs to change, without asking again and again.

A client that waits leaves its name at the job (`watch.lua`); whichever script changes the job next
tells exactly those clients, over one subscription a client and queue. A message that is lost is made
up for by looking again every few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .broker import Broker
from .errors import JobNotFound
from .keys import new_token, split_job_id

LOOK_AGAIN: Final = 5.0  # seconds after which a silent subscription is not trusted


class Events:
    """Waits for changes of jobs.

    Args:
        broker: whose connection and keys are used.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._name = new_token()[:8].replace("-", "a").replace("_", "b")
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._ready: dict[str, asyncio.Future[None]] = {}
        self._waiting: dict[str, set[asyncio.Future[int]]] = {}
        self._closing = False

    async def close(self) -> None:
        """Stop listening; everyone who waits gets the version they had."""
        self._closing = True
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.cancel()
        for listener in self._listeners.values():
            listener.cancel()
        if self._listeners:
            await asyncio.wait(self._listeners.values())

    async def changed(self, job_id: str, *, since: int, timeout: float) -> int:
        """Wait until the job's version is above `since`.

        Args:
            since: the version the caller has seen.
            timeout: seconds to wait at most.

        Returns: the job's version, `since` when nothing happened in time.
        Raises:
            JobNotFound: there is no such job, or it went while waiting.
            BrokerUnavailable: Redis did not answer.
        """
        queue, token = split_job_id(job_id)
        deadline = time.monotonic() + timeout
        while not self._closing:
            await self._listen(queue)
            # A fresh one each time, there before Redis is asked: what it hears may be older than `since`.
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            with self._hearing(job_id, future):
                version = int(
                    await self._broker.client.run(
                        "watch", self._broker.keys(queue).base, token, self._name, since
                    )
                )
                if version == 0:
                    raise JobNotFound(job_id)
                left = deadline - time.monotonic()
                if version > since or left <= 0:
                    return version
                await asyncio.wait([future], timeout=min(left, LOOK_AGAIN))
                if future.done() and not future.cancelled() and future.result() > since:
                    return future.result()
        return since

    @contextmanager
    def _hearing(self, job_id: str, future: asyncio.Future[int]) -> Iterator[None]:
        """What is heard of a job goes into the future."""
        futures = self._waiting.setdefault(job_id, set())
        futures.add(future)
        try:
            yield
        finally:
            futures.discard(future)
            if not futures:
                self._waiting.pop(job_id, None)

    async def _listen(self, queue: str) -> None:
        """Listen for this queue's messages, from the first time on; wait until the subscription stands."""
        listener = self._listeners.get(queue)
        if listener is None or listener.done():
            self._ready[queue] = asyncio.get_running_loop().create_future()
            listener = asyncio.create_task(self._hear(queue, self._ready[queue]))
            self._listeners[queue] = listener
        ready = self._ready[queue]
        if not ready.done():
            await asyncio.wait([ready, listener], return_when=asyncio.FIRST_COMPLETED)
        if listener.done() and not listener.cancelled():
            listener.result()  # raises what ended it

    async def _hear(self, queue: str, ready: asyncio.Future[None]) -> None:
        async with self._broker.client.subscribe(
            self._broker.keys(queue).of("CHANGED", self._name)
        ) as messages:
            ready.set_result(None)
            while True:
                message = await messages.get()
                if message is None:
                    # Something may have been missed: whoever waits looks again.
                    self._tell([job_id for job_id in self._waiting if job_id.startswith(f"{queue}.")], 0)
                else:
                    token, version = message[1].decode().split(" ")
                    self._tell([f"{queue}.{token}"], int(version))

    def _tell(self, job_ids: list[str], version: int) -> None:
        for job_id in job_ids:
            for future in self._waiting.get(job_id, ()):
                if not future.done():
                    future.set_result(version)
