"""Jobs that many coroutines enqueue in one turn of the event loop leave in one call.

There is nothing to switch on, and a job that is enqueued alone leaves at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from ..model import Submitted
from ..store import Answer, Broker, Entry, OwnLoop

LARGEST_BATCH: Final = 500  # jobs in one call: about 2 ms of Redis, so that nobody waits long behind it


class Coalescing:
    """Sends entries to their lines, those of one turn and line together."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._loop = OwnLoop()

    async def send(self, space: str, line: str, entry: Entry) -> Submitted:
        """Send an entry together with all others of this turn of the loop.

        Raises:
            IdempotencyConflict: its key belongs to a job made from other content.
            BoundReached: there is too much under a name that it counts under.
            NotUnique: another job holds its unique key.
        """
        if self._loop.is_new():
            self._batches = {}  # of an event loop that has ended, and with it all who waited
        place = (space, line)
        batch = self._batches.get(place)
        if batch is not None and len(batch.entries) < LARGEST_BATCH:
            return accepted(await batch.add(entry))
        batch = self._batches[place] = _Batch()
        answer = batch.add(entry)
        try:
            await asyncio.sleep(0)  # one turn, in which others can join
        except asyncio.CancelledError:
            self._close(place, batch)
            raise
        self._close(place, batch)
        if len(batch.entries) > 1:
            return accepted(await answer)
        return accepted((await self._broker.requests.enqueue(space, line, batch.entries))[0])

    def _close(self, place: tuple[str, str], batch: _Batch) -> None:
        """Let nobody join any more, and all leave where somebody has."""
        if self._batches.get(place) is batch:
            del self._batches[place]
        if len(batch.entries) > 1:
            batch.leave(self._broker, *place)

    async def send_many(self, space: str, line: str, entries: Sequence[Entry]) -> list[Answer]:
        """Send entries in order, in few calls."""
        calls = [
            self._broker.requests.enqueue(space, line, entries[first : first + LARGEST_BATCH])
            for first in range(0, len(entries), LARGEST_BATCH)
        ]
        return [answer for answers in await _in_order(calls) for answer in answers]


class _Batch:
    """The entries of one turn of the loop, to go in one call."""

    __slots__ = ("_task", "_waiting", "entries")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._waiting: list[asyncio.Future[Answer]] = []

    def add(self, entry: Entry) -> asyncio.Future[Answer]:
        """Join; the future of one's own, so that a cancelled caller takes nobody with it."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.entries.append(entry)
        self._waiting.append(future)
        return future

    def leave(self, broker: Broker, space: str, line: str) -> None:
        """Send them all, in a task that nobody's cancellation ends."""
        self._task = asyncio.create_task(self._send(broker, space, line))

    async def _send(self, broker: Broker, space: str, line: str) -> None:
        try:
            answers = await broker.requests.enqueue(space, line, self.entries)
        except BaseException as error:
            for future in self._waiting:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a caller who went away is no news for the log
            if not isinstance(error, Exception):
                raise
            return
        for future, answer in zip(self._waiting, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def accepted(answer: Answer) -> Submitted:
    """The answer; raised where it says why there is no job."""
    if not isinstance(answer, Submitted):
        raise answer
    return answer


async def _in_order(
    calls: Sequence[Coroutine[Any, Any, list[Answer]]],
) -> list[list[Answer]]:
    """Several calls under way at once; they leave on one connection, so Redis carries them out in order."""
    replies = await asyncio.gather(*calls, return_exceptions=True)
    answers = []
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
        answers.append(reply)
    return answers
