"""What is asked of the queue, and how it is stored: written once at enqueue, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from .bounds import Bound, check_bounds
from .errors import InvalidOption
from .given import choice, seconds, text, whole_number
from .ids import check_job_id, check_name
from .limits import Limit, check_limits
from .lines import Line, LineName
from .unique import Debounce, Unique, check_unique

# Version of a stored job. A release reads its own and the one before; a runner that meets a later one
# gives the job back and claims no more.
SCHEMA: Final = 2

MAX_ARGUMENTS_BYTES: Final = 256 * 1024
DEFAULT_MAX_CRASHES: Final = 3
MOST_RETRIES: Final = 1_000_000  # and crashes: more than anybody waits for
SHORTEST_TIMEOUT: Final = 0.001  # seconds


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


_AT_ONCE: Final = 0.0
_NORMAL: Final = Line.NORMAL
_convert: Final = msgspec.structs.force_setattr


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be enqueued by the name of its kind.

    Args:
        kind: names the handler.
        args: its arguments by name; checked against the handler's signature when it is enqueued.
        id: an id made before by `new_job_id`, so that files can be stored under it first.
        line: how urgent.
        delay: until it may start, in seconds or as a timedelta, at most 100 years.
        owner: who may list it; empty for nobody.
        idempotency_key: a second request of this owner with the same key answers with the first one's job.
        fingerprint: compared when the key is met again; another one is an IdempotencyConflict.
        queue: another queue than the handler's own.
        retries: other than the handler's own.
        timeout: of an attempt, in seconds or as a timedelta, other than the handler's own.
        limits: instead of the handler's own; none with `()`.
        bounds: what it counts under, and is refused by; see `Bound`.
        unique: instead of the handler's own; none with False.

    Raises:
        InvalidOption: one of them has no sense; the message says what it must be.
    """

    kind: str
    args: dict[str, Any] = {}
    id: str | None = None
    line: Line = _NORMAL
    delay: float = _AT_ONCE
    owner: str = ""
    idempotency_key: str | None = None
    fingerprint: str = ""
    queue: str | None = None
    retries: int | None = None
    timeout: float | None = None
    limits: tuple[Limit, ...] | None = None
    bounds: tuple[Bound, ...] = ()
    unique: Unique | Debounce | Literal[False] | None = None

    if TYPE_CHECKING:
        # What may be given is more than what is found in it.
        def __init__(
            self,
            *,
            kind: str,
            args: Mapping[str, Any] = ...,
            id: str | None = ...,
            line: Line | LineName = ...,
            delay: float | timedelta = ...,
            owner: str = ...,
            idempotency_key: str | None = ...,
            fingerprint: str = ...,
            queue: str | None = ...,
            retries: int | None = ...,
            timeout: float | timedelta | None = ...,
            limits: Sequence[Limit] | None = ...,
            bounds: Sequence[Bound] = ...,
            unique: Unique | Debounce | Literal[False] | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        # Most requests are plain ones, and there may be a million of them.
        if type(self.kind) is not str:
            text(self.kind, name="kind")
        if type(self.args) is not dict:
            _convert(self, "args", _mapping(self.args))
        if self.delay is not _AT_ONCE:
            _convert(self, "delay", seconds(self.delay, name="delay", least=0.0))
        if self.owner != "":
            text(self.owner, name="owner")
        if self.idempotency_key is not None:
            text(self.idempotency_key, name="idempotency_key", least=1)
        if self.fingerprint != "":
            text(self.fingerprint, name="fingerprint")
        if self.line is not _NORMAL:
            _convert(self, "line", choice(self.line, Line, name="line"))
        if self.id is not None:
            check_job_id(self.id)
        if self.queue is not None:
            check_name(self.queue, name="queue")
        if self.retries is not None:
            _convert(self, "retries", whole_number(self.retries, name="retries", least=0, most=MOST_RETRIES))
        if self.timeout is not None:
            _convert(self, "timeout", seconds(self.timeout, name="timeout", least=SHORTEST_TIMEOUT))
        if self.limits is not None:
            _convert(self, "limits", check_limits(self.limits))
        if self.bounds != ():
            _convert(self, "bounds", check_bounds(self.bounds))
        if self.unique is not None and self.unique is not False:
            check_unique(self.unique)


Conflict = Literal["existing", "replaced", "waits", "postponed"]


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a request: the job's id, and whether this very request made it.

    Attributes:
        conflict: what came of it that another job held the unique key; None where none did.
            "existing": that job stands for this request. "replaced": it, or the one behind it, was cancelled
            for this one. "waits": this one waits behind it. "postponed": that job waits longer, with
            the arguments of this request.
        other: the id of that other job.
    """

    id: str
    created: bool
    conflict: Conflict | None = None
    other: str | None = None


def _mapping(args: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(args, Mapping):
        raise InvalidOption("args", args, "the arguments by their names, such as {'to': 'ann@example.org'}")
    return dict(args)
