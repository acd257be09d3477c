"""Sessions that were ended before their cookie: kept in Redis until it ends, followed by every process.

Whether a cookie is one of them is looked up in memory: a request asks Redis nothing for it.
"""

import asyncio
import hashlib
import time

from queuecore import BrokerUnavailable, Queue, QueueError

EVERY = 1.0  # seconds between two questions what others have ended
OVERLAP_MS = 60_000  # asked for again each time, should Redis' clock go back: a replica took over
SPARE = 3600.0  # seconds that an entry is kept longer, should the clocks of Redis and this machine differ


class SignedOut:
    """The sessions that were ended.

    Args:
        queue: whose Redis keeps them.
        lifetime: of a session, in seconds.
    """

    def __init__(self, queue: Queue, *, lifetime: float) -> None:
        self._queue = queue
        self._lifetime = lifetime
        self._until: dict[str, float] = {}  # UNIX seconds, by session
        self._unwritten: dict[str, None] = {}
        self._seen_ms = 0

    def __contains__(self, cookie: str) -> bool:
        # Nearly always nobody has signed out of late.
        return bool(self._until) and session_of(cookie) in self._until

    async def add(self, cookie: str) -> None:
        """End the session of a cookie: here at once, elsewhere within `EVERY` once Redis is there."""
        session = session_of(cookie)
        self._until[session] = time.time() + self._lifetime + SPARE
        self._unwritten[session] = None
        try:
            await self._write()
        except QueueError:
            return  # `follow` tries again; without Redis no other process has anything to show to a copy

    async def follow(self) -> None:
        """Learn of what others end, and write what could not be; until cancelled."""
        while True:
            try:
                await self._write()
                await self._read()
            except BrokerUnavailable as error:
                await asyncio.sleep(error.retry_after)
            except QueueError:
                await asyncio.sleep(EVERY)
            await asyncio.sleep(EVERY)

    async def _write(self) -> None:
        for session in list(self._unwritten):
            await self._queue.broker.requests.revoke(self._queue.space, session, self._lifetime)
            self._unwritten.pop(session, None)

    async def _read(self) -> None:
        found = await self._queue.inspector.figures.revoked(since_ms=self._seen_ms - OVERLAP_MS)
        now, is_news = time.time(), not found.keys() <= self._until.keys()
        for session, until_ms in found.items():
            self._until[session] = until_ms / 1000 + SPARE
            self._seen_ms = max(self._seen_ms, until_ms)
        if is_news:
            self._until = {session: until for session, until in self._until.items() if until > now}


def session_of(cookie: str) -> str:
    """Name the session of a cookie; the cookie cannot be made from the name."""
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]
