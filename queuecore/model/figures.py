"""Numbers about a space and about the server it lies on."""

from __future__ import annotations

from typing import Literal

import msgspec


class Counts(msgspec.Struct, frozen=True):
    """Jobs of a space by state."""

    scheduled: int
    queued: int
    waiting: int
    running: int
    completed: int
    failed: int
    cancelled: int


class ServerMemory(msgspec.Struct, frozen=True):
    """What tells a Redis that has lost jobs from one that has not.

    Attributes:
        server: names one start of one server.
        enqueued: how many jobs it knows to have been enqueued; only grows.
    """

    server: str
    enqueued: int

    def lost_since(self, before: ServerMemory) -> bool:
        """Whether jobs that were known at an earlier look may be gone."""
        return self.server != before.server or self.enqueued < before.enqueued


class ServerRecord(msgspec.Struct, frozen=True):
    """What matters of the Redis server's own state; sizes in bytes, latency of one call in ms."""

    version: str
    persistence: Literal["aof", "rdb", "none"]
    eviction: str
    used_memory: int
    max_memory: int
    latency_ms: float
