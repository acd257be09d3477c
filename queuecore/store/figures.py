"""Reads of numbers: how many jobs are in each state, who runs them, how the server does."""

from __future__ import annotations

import time
from typing import Final

import msgspec

from ..model import (
    Blocked,
    BlockedLoop,
    BrokerRefused,
    Counts,
    InvalidOption,
    PausedQueue,
    PauseNote,
    RunnerInfo,
    RunnerRecord,
    ServerMemory,
    ServerRecord,
    decode_blocked,
    split_line_name,
)
from .client import Client
from .connection import Argument
from .keys import TYPES, Keys
from .lines import Lines

_decode_note: Final = msgspec.json.Decoder(PauseNote).decode
_decode_runner: Final = msgspec.json.Decoder(RunnerInfo).decode


class Figures:
    """Reads the numbers of one space and of the server that it lies on."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._lines = Lines(client, keys)

    async def ping(self) -> None:
        """Ask Redis for an answer, and for nothing else. Raises BrokerUnavailable."""
        await self._client.call("PING")

    async def counts(self) -> Counts:
        """How many jobs are in each state. Completed ones that were deleted early are still counted."""
        keys = self._keys
        runners = await self._client.call("HKEYS", keys.of("RUNNERS"))
        commands: list[tuple[Argument, ...]] = [
            ("ZCARD", keys.of("SCHEDULED")),
            ("ZCARD", keys.of("WAITING")),
            ("LLEN", keys.of("COMPLETED")),
            ("ZCARD", keys.of("FAILED")),
            ("ZCARD", keys.of("CANCELLED")),
            *(("SCARD", keys.of("RUNNING", runner.decode())) for runner in runners),
        ]
        scheduled, waiting, completed, failed, cancelled, *running = await self._client.call_together(
            *commands
        )
        return Counts(
            scheduled=scheduled,
            queued=sum((await self._lines.lengths()).values()),
            waiting=waiting,
            running=sum(running),
            completed=completed,
            failed=failed,
            cancelled=cancelled,
        )

    async def waiting(self) -> dict[str, int]:
        """How many jobs stand in each line that has any, by the line's full name."""
        return await self._lines.lengths()

    async def oldest_seconds(self) -> dict[str, float]:
        """For how long the oldest of the jobs that stand first in a line exists, by queue."""
        return await self._lines.oldest_seconds()

    async def queues(self) -> list[str]:
        """The names of all queues that were ever used, sorted."""
        return await self._lines.queues()

    async def paused_queues(self) -> list[PausedQueue]:
        """The queues that are not claimed from, sorted by name."""
        flat = await self._client.call("HGETALL", self._keys.of("PAUSED"))
        lengths = await self._lines.lengths() if flat else {}
        paused = []
        for name, said in zip(flat[::2], flat[1::2], strict=True):
            queue = name.decode(errors="replace")
            since, note = _read_pause(said)
            queued = sum(n for line, n in lengths.items() if split_line_name(line)[0] == queue)
            paused.append(PausedQueue(queue, since, note.by, note.why, queued))
        return sorted(paused, key=lambda each: each.name)

    async def statistics(self) -> dict[str, int]:
        """What has happened in the space since it exists, counted: enqueued, completed, retried, ..."""
        flat = await self._client.call("HGETALL", self._keys.of("STATISTICS"))
        return {name.decode(): int(n) for name, n in zip(flat[::2], flat[1::2], strict=True)}

    async def memory(self) -> ServerMemory:
        """Which server answers and what it has seen; see ServerMemory.lost_since."""
        info = await self._info("server")
        enqueued = await self._client.call("HGET", self._keys.of("STATISTICS"), "enqueued")
        return ServerMemory(info.get("run_id", ""), int(enqueued or 0))

    async def revoked(self, *, since_ms: int = 0) -> dict[str, int]:
        """Names that are worth nothing any more and until when (ms), of those that were revoked last.

        Args:
            since_ms: the latest of an earlier answer, to learn only what came after it.
        """
        reply = await self._client.call(
            "ZRANGEBYSCORE", self._keys.of("REVOKED"), str(since_ms), "+inf", "WITHSCORES"
        )
        return {
            name.decode(errors="replace"): int(float(until))
            for name, until in zip(reply[::2], reply[1::2], strict=True)
        }

    async def damaged(self) -> list[str]:
        """A sentence for each key of the space that holds something else than it should."""
        wanted = {self._keys.of(name): type for name, type in TYPES.items()}
        found = await self._types(wanted)
        if not {"OPEN", "LINES"} & {name for name in TYPES if self._keys.of(name) in found}:
            lines = {self._keys.of("LINE_OF", name): "list" for name in await self._lines.known()}
            wanted |= lines
            found |= await self._types(lines)
        return [f"{key} holds a {found[key]} instead of a {wanted[key]}" for key in sorted(found)]

    async def _types(self, wanted: dict[str, str]) -> dict[str, str]:
        """What is of another type than wanted."""
        types = await self._client.call_together(*(("TYPE", key) for key in wanted))
        pairs = zip(wanted.items(), (bytes(each).decode() for each in types), strict=True)
        return {key: found for (key, type), found in pairs if found not in ("none", type)}

    async def runners(self) -> list[RunnerRecord]:
        """The registered runners; those without heartbeat are about to be given up."""
        keys = self._keys
        flat = await self._client.call("HGETALL", keys.of("RUNNERS"))
        known = [_decode_runner(said) for said in flat[1::2] if said]
        answers = await self._client.call_together(
            *(("GET", keys.of("ALIVE", runner.id)) for runner in known),
            *(("SCARD", keys.of("RUNNING", runner.id)) for runner in known),
        )
        return [
            RunnerRecord(
                id=runner.id,
                worker=runner.worker,
                host=runner.host,
                pid=runner.pid,
                queues=runner.queues,
                slots=runner.slots,
                started_ms=runner.started_ms,
                alive=answers[index] is not None,
                running=answers[len(known) + index],
                blocked=_blocked(answers[index]),
            )
            for index, runner in enumerate(known)
        ]

    async def server(self) -> ServerRecord:
        """Version, persistence, memory and answering time of the server."""
        begun = time.perf_counter()
        await self._client.call("PING")
        latency = (time.perf_counter() - begun) * 1000
        info = await self._info("persistence") | await self._info("memory")
        aof = info.get("aof_enabled") == "1"
        saves = await self._saves(info)
        return ServerRecord(
            version=self._client.version,
            persistence="aof" if aof else "rdb" if saves else "none",
            eviction=info.get("maxmemory_policy", "unknown"),
            used_memory=int(info.get("used_memory", 0)),
            max_memory=int(info.get("maxmemory", 0)),
            latency_ms=latency,
        )

    async def _saves(self, info: dict[str, str]) -> bool:
        """Whether the server writes snapshots from time to time."""
        try:
            return any((await self._client.call("CONFIG", "GET", "save"))[1::2])
        except BrokerRefused:  # hosted servers do not tell; then whether it ever did
            return info.get("rdb_saves", "0") != "0"

    async def _info(self, section: str) -> dict[str, str]:
        text = bytes(await self._client.call("INFO", section)).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _blocked(heartbeat: bytes | None) -> BlockedLoop | None:
    """What a heartbeat says of an event loop that does not turn: since when, a space, and by whom."""
    since, _, by = (heartbeat or b"").partition(b" ")
    if not by or not since.isdigit() or len(since) > 15:
        return None
    try:
        return BlockedLoop(since_ms=int(since), by=decode_blocked.decode(by))
    except msgspec.DecodeError:
        return BlockedLoop(since_ms=int(since), by=Blocked())


def _read_pause(said: bytes) -> tuple[int, PauseNote]:
    """Since when, and the note; what cannot be read pauses all the same, since 0 and without a note."""
    since, _, text = said.partition(b" ")
    try:
        return int(since), _decode_note(text)
    except (ValueError, msgspec.DecodeError, InvalidOption):
        return 0, PauseNote()
