"""Reads of the lines that jobs stand in."""

from __future__ import annotations

from ..model import LINES, SLOT_CLASSES, split_line_name
from .client import Client
from .connection import Argument
from .keys import FIELDS, Keys


class Lines:
    """Reads the lines of one space."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def names(self) -> list[str]:
        """The lines that jobs may stand in: by queue and class of slot, the most urgent first."""
        names = [name.decode() for name in await self._client.call("SMEMBERS", self._keys.of("OPEN"))]
        return sorted(names, key=_order)

    async def known(self) -> list[str]:
        """All lines that jobs have been claimed from or may stand in."""
        moved = await self._client.call("HKEYS", self._keys.of("LINES"))
        return sorted({name.decode().removesuffix(".holes") for name in moved} | {*await self.names()})

    async def queues(self) -> list[str]:
        """The names of all queues that jobs have been claimed from or stand in, sorted."""
        return sorted({split_line_name(name)[0] for name in await self.known()})

    async def lengths(self) -> dict[str, int]:
        """How many jobs stand in each line that has any."""
        names = await self.names()
        if not names:
            return {}
        holes, *lengths = await self._client.call_together(
            ("HMGET", self._keys.of("LINES"), *(f"{name}.holes" for name in names)),
            *(("LLEN", self._keys.of("LINE_OF", name)) for name in names),
        )
        counts = {
            name: length - int(hole or 0) for name, length, hole in zip(names, lengths, holes, strict=True)
        }
        return {name: count for name, count in counts.items() if count}

    async def oldest_seconds(self) -> dict[str, float]:
        """For how long the oldest of the jobs that stand first in a line exists, by queue."""
        heads = [(name, token) for name in await self.names() if (token := await self._head(name))]
        if not heads:
            return {}
        (seconds, microseconds), *times = await self._client.call_together(
            ("TIME",),
            *(("HGET", self._keys.of("JOB", token.decode()), FIELDS["CREATED"]) for _, token in heads),
        )
        now = int(seconds) * 1000 + int(microseconds) // 1000
        oldest: dict[str, float] = {}
        for (name, _), created in zip(heads, times, strict=True):
            if created:
                queue = split_line_name(name)[0]
                oldest[queue] = max(oldest.get(queue, 0.0), (now - int(created)) / 1000)
        return oldest

    async def tokens(self, offset: int, limit: int) -> list[bytes]:
        """A page of what stands in all lines, one line after the other; empty where a cancelled job stood."""
        lines = [self._keys.of("LINE_OF", name) for name in await self.names()]
        lengths = await self._client.call_together(*(("LLEN", line) for line in lines))
        wanted: list[tuple[Argument, ...]] = []
        for line, length in zip(lines, lengths, strict=True):
            taken = min(limit, length - offset)
            if taken > 0:
                wanted.append(("LRANGE", line, offset, offset + taken - 1))
                limit -= taken
            offset = max(0, offset - length)
        return [token for tokens in await self._client.call_together(*wanted) for token in tokens]

    async def _head(self, name: str) -> bytes | None:
        """The token that stands first in a line, behind all places that cancelled jobs left."""
        key, first = self._keys.of("LINE_OF", name), 0
        while tokens := await self._client.call("LRANGE", key, first, first + 99):
            for token in tokens:
                if token:
                    return bytes(token)
            first += 100
        return None


def _order(name: str) -> tuple[str, int, int]:
    queue, runs, line = split_line_name(name)
    return queue, SLOT_CLASSES.index(runs), LINES.index(line)
