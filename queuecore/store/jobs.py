"""Reads of single jobs: what one looks like now, its log, its place in line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ..model import (
    DEFAULT_LINE,
    AttemptOutcome,
    AttemptRecord,
    ErrorRecord,
    JobNotFound,
    JobRecord,
    Progress,
    Retention,
    State,
    Ties,
    WaitsFor,
    line_name,
    read_spec,
    split_job_id,
    split_line_name,
)
from .client import Client
from .keys import FIELDS, Keys

Fields = dict[bytes, bytes]  # a job's hash; fields of a later version are passed over
_F: Final = {name: letter.encode() for name, letter in FIELDS.items()}
_STATES: Final = {state.encode(): state for state in State}
_DEFAULT_LINE: Final = DEFAULT_LINE.encode()
_decode = msgspec.msgpack.Decoder().decode
_decode_progress = msgspec.msgpack.Decoder(Progress).decode
_decode_error = msgspec.json.Decoder(ErrorRecord).decode
_decode_attempt = msgspec.json.Decoder(AttemptRecord).decode
_decode_ties = msgspec.json.Decoder(Ties).decode
NO_TIES: Final = Ties()


class StoredJob(msgspec.Struct, frozen=True):
    """A job as Redis holds it, not yet decoded: equal ones are decoded to the same.

    Attributes:
        fields: its hash, by the letters of `keys.FIELDS`.
        history: its ended attempts that were not successful.
    """

    id: str
    space: str
    fields: Fields
    history: list[bytes]


class Jobs:
    """Reads jobs by their ids, of any space.

    Args:
        retention: how long ended jobs are kept, to say when one will go; may be changed at any time.
    """

    def __init__(self, client: Client, keys: Callable[[str], Keys], *, retention: Retention) -> None:
        self._client = client
        self._keys = keys
        self.retention = retention

    async def record(self, job_id: str) -> JobRecord:
        """A job as it stands now. Raises JobNotFound."""
        return self.read(await self.stored(job_id))

    async def stored(self, job_id: str) -> StoredJob:
        """A job as Redis holds it now, for `read`. Raises JobNotFound."""
        space, token = split_job_id(job_id)
        keys = self._keys(space)
        fields = _fields(await self._client.call("HGETALL", keys.of("JOB", token)))
        if _F["SPEC"] not in fields:
            raise JobNotFound(job_id)
        history: list[bytes] = []
        if _may_have_history(fields):
            history = await self._client.call("LRANGE", keys.of("HISTORY", token), 0, -1)
        return StoredJob(job_id, space, fields, history)

    def read(self, stored: StoredJob) -> JobRecord:
        """Decode a job."""
        fields = stored.fields
        get = fields.get
        spec = read_spec(fields[_F["SPEC"]])
        name, number, *_ = fields[_F["STATE"]].split()
        state, attempt = _STATES[name], int(number)
        ties = _ties(fields)
        queue, runs, line = split_line_name(get(_F["LINE"], _DEFAULT_LINE).decode())
        runner, started = _claimed(fields)
        finished = _number(fields, _F["FINISHED"])
        result, error = get(_F["RESULT"]), get(_F["ERROR"])
        attempts = [_decode_attempt(text) for text in stored.history]
        if state in (State.RUNNING, State.COMPLETED):
            outcome: AttemptOutcome = "completed" if state is State.COMPLETED else "running"
            attempts.append(AttemptRecord(attempt, runner, started or 0, finished, outcome))
        return JobRecord(
            id=stored.id,
            space=stored.space,
            queue=queue,
            kind=spec.kind,
            runs=runs,
            line=line,
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
            waits_for=_waits_for(fields) if state is State.WAITING else None,
            limits=tuple(limit.name for limit in ties.limits),
            unique=ties.unique.name if ties.unique else None,
        )

    async def version(self, job_id: str) -> int:
        """The version of a job, the cheapest question there is. Raises JobNotFound."""
        space, token = split_job_id(job_id)
        key = self._keys(space).of("JOB", token)
        where, changes = await self._client.call("HMGET", key, FIELDS["STATE"], FIELDS["CHANGES"])
        if where is None:
            raise JobNotFound(job_id)
        state, attempt, *_ = where.split()
        return _version(_STATES[state], int(attempt), int(changes or 0))

    async def log(self, job_id: str) -> list[str]:
        """The lines the job's handler logged, oldest first; the latest few hundred are kept."""
        space, token = split_job_id(job_id)
        lines = await self._client.call("LRANGE", self._keys(space).of("LOG", token), 0, -1)
        return [line.decode("utf-8", "replace") for line in lines]

    async def position(self, job: JobRecord) -> int | None:
        """The job's place in its line, 1 for the next; None unless it is queued.

        Jobs of more urgent lines go first and are not counted; neither are places that
        cancelled jobs left, so the true place may be a little nearer.
        """
        if job.state is not State.QUEUED:
            return None
        keys, line = self._keys(job.space), line_name(job.queue, job.runs, job.line)
        (start, holes), length = await self._client.call_together(
            ("HMGET", keys.of("LINES"), line, f"{line}.holes"), ("LLEN", keys.of("LINE_OF", line))
        )
        return max(1, min(job.seq - int(start or 0) + 1, int(length) - int(holes or 0)))

    async def records(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Several jobs in one round trip, two where any has a history; ids without a job are left out."""
        places = [split_job_id(job_id) for job_id in job_ids]
        replies = await self._client.call_together(
            *(("HGETALL", self._keys(space).of("JOB", token)) for space, token in places)
        )
        found = [
            (job_id, space, token, fields)
            for job_id, (space, token), flat in zip(job_ids, places, replies, strict=True)
            if _F["SPEC"] in (fields := _fields(flat))
        ]
        asked = [
            ("LRANGE", self._keys(space).of("HISTORY", token), 0, -1)
            for _, space, token, fields in found
            if _may_have_history(fields)
        ]
        histories = iter(await self._client.call_together(*asked))
        return [
            self.read(StoredJob(job_id, space, fields, next(histories) if _may_have_history(fields) else []))
            for job_id, space, _, fields in found
        ]

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
    """Grows with every change; the same sum as version_of in jobs.lua."""
    return 1 + attempt + changes + (state is State.COMPLETED)


def _number(fields: Fields, name: bytes) -> int | None:
    value = fields.get(name)
    return int(value) if value is not None else None


def _may_have_history(fields: Fields) -> bool:
    """A job that went straight through on its first attempt has none: it is all in the hash."""
    state, attempt, *_ = fields[_F["STATE"]].split()
    return attempt != b"0" and (attempt != b"1" or state not in (b"running", b"completed"))


def _claimed(fields: Fields) -> tuple[str, int | None]:
    """The runner of the latest attempt, and when it started."""
    claimed = fields.get(_F["CLAIMED"])
    if claimed is None:
        return "", None
    runner, started = claimed.rsplit(b" ", 1)
    return runner.decode(), int(started)


def _ties(fields: Fields) -> Ties:
    stored = fields.get(_F["TIES"])
    return NO_TIES if stored is None else _decode_ties(stored)


def _waits_for(fields: Fields) -> WaitsFor:
    reason, _, name = fields.get(_F["WAITS"], b"").decode().partition(" ")
    return WaitsFor(reason, name)


def _progress(fields: Fields) -> Progress | None:
    packed = fields.get(_F["PROGRESS"])
    if packed is None:
        return None
    progress = _decode_progress(packed)
    return msgspec.structs.replace(progress, updated_ms=_number(fields, _F["PROGRESSED"]) or 0)
