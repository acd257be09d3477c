"""Writes what running attempts report: all of a space's in one call, at most twice a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic, time_ns

from ..execution import Attempt, StopReason
from ..handling import ProgressMeter
from ..log import event
from ..model import BrokerRefused, Outcome, ProgressUpdate
from ..store import Broker
from .guard import Refusals

logger = logging.getLogger("queuecore.reporter")

INTERVAL_SECONDS = 0.5

_Then = Callable[[Attempt, Outcome], None]


class Reporter:
    """Collects the news of one feed's attempts and writes them.

    Attributes:
        writing: the attempts whose news are being written.

    Args:
        stop: called for attempts that the reply says to stop.
    """

    def __init__(self, broker: Broker, *, space: str, stop: Callable[[str, StopReason], None]) -> None:
        self._broker = broker
        self._space = space
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._refusals = Refusals("progress", space=space)
        self._attempts: dict[Attempt, None] = {}
        self.writing: dict[Attempt, None] = {}
        self._last: list[tuple[Attempt, Outcome, _Then]] = []
        self._under_way: list[tuple[Attempt, Outcome, _Then]] = []
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()

    def add(self, attempt: Attempt) -> None:
        """Write the attempt's news with the next call."""
        self._attempts[attempt] = None
        self._something.set()

    def add_last(self, attempt: Attempt, outcome: Outcome, *, then: _Then) -> None:
        """Write the last news of an attempt at once, and only `then` settle its outcome."""
        self._last.append((attempt, outcome, then))
        self._something.set()
        self._urgent.set()

    def held_back(self) -> list[Outcome]:
        """Return the outcomes that wait for their last news to be written."""
        return [outcome for _, outcome, _ in (*self._under_way, *self._last)]

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._something.wait()
            await self._write()
            # Not a sleep: an attempt that ended does not wait for its last words to be written.
            timer = self._loop.call_later(INTERVAL_SECONDS, self._urgent.set)
            await self._urgent.wait()
            timer.cancel()

    async def _write(self) -> None:
        self._something.clear()
        self._urgent.clear()
        self._under_way, self._last = self._last, []
        attempts, self._attempts = self._attempts, {}
        for attempt, _, _ in self._under_way:
            attempts[attempt] = None
        self.writing = attempts
        now, now_ms = monotonic(), time_ns() // 1_000_000
        updates = [
            update
            for attempt in attempts
            if attempt.context.has_news and (update := _update(attempt, now=now, now_ms=now_ms)) is not None
        ]
        if updates:
            await self._write_updates(updates)
        self.writing = {}
        ended, self._under_way = self._under_way, []
        for attempt, outcome, then in ended:
            then(attempt, outcome)

    async def _write_updates(self, updates: list[ProgressUpdate]) -> None:
        try:
            reply = await self._broker.claims.progress(self._space, updates)
        except BrokerRefused as error:
            self._refusals.note(error)
            if len(updates) > 1:
                # What is wrong with one job's keys is not to keep the others' news from being written.
                for update in updates:
                    await self._write_updates([update])
            return
        for job_id in reply.fenced:
            self._stop(job_id, "fenced")
        for job_id in reply.cancelled:
            self._stop(job_id, "cancelled")


def _update(attempt: Attempt, *, now: float, now_ms: int) -> ProgressUpdate | None:
    try:
        # Also where there is no progress: who has one has said something.
        if attempt.meter is None:
            attempt.meter = ProgressMeter()
        news = attempt.context.take_news()
        progress = None
        if news.progress is not None:
            progress = attempt.meter.measure(news.progress, now=now, now_ms=now_ms)
    except Exception as error:  # whatever one attempt says, the others' news are written
        event(logger, logging.ERROR, "progress.unreadable", exc_info=error, job=attempt.claim.id)
        return None
    return ProgressUpdate(attempt.claim.id, attempt.claim.attempt, progress, news.checkpoint, news.log)
