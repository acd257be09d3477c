"""A queue in a state of the test's choice: seed it, make one call, see everything that changed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import redis

from queuecore.model import (
    DEFAULT_MAX_CRASHES,
    SCHEMA,
    Advance,
    Ask,
    Claim,
    ErrorRecord,
    Line,
    Outcome,
    RunnerInfo,
    SlotClass,
    Spec,
    Ties,
    line_name,
)
from queuecore.model.limits import BoundLimit
from queuecore.model.unique import BoundUnique
from queuecore.store import Answer, Broker, Entry, EntryOptions
from tests.store.snapshot import Snapshot, changes, snapshot

SPACE = "main"
DIED = ErrorRecord("died", "The runner died.")
ERROR = ErrorRecord("wrong", "It went wrong.", "Somewhere.")


def token_of(name: str) -> str:
    """A token that says which job it is: `a` becomes `a.....`, filled to its 22 characters."""
    return name.ljust(22, "-")


def id_of(name: str) -> str:
    return f"{SPACE}.{token_of(name)}"


def name_of(job_id: str) -> str:
    """The short name of a job, from its id or its token."""
    return job_id.removeprefix(f"{SPACE}.").rstrip("-")


def next_message(ears: "redis.client.PubSub", *, deadline: float = 5.0) -> bytes:
    """What is heard next on a subscription."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        message = ears.get_message(timeout=0.1)
        if message is not None:
            data: bytes = message["data"]
            return data
    raise AssertionError(f"no message within {deadline:g} s")


def spec(kind: str = "kind", **arguments: object) -> bytes:
    return msgspec.msgpack.encode(Spec(SCHEMA, kind, msgspec.Raw(msgspec.msgpack.encode(arguments))))


def asks(slots: int, runs: SlotClass = "async", queues: tuple[str, ...] = ("default",)) -> list[Ask]:
    """What a runner asks for that has room for so many jobs of one class of slot."""
    return [Ask(runs, slots, queues)] if slots else []


def claimed(advance: Advance) -> list[Claim]:
    """All claims of an answer."""
    return [claim for claims in advance.claims.values() for claim in claims]


class Scene:
    """Short words for what tests of scripts say again and again. Jobs have names of a few letters."""

    def __init__(self, broker: Broker, database: "redis.Redis") -> None:
        self.broker = broker
        self.database = database
        self._before: Snapshot = {}

    async def register(self, runner: str) -> None:
        info = RunnerInfo(
            id=runner, worker="worker", host="host", pid=1, queues=("default",), slots={"async": 10}
        )
        await self.broker.claims.register(SPACE, info, ttl=60.0)

    async def enqueue(
        self,
        *names: str,
        line: Line = Line.NORMAL,
        queue: str = "default",
        runs: SlotClass = "async",
        delay: float = 0.0,
        owner: str = "",
        max_crashes: int = DEFAULT_MAX_CRASHES,
        limits: Sequence[BoundLimit] = (),
        unique: BoundUnique | None = None,
    ) -> list[Answer]:
        options = EntryOptions(
            delay=round(delay * 1000),
            owner=owner,
            max_crashes=max_crashes,
            ties=Ties(tuple(limits), unique) if limits or unique else None,
        )
        plain = options == EntryOptions()
        entries = [Entry(token_of(name), spec(), None if plain else options) for name in names]
        return await self.broker.requests.enqueue(SPACE, line_name(queue, runs, line), entries)

    async def advance(
        self,
        *outcomes: Outcome,
        slots: int = 0,
        runs: SlotClass = "async",
        runner: str = "runner",
        lane: int = 0,
    ) -> list[Claim]:
        """Settle and claim; fails the test when an outcome is refused."""
        advance = await self.broker.claims.advance(
            SPACE, runner, lane=lane, outcomes=outcomes, asks=asks(slots, runs)
        )
        assert not advance.fenced, advance.fenced
        return claimed(advance)

    async def run(self, *names: str, runner: str = "runner", **options: object) -> list[Claim]:
        """Enqueue these jobs in an empty queue and have the runner claim them."""
        await self.enqueue(*names, **options)  # type: ignore[arg-type]
        claims = await self.advance(slots=len(names), runner=runner)
        assert [name_of(claim.id) for claim in claims] == list(names)
        return claims

    @contextmanager
    def listen(self, channel: str) -> Iterator["redis.client.PubSub"]:
        """A subscription that stands; see `next_message`."""
        with self.database.pubsub() as ears:
            ears.subscribe(self.key(channel))
            assert next_message(ears) == 1
            yield ears

    def see(self) -> Snapshot:
        """Everything there is now; `changes` compares with this."""
        self._before = snapshot(self.database)
        return self._before

    def changes(self) -> Snapshot:
        """What has changed since `see`, with the short names of jobs; and look afresh."""
        before, self._before = self._before, snapshot(self.database)
        return {key.replace("-", ""): _short(value) for key, value in changes(before, self._before).items()}

    def line(self, line: Line = Line.NORMAL, *, runs: SlotClass = "async") -> list[str]:
        """The names in a line, `""` for places that cancelled jobs left."""
        return [
            name_of(token.decode())
            for token in self.database.lrange(self.key(f"line:default:{runs}:{line}"), 0, -1)
        ]

    def key(self, name: str) -> str:
        return f"qc:{{{SPACE}}}:{name}"

    def job_key(self, name: str) -> str:
        return self.key(f"job:{token_of(name)}")

    def state(self, name: str) -> str:
        return (self.database.hget(self.job_key(name), "s") or b"gone").decode().split()[0]

    def counter(self, name: str) -> int:
        return int(self.database.hget(self.key("statistics"), name) or 0)


def _short(value: object) -> object:
    match value:
        case str() if value.endswith("-"):
            return value.rstrip("-")
        case list():
            return [_short(each) for each in value]
        case set():
            return {_short(each) for each in value}
        case dict():
            return {_short(key): each for key, each in value.items()}
    return value
