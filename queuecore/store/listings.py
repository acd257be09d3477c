"""Reads of many jobs: an owner's, those in a state, the newest. Each list is an index: no searching."""

from __future__ import annotations

from typing import assert_never

import msgspec

from ..model import TOKEN_LENGTH, JobRecord, State, split_job_id
from .client import Client
from .jobs import Jobs
from .keys import Keys, idempotency_name
from .lines import Lines

PAGE = 500


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of an owner's jobs goes on: behind the job made then with this id."""

    created_ms: int
    id: str


class Listings:
    """Reads the lists of one space."""

    def __init__(self, client: Client, keys: Keys, jobs: Jobs) -> None:
        self._client = client
        self._keys = keys
        self._jobs = jobs
        self._lines = Lines(client, keys)

    async def owned(self, owner: str, *, before: Cursor | None = None, limit: int = 25) -> list[JobRecord]:
        """An owner's jobs, newest first.

        Args:
            before: the last job of the page before, to go on behind it.
            limit: how many at most.
        """
        key = self._keys.of("OWNED", owner)
        newest = before.created_ms if before else "+inf"
        offset = await self._ties(key, before) if before else 0
        found: list[str] = []
        page = limit + 1
        while len(found) < limit:
            reply = await self._client.call(
                "ZREVRANGEBYSCORE", key, newest, "-inf", "WITHSCORES", "LIMIT", offset, page
            )
            for token, score in zip(reply[::2], reply[1::2], strict=True):
                job_id = self._id(token)
                # Jobs of one millisecond have no order but that of their ids, and they can be many.
                if before is None or (int(float(score)), job_id) < (before.created_ms, before.id):
                    found.append(job_id)
            if len(reply) < 2 * page:
                break
            offset, page = offset + page, PAGE
        return await self._jobs.records(found[:limit])

    async def of_key(self, owner: str, idempotency_key: str) -> str | None:
        """The id of the job that an owner's idempotency key belongs to; None if the key is free."""
        holder = await self._client.call(
            "GET", self._keys.of("IDEMPOTENCY", idempotency_name(owner, idempotency_key))
        )
        if holder is None:
            return None
        token = holder.split(b" ", 1)[0]
        exists = await self._client.call("EXISTS", self._keys.of("JOB", token.decode()))
        return self._id(token) if exists else None

    async def in_state(self, state: State, *, offset: int = 0, limit: int = 25) -> list[JobRecord]:
        """The jobs in one state: waiting ones in the order of their lines, ended ones newest first.

        A page of queued jobs can have fewer than `limit`: places that cancelled jobs left count, too.
        """
        last = offset + limit - 1
        match state:
            case State.QUEUED:
                tokens = await self._lines.tokens(offset, limit)
            case State.WAITING:
                tokens = await self._client.call("ZRANGE", self._keys.of("WAITING"), offset, last)
            case State.SCHEDULED:
                tokens = await self._client.call("ZRANGE", self._keys.of("SCHEDULED"), offset, last)
            case State.RUNNING:
                tokens = (await self._running())[offset : last + 1]
            case State.COMPLETED:
                tokens = await self._client.call("LRANGE", self._keys.of("COMPLETED"), -last - 1, -offset - 1)
                tokens.reverse()
            case State.FAILED | State.CANCELLED:
                tokens = await self._client.call("ZREVRANGE", self._keys.of(state.name), offset, last)
            case _:
                assert_never(state)
        records = await self._jobs.records([self._id(token) for token in tokens if token])
        return [record for record in records if record.state is state]

    async def recent(self, *, offset: int = 0, limit: int = 25) -> list[JobRecord]:
        """The jobs in any state, newest first."""
        tokens = await self._client.call("LRANGE", self._keys.of("RECENT"), -offset - limit, -offset - 1)
        return await self._jobs.records([self._id(token) for token in reversed(tokens)])

    # Helpers.

    def _id(self, token: bytes) -> str:
        return f"{self._keys.space}.{token.decode()}"

    async def _ties(self, key: str, cursor: Cursor) -> int:
        """How many jobs of the cursor's millisecond come before it: a batch can be thousands."""
        rank, newer = await self._client.call_together(
            ("ZREVRANK", key, split_job_id(cursor.id)[1]), ("ZCOUNT", key, f"({cursor.created_ms}", "+inf")
        )
        # Without a rank the cursor's job is gone, and all of its millisecond are looked through.
        return 0 if rank is None else max(0, rank - newer)

    async def _running(self) -> list[bytes]:
        runners = await self._client.call("HKEYS", self._keys.of("RUNNERS"))
        sets = await self._client.call_together(
            *(("SMEMBERS", self._keys.of("RUNNING", runner.decode())) for runner in runners)
        )
        return sorted(name[:TOKEN_LENGTH] for names in sets for name in names)
