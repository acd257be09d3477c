"""All reads: what a job, a queue, a runner or the server looks like. Nothing here changes anything.

Every list is read from an index that was written when the state changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from ..model import (
    LINES,
    TOKEN_LENGTH,
    AttemptOutcome,
    AttemptRecord,
    Counts,
    ErrorRecord,
    JobNotFound,
    JobRecord,
    Line,
    Progress,
    Retention,
    RunnerInfo,
    RunnerRecord,
    ServerMemory,
    ServerRecord,
    State,
    read_spec,
    split_job_id,
)
from .broker import Broker
from .connection import Argument, CommandRefused
from .keys import FIELDS, queues_key, unique_name

Fields = dict[bytes, bytes]  # a job's hash; fields of a later version are passed over
_F: Final = {name: letter.encode() for name, letter in FIELDS.items()}
_STATES: Final = {state.encode(): state for state in State}
_LINES: Final = {line.encode(): line for line in Line}
_decode = msgspec.msgpack.Decoder().decode
_decode_progress = msgspec.msgpack.Decoder(Progress).decode
_decode_error = msgspec.json.Decoder(ErrorRecord).decode
_decode_attempt = msgspec.json.Decoder(AttemptRecord).decode
_decode_runner = msgspec.json.Decoder(RunnerInfo).decode


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of an owner's jobs goes on: behind the job made then with this id."""

    created_ms: int
    id: str


class StoredJob(msgspec.Struct, frozen=True):
    """A job as Redis holds it, not yet decoded: equal ones are decoded to the same.

    Attributes:
        fields: its hash, by the letters of `keys.FIELDS`.
        history: its ended attempts that were not successful.
    """

    id: str
    queue: str
    fields: Fields
    history: list[bytes]


class Inspector:
    """The reading side of the queues behind one Redis.

    Args:
        broker: whose connection and keys are used.
        retention: how long ended jobs are kept, to say when one will go; may be changed at any time.
        queues: names of queues that are looked at even when Redis does not list them (any more).
    """

    def __init__(
        self, broker: Broker, *, retention: Retention | None = None, queues: Iterable[str] = ()
    ) -> None:
        self._known_queues = frozenset(queues)
        self._client = broker.client
        self._prefix = broker.prefix
        self._keys = broker.keys
        self.retention = retention or Retention()

    async def job(self, job_id: str) -> JobRecord:
        """A job as it stands now. Raises JobNotFound."""
        return self.read(await self.stored(job_id))

    async def stored(self, job_id: str) -> StoredJob:
        """A job as Redis holds it now, for `read`. Raises JobNotFound."""
        queue, token = split_job_id(job_id)
        keys = self._keys(queue)
        fields = _fields(await self._client.call("HGETALL", keys.of("JOB", token)))
        if _F["SPEC"] not in fields:
            raise JobNotFound(job_id)
        history: list[bytes] = []
        if _may_have_history(fields):
            history = await self._client.call("LRANGE", keys.of("HISTORY", token), 0, -1)
        return StoredJob(job_id, queue, fields, history)

    def read(self, stored: StoredJob) -> JobRecord:
        """Decode a job."""
        fields = stored.fields
        get = fields.get
        spec = read_spec(fields[_F["SPEC"]])
        name, number = fields[_F["STATE"]].split()
        state, attempt = _STATES[name], int(number)
        runner, started = _claimed(fields)
        finished = _number(fields, _F["FINISHED"])
        result, error = get(_F["RESULT"]), get(_F["ERROR"])
        attempts = [_decode_attempt(text) for text in stored.history]
        if state in (State.RUNNING, State.COMPLETED):
            outcome: AttemptOutcome = "completed" if state is State.COMPLETED else "running"
            attempts.append(AttemptRecord(attempt, runner, started or 0, finished, outcome))
        return JobRecord(
            id=stored.id,
            queue=stored.queue,
            kind=spec.kind,
            line=_LINES[get(_F["LINE"], b"normal")],
            state=state,
            args=_decode(spec.args),
            owner=get(_F["OWNER"], b"").decode(),
            attempt=attempt,
            failures=int(get(_F["FAILURES"], 0)),
            crashes=int(get(_F["CRASHES"], 0)),
            retries=spec.retries,
            timeout=spec.timeout,
            version=_version(state, attempt, int(get(_F["CHANGES"], 0))),
            seq=int(get(_F["SEQ"], 0)),
            created_ms=int(get(_F["CREATED"], 0)),
            due_ms=_number(fields, _F["DUE"]) if state is State.SCHEDULED else None,
            started_ms=started,
            finished_ms=finished,
            runner=runner,
            cancel_requested=state is State.RUNNING and _F["CANCEL"] in fields,
            progress=_progress(fields),
            result=None if result is None else _decode(result),
            error=None if error is None else _decode_error(error),
            attempts=tuple(attempts),
            expires_ms=finished + round(self._kept(state) * 1000) if finished else None,
        )

    async def version(self, job_id: str) -> int:
        """The version of a job, the cheapest question there is. Raises JobNotFound."""
        queue, token = split_job_id(job_id)
        key = self._keys(queue).of("JOB", token)
        where, changes = await self._client.call("HMGET", key, FIELDS["STATE"], FIELDS["CHANGES"])
        if where is None:
            raise JobNotFound(job_id)
        state, attempt = where.split()
        return _version(_STATES[state], int(attempt), int(changes or 0))

    async def job_of_key(self, owner: str, idempotency_key: str) -> str | None:
        """The id of the job, in whichever queue, that an idempotency key belongs to; None if it is free."""
        queues = await self.queues()
        name = unique_name(owner, idempotency_key)
        holders = await self._client.call_together(
            *(("GET", self._keys(queue).of("UNIQUE", name)) for queue in queues)
        )
        found = [
            (queue, holder.split(b" ", 1)[0].decode())
            for queue, holder in zip(queues, holders, strict=True)
            if holder is not None
        ]
        there = await self._client.call_together(
            *(("EXISTS", self._keys(queue).of("JOB", token)) for queue, token in found)
        )
        ids = [f"{queue}.{token}" for (queue, token), exists in zip(found, there, strict=True) if exists]
        return ids[0] if ids else None

    async def log(self, job_id: str) -> list[str]:
        """The lines the job's handler logged, oldest first; the latest few hundred are kept."""
        queue, token = split_job_id(job_id)
        lines = await self._client.call("LRANGE", self._keys(queue).of("LOG", token), 0, -1)
        return [line.decode("utf-8", "replace") for line in lines]

    async def position(self, job: JobRecord) -> int | None:
        """The job's place in its line, 1 for the next; None unless it is queued.

        Jobs of more urgent lines go first and are not counted; neither are places that
        cancelled jobs left, so the true place may be a little nearer.
        """
        if job.state is not State.QUEUED:
            return None
        keys = self._keys(job.queue)
        (start, holes), length = await self._client.call_together(
            ("HMGET", keys.of("LINES"), job.line, f"{job.line}.holes"),
            ("LLEN", keys.of("LINE_OF", job.line)),
        )
        return max(1, min(job.seq - int(start or 0) + 1, int(length) - int(holes or 0)))

    async def owned(self, owner: str, *, before: Cursor | None = None, limit: int = 25) -> list[JobRecord]:
        """An owner's jobs over all queues, newest first.

        Args:
            before: the last job of the page before, to go on behind it.
            limit: how many at most.
        """
        found: dict[str, list[tuple[int, str]]] = {queue: [] for queue in await self.queues()}
        offsets = dict.fromkeys(found, 0)
        if before:
            offsets |= await self._ties(owner, before)
        unfinished, page = list(found), limit + 1
        while unfinished:
            replies = await self._client.call_together(
                *(self._page_of_owned(queue, owner, before, offsets[queue], page) for queue in unfinished)
            )
            for queue, reply in zip(unfinished, replies, strict=True):
                places = zip(reply[1::2], reply[::2], strict=True)
                found[queue] += [(int(float(score)), f"{queue}.{token.decode()}") for score, token in places]
                if before:
                    # Jobs of one millisecond have no order but that of their ids, and they can be many.
                    found[queue] = [place for place in found[queue] if place < (before.created_ms, before.id)]
            unfinished = [
                queue
                for queue, reply in zip(unfinished, replies, strict=True)
                if len(reply) == 2 * page and len(found[queue]) < limit
            ]
            for queue in unfinished:
                offsets[queue] += page
            page = 500
        newest = sorted((place for places in found.values() for place in places), reverse=True)
        return await self.jobs([job_id for _, job_id in newest[:limit]])

    async def _ties(self, owner: str, cursor: Cursor) -> dict[str, int]:
        """How many jobs of the cursor's queue and millisecond come before it: a batch can be thousands."""
        queue, token = split_job_id(cursor.id)
        key = self._keys(queue).of("OWNED", owner)
        rank, newer = await self._client.call_together(
            ("ZREVRANK", key, token), ("ZCOUNT", key, f"({cursor.created_ms}", "+inf")
        )
        # Without a rank the cursor's job is gone, and all of its millisecond are looked through.
        return {queue: 0 if rank is None else max(0, rank - newer)}

    def _page_of_owned(
        self, queue: str, owner: str, before: Cursor | None, offset: int, limit: int
    ) -> tuple[Argument, ...]:
        newest = before.created_ms if before else "+inf"
        key = self._keys(queue).of("OWNED", owner)
        return ("ZREVRANGEBYSCORE", key, newest, "-inf", "WITHSCORES", "LIMIT", offset, limit)

    async def jobs(self, job_ids: list[str]) -> list[JobRecord]:
        """Several jobs in one round trip, two where any has a history; ids without a job are left out."""
        places = [split_job_id(job_id) for job_id in job_ids]
        replies = await self._client.call_together(
            *(("HGETALL", self._keys(queue).of("JOB", token)) for queue, token in places)
        )
        found = [
            (job_id, queue, token, fields)
            for job_id, (queue, token), flat in zip(job_ids, places, replies, strict=True)
            if _F["SPEC"] in (fields := _fields(flat))
        ]
        asked = [
            ("LRANGE", self._keys(queue).of("HISTORY", token), 0, -1)
            for _, queue, token, fields in found
            if _may_have_history(fields)
        ]
        histories = iter(await self._client.call_together(*asked))
        return [
            self.read(StoredJob(job_id, queue, fields, next(histories) if _may_have_history(fields) else []))
            for job_id, queue, _, fields in found
        ]

    async def in_state(
        self, queue: str, state: State, *, offset: int = 0, limit: int = 25
    ) -> list[JobRecord]:
        """A queue's jobs in one state: waiting ones in the order they will start, ended ones newest first.

        A page of queued jobs can have fewer than `limit`: places that cancelled jobs left count, too.
        """
        keys = self._keys(queue)
        last = offset + limit - 1
        match state:
            case State.QUEUED:
                tokens = await self._in_line(queue, offset, limit)
            case State.SCHEDULED:
                tokens = await self._client.call("ZRANGE", keys.of("SCHEDULED"), offset, last)
            case State.RUNNING:
                tokens = (await self._running(queue))[offset : last + 1]
            case State.COMPLETED:
                tokens = await self._client.call("LRANGE", keys.of("COMPLETED"), -last - 1, -offset - 1)
                tokens.reverse()
            case State.FAILED | State.CANCELLED:
                tokens = await self._client.call("ZREVRANGE", keys.of(state.name), offset, last)
        records = await self.jobs([f"{queue}.{token.decode()}" for token in tokens if token])
        return [record for record in records if record.state is state]

    async def recent(self, queue: str, *, offset: int = 0, limit: int = 25) -> list[JobRecord]:
        """A queue's jobs in any state, newest first."""
        key = self._keys(queue).of("RECENT")
        tokens = await self._client.call("LRANGE", key, -offset - limit, -offset - 1)
        return await self.jobs([f"{queue}.{token.decode()}" for token in reversed(tokens)])

    async def queues(self) -> list[str]:
        """The names of all queues ever used, sorted."""
        names = await self._client.call("SMEMBERS", queues_key(self._prefix))
        return sorted(self._known_queues.union(name.decode() for name in names))

    async def counts(self, queue: str) -> Counts:
        """How many jobs are in each state. Completed ones that were deleted early are still counted."""
        keys = self._keys(queue)
        runners = await self._client.call("HKEYS", keys.of("RUNNERS"))
        commands: list[tuple[Argument, ...]] = [
            ("ZCARD", keys.of("SCHEDULED")),
            ("LLEN", keys.of("COMPLETED")),
            ("ZCARD", keys.of("FAILED")),
            ("ZCARD", keys.of("CANCELLED")),
            ("HMGET", keys.of("LINES"), *(f"{line}.holes" for line in LINES)),
            *(("LLEN", keys.of("LINE_OF", line)) for line in LINES),
            *(("SCARD", keys.of("RUNNING", runner.decode())) for runner in runners),
        ]
        scheduled, completed, failed, cancelled, holes, *rest = await self._client.call_together(*commands)
        return Counts(
            scheduled=scheduled,
            queued=sum(rest[: len(LINES)]) - sum(int(hole or 0) for hole in holes),
            running=sum(rest[len(LINES) :]),
            completed=completed,
            failed=failed,
            cancelled=cancelled,
        )

    async def statistics(self, queue: str) -> dict[str, int]:
        """What has happened in the queue since it exists, counted: enqueued, completed, retried, ..."""
        flat = await self._client.call("HGETALL", self._keys(queue).of("STATISTICS"))
        return {name.decode(): int(n) for name, n in zip(flat[::2], flat[1::2], strict=True)}

    async def memory(self) -> ServerMemory:
        """Which server answers and what it has seen; see ServerMemory.lost_since."""
        info = await self._info("server")
        queues = await self.queues()
        counters = await self._client.call_together(
            *(("HGET", self._keys(queue).of("STATISTICS"), "enqueued") for queue in queues)
        )
        return ServerMemory(info.get("run_id", ""), sum(int(count or 0) for count in counters))

    async def runners(self, queue: str) -> list[RunnerRecord]:
        """The registered runners; those without heartbeat are about to be given up."""
        keys = self._keys(queue)
        flat = await self._client.call("HGETALL", keys.of("RUNNERS"))
        known = [_decode_runner(said) for said in flat[1::2] if said]
        answers = await self._client.call_together(
            *(("EXISTS", keys.of("ALIVE", runner.id)) for runner in known),
            *(("SCARD", keys.of("RUNNING", runner.id)) for runner in known),
        )
        return [
            RunnerRecord(
                id=runner.id,
                worker=runner.worker,
                host=runner.host,
                pid=runner.pid,
                slots=runner.slots,
                started_ms=runner.started_ms,
                queue=queue,
                alive=bool(answers[index]),
                running=answers[len(known) + index],
            )
            for index, runner in enumerate(known)
        ]

    async def oldest_queued_seconds(self, queue: str) -> float | None:
        """For how long the oldest of the jobs that stand first in a line exists; None when nobody waits."""
        keys = self._keys(queue)
        tokens = [token for line in LINES if (token := await self._head(queue, line))]
        if not tokens:
            return None
        (seconds, microseconds), *times = await self._client.call_together(
            ("TIME",),
            *(("HGET", keys.of("JOB", token.decode()), FIELDS["CREATED"]) for token in tokens),
        )
        now = int(seconds) * 1000 + int(microseconds) // 1000
        created = [int(made) for made in times if made]
        return max(0.0, (now - min(created)) / 1000) if created else None

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

    # Helpers.

    async def _saves(self, info: dict[str, str]) -> bool:
        """Whether the server writes snapshots from time to time."""
        try:
            return any((await self._client.call("CONFIG", "GET", "save"))[1::2])
        except CommandRefused:  # hosted servers do not tell; then whether it ever did
            return info.get("rdb_saves", "0") != "0"

    async def _info(self, section: str) -> dict[str, str]:
        text = bytes(await self._client.call("INFO", section)).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    async def _head(self, queue: str, line: Line) -> bytes | None:
        """The token that stands first in a line, behind all places that cancelled jobs left."""
        key, first = self._keys(queue).of("LINE_OF", line), 0
        while tokens := await self._client.call("LRANGE", key, first, first + 99):
            for token in tokens:
                if token:
                    return bytes(token)
            first += 100
        return None

    async def _in_line(self, queue: str, offset: int, limit: int) -> list[bytes]:
        lines = [self._keys(queue).of("LINE_OF", line) for line in LINES]
        lengths = await self._client.call_together(*(("LLEN", line) for line in lines))
        wanted: list[tuple[Argument, ...]] = []
        for line, length in zip(lines, lengths, strict=True):
            taken = min(limit, length - offset)
            if taken > 0:
                wanted.append(("LRANGE", line, offset, offset + taken - 1))
                limit -= taken
            offset = max(0, offset - length)
        return [token for tokens in await self._client.call_together(*wanted) for token in tokens]

    async def _running(self, queue: str) -> list[bytes]:
        keys = self._keys(queue)
        runners = await self._client.call("HKEYS", keys.of("RUNNERS"))
        sets = await self._client.call_together(
            *(("SMEMBERS", keys.of("RUNNING", runner.decode())) for runner in runners)
        )
        return sorted(name[:TOKEN_LENGTH] for names in sets for name in names)

    def _kept(self, state: State) -> float:
        match state:
            case State.COMPLETED:
                return self.retention.completed
            case State.FAILED:
                return self.retention.failed
            case _:
                return self.retention.cancelled


def _fields(flat: list[bytes]) -> Fields:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _version(state: State, attempt: int, changes: int) -> int:
    """Grows with every change; the same sum as version_of in prelude.lua."""
    return 1 + attempt + changes + (state is State.COMPLETED)


def _number(fields: Fields, name: bytes) -> int | None:
    value = fields.get(name)
    return int(value) if value is not None else None


def _may_have_history(fields: Fields) -> bool:
    """A job that went straight through on its first attempt has none: it is all in the hash."""
    state, attempt = fields[_F["STATE"]].split()
    return attempt != b"0" and (attempt != b"1" or state not in (b"running", b"completed"))


def _claimed(fields: Fields) -> tuple[str, int | None]:
    """The runner of the latest attempt, and when it started."""
    claimed = fields.get(_F["CLAIMED"])
    if claimed is None:
        return "", None
    runner, started = claimed.rsplit(b" ", 1)
    return runner.decode(), int(started)


def _progress(fields: Fields) -> Progress | None:
    packed = fields.get(_F["PROGRESS"])
    if packed is None:
        return None
    progress = _decode_progress(packed)
    return msgspec.structs.replace(progress, updated_ms=_number(fields, _F["PROGRESSED"]) or 0)
