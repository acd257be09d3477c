"""What is asked of the queue, and how it is stored: written once at enqueue, never changed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .limits import Limit
from .lines import Line

# Version of a stored job. A release reads its own and the one before; a runner that meets a later one
# gives the job back and claims no more.
SCHEMA: Final = 2

MAX_ARGUMENTS_BYTES: Final = 256 * 1024
DEFAULT_MAX_CRASHES: Final = 3


class Spec(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What is to be done: written once at enqueue, read by the runner that claims the job.

    `args` is the msgpack map of the handler's arguments, decoded only by its handler.
    `retries` and `timeout` (seconds) are None where the handler's own hold.
    """

    schema: int
    kind: str
    args: msgspec.Raw
    retries: int | None = None
    timeout: float | None = None


_decode_spec = msgspec.msgpack.Decoder(Spec).decode
UNREADABLE: Final = Spec(0, "", msgspec.Raw(b"\x80"))


def read_spec(packed: bytes) -> Spec:
    """Decode a spec; what cannot be read becomes one of no kind, so that only its own job fails."""
    try:
        return _decode_spec(packed)
    except msgspec.MsgspecError:
        return UNREADABLE


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be enqueued by the name of its kind.

    Args:
        kind: names the handler.
        args: its arguments by name; checked against the handler's signature.
        id: an id made before by `new_job_id`, so that files can be stored under it first.
        line: how urgent.
        delay: seconds until it may start.
        owner: who may list it; empty for nobody.
        idempotency_key: a second request of this owner with the same key answers with the first one's job.
        fingerprint: compared when the key is met again; another one is an IdempotencyConflict.
        queue: another queue than the handler's own.
        retries: other than the handler's own.
        timeout: seconds, other than the handler's own.
        limits: instead of the handler's own; none with `()`.
    """

    kind: str
    args: dict[str, Any] = {}
    id: str | None = None
    line: Line = Line.NORMAL
    delay: float = 0.0
    owner: str = ""
    idempotency_key: str | None = None
    fingerprint: str = ""
    queue: str | None = None
    retries: int | None = None
    timeout: float | None = None
    limits: tuple[Limit, ...] | None = None


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a request: the job's id, and whether this very request made it."""

    id: str
    created: bool
