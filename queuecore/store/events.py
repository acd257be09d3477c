"""Waiting for jobs to change, without asking again and again.

A client that waits leaves its name at the job (`watch.lua`); until the job ends, whichever script
changes it tells exactly those clients, over one subscription a client and space. Who waits for the end
only hears of nothing else, and is told a short result with it. A message that is lost is made up for
by looking again every few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..model import JobNotFound, new_token, split_job_id
from .broker import Broker
from .loops import OwnLoop

LOOK_AGAIN: Final = 5.0  # seconds after which a silent subscription is not trusted


class Events:
    """Waits for changes of jobs.

    Args:
        broker: whose connection and keys are used.
    """

    def __init__(self, broker: Broker) -> None:
        self.closing = False
        self._broker = broker
        self._name = new_token()[:8].replace("-", "a").replace("_", "b")
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._ready: dict[str, asyncio.Future[None]] = {}
        self._followers: dict[str, set[Follower]] = {}
        self._loop = OwnLoop()

    async def close(self) -> None:
        """Stop listening; everyone who waits gets the version they had."""
        self.closing = True
        self._move()
        self._doubt("")
        for listener in self._listeners.values():
            listener.cancel()
        if self._listeners:
            await asyncio.wait(self._listeners.values())

    async def changed(self, job_id: str, *, since: int, timeout: float) -> int:
        """Wait until the job's version is above `since`. See Follower.changed."""
        with self.follow(job_id) as follower:
            return await follower.changed(since=since, timeout=timeout)

    @contextmanager
    def follow(self, job_id: str, *, only_end: bool = False) -> Iterator[Follower]:
        """Hear of each change of the job, or of its end only, with one question to Redis for all."""
        self._move()
        follower = Follower(self, job_id, only_end=only_end)
        followers = self._followers.setdefault(job_id, set())
        followers.add(follower)
        try:
            yield follower
        finally:
            followers.discard(follower)
            if not followers and self._followers.get(job_id) is followers:
                del self._followers[job_id]

    def _move(self) -> None:
        """Begin anew in another event loop: who listened and waited in the last one has ended with it."""
        if self._loop.is_new():
            self._listeners, self._ready, self._followers = {}, {}, {}

    async def watch(self, job_id: str, *, since: int, only_end: bool) -> int:
        """A version of the job above `since`, or `since`, and its followers are told of the next ones.

        Raises:
            JobNotFound: there is no such job.
            BrokerUnavailable: Redis did not answer.
        """
        space, token = split_job_id(job_id)
        await self._listen(space)
        base = self._broker.keys(space).base
        name = f"{self._name}!" if only_end else self._name
        version = int(await self._broker.client.run("watch", base, token, name, since))
        if version == 0:
            raise JobNotFound(job_id)
        return version

    async def _listen(self, space: str) -> None:
        """Listen for this space's messages, from the first time on; wait until the subscription stands."""
        listener = self._listeners.get(space)
        if listener is None or listener.done():
            self._ready[space] = asyncio.get_running_loop().create_future()
            listener = asyncio.create_task(self._stay_subscribed(space, self._ready[space]))
            self._listeners[space] = listener
        ready = self._ready[space]
        if not ready.done():
            await asyncio.wait([ready, listener], return_when=asyncio.FIRST_COMPLETED)
        if listener.done() and not listener.cancelled():
            listener.result()  # raises what ended it

    async def _stay_subscribed(self, space: str, ready: asyncio.Future[None]) -> None:
        def heard(message: bytes) -> None:
            token, version, *result = message.split(b" ", 2)
            for follower in self._followers.get(f"{space}.{token.decode()}", ()):
                follower.tell(int(version), *result)

        channel = self._broker.keys(space).of("CHANGED", self._name)
        async with self._broker.client.subscribe(
            channel, heard=heard, missed=lambda: self._doubt(f"{space}.")
        ):
            ready.set_result(None)
            await asyncio.get_running_loop().create_future()  # never: until this is closed

    def _doubt(self, beginning: str) -> None:
        """Something may have been missed: whoever waits for a job whose id begins so looks again."""
        for job_id, followers in self._followers.items():
            if job_id.startswith(beginning):
                for follower in followers:
                    follower.tell(0)


class Follower:
    """Hears of the changes of one job. Made by Events.follow.

    Attributes:
        result: msgpack, once the job is completed and its result was told.
    """

    __slots__ = ("_events", "_heard", "_job_id", "_latest", "_only_end", "_watched", "result")

    def __init__(self, events: Events, job_id: str, *, only_end: bool) -> None:
        self.result: bytes | None = None
        self._events = events
        self._job_id = job_id
        self._only_end = only_end
        self._latest = 0
        self._watched = False
        self._heard = asyncio.Event()

    async def changed(self, *, since: int, timeout: float) -> int:
        """Wait until the job's version is above `since`; if only its end is wanted, until it ended, too.

        Args:
            since: the version the caller has seen.
            timeout: seconds to wait at most.

        Returns: the job's version, `since` when nothing happened in time.
        Raises:
            JobNotFound: there is no such job, or it went while waiting.
            BrokerUnavailable: Redis did not answer.
        """
        deadline = time.monotonic() + timeout
        while self._latest <= since and not self._events.closing:
            if not self._watched:
                self._watched = True  # before the question: what is missed while it is answered counts
                version = await self._events.watch(self._job_id, since=since, only_end=self._only_end)
                if version > since:
                    self._watched = False
                    return version
            elif (left := deadline - time.monotonic()) > 0:
                await self._hear(min(left, LOOK_AGAIN))
            else:
                break
        return max(self._latest, since)

    def tell(self, version: int, result: bytes | None = None) -> None:
        """Take note of a version of the job; 0: it went, or something was missed."""
        if result is not None:
            self.result = result
        if version == 0:
            self._watched = False
        self._latest = max(self._latest, version)
        self._heard.set()

    async def _hear(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            self._watched = False
        self._heard.clear()
