"""What producers write: new jobs, cancels, requeues. Each method is one script, one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ..model import (
    DEFAULT_MAX_CRASHES,
    IdempotencyConflict,
    JobNotFound,
    NotUnique,
    State,
    StateConflict,
    Submitted,
    Ties,
    new_token,
    split_job_id,
)
from .client import Client
from .connection import Argument
from .keys import Keys
from .wire import to_json

IDEMPOTENCY_WINDOW: Final = 24 * 3600.0  # seconds


class EntryOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What sets a job apart from a plain one; goes to `enqueue` as JSON, times in ms."""

    delay: int = 0
    owner: str = ""
    max_crashes: int = DEFAULT_MAX_CRASHES
    idempotency: str = ""
    fingerprint: str | None = None
    window: int | None = None
    ties: Ties | None = None
    follows: bool = False
    together: bool = False


class Entry(msgspec.Struct, frozen=True):
    """A job on its way into Redis: `spec` is msgpack."""

    token: str
    spec: bytes
    options: EntryOptions | None = None


Answer = Submitted | IdempotencyConflict | NotUnique


class Requests:
    """The writes of producers."""

    def __init__(self, client: Client, keys: Callable[[str], Keys]) -> None:
        self._client = client
        self._keys = keys

    async def enqueue(self, space: str, line: str, entries: Sequence[Entry]) -> list[Answer]:
        """Store new jobs at the end of a line, or for later, all in one call.

        Returns: for each entry the job that now stands for it, or the error that refuses it because of its
            idempotency key or its unique key.
        Raises:
            BrokerUnavailable: not known whether it was stored; the same entries again are safe.
            QueueFull: Redis is at maxmemory.
        """
        arguments: list[Argument] = [line]
        for entry in entries:
            options = to_json(entry.options).decode() if entry.options else ""
            arguments += (entry.token + options, entry.spec)
        exceptions = await self._client.run("enqueue", self._keys(space).base, *arguments)
        answers: list[Answer] = [Submitted(f"{space}.{entry.token}", created=True) for entry in entries]
        for index, reason, token in zip(exceptions[::3], exceptions[1::3], exceptions[2::3], strict=True):
            own_id = f"{space}.{entries[index - 1].token}"
            answers[index - 1] = _answer(reason, own_id, f"{space}.{token.decode()}")
        return answers

    async def cancel(self, job_id: str) -> State:
        """End a waiting job, or ask a running one to end.

        Returns: the state now; `running` means that it was asked.
        Raises:
            JobNotFound, StateConflict: it is completed or failed already.
        """
        before, after, _ = await self._transition("cancel", job_id)
        if before in (State.COMPLETED, State.FAILED):
            raise StateConflict(job_id, before, "cancelled")
        return after

    async def requeue(self, job_id: str) -> State:
        """Give a failed or cancelled job a new series of attempts.

        Raises:
            JobNotFound, StateConflict: it is in another state.
            NotUnique: another job holds its unique key now.
        """
        # The nonce makes a call whose reply was lost the same call when it is sent again.
        before, after, holder = await self._transition("requeue", job_id, new_token())
        if holder:
            raise NotUnique(f"{split_job_id(job_id)[0]}.{holder}")
        if before not in (State.FAILED, State.CANCELLED):
            raise StateConflict(job_id, before, "retried")
        return after

    async def _transition(self, script: str, job_id: str, *more: str) -> tuple[State, State, str]:
        space, token = split_job_id(job_id)
        before, after, *holder = await self._client.run(script, self._keys(space).base, token, *more)
        if not before:
            raise JobNotFound(job_id)
        return State(before.decode()), State(after.decode()), b"".join(holder).decode()


def _answer(reason: bytes, own_id: str, other_id: str) -> Answer:
    """What a word of enqueue.lua means."""
    match reason:
        case b"conflict":
            return IdempotencyConflict(other_id)
        case b"refused":
            return NotUnique(other_id)
        case b"existing":
            return Submitted(other_id, created=False, conflict="existing", other=other_id)
        case b"postponed":
            return Submitted(other_id, created=False, conflict="postponed", other=other_id)
        case b"replaced":
            return Submitted(own_id, created=True, conflict="replaced", other=other_id)
        case b"waits":
            return Submitted(own_id, created=True, conflict="waits", other=other_id)
        case _:
            return Submitted(other_id, created=False)
