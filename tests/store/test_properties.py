"""What is promised of the queue, each promise a property."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch.private_redis import PrivateRedis
from queuecore.client import Inspector
from queuecore.model import (
    LINES,
    Completed,
    Failing,
    Line,
    Outcome,
    Releasing,
    Retrying,
    RunnerInfo,
    State,
    line_name,
)
from queuecore.store import Broker, Entry
from tests.store import invariants
from tests.store.scene import DIED, ERROR, SPACE, asks, claimed, id_of, name_of, spec, token_of
from tests.store.snapshot import snapshot

quick = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPEC = spec()


class Conversation:
    """A broker and its event loop for one example, on an empty database."""

    def __init__(self, url: str) -> None:
        self.database = redis.Redis.from_url(url)
        self.database.flushdb()

    def run(self, talk: Coroutine[object, object, None]) -> None:
        asyncio.run(talk)
        self.database.close()


async def register(broker: Broker, *runners: str) -> None:
    for runner in runners:
        info = RunnerInfo(
            id=runner, worker="worker", host="host", pid=1, queues=("default",), slots={"async": 10}
        )
        await broker.claims.register(SPACE, info, ttl=600.0)


async def enqueue(broker: Broker, lines: list[Line], *, first: int = 0) -> list[str]:
    names = [f"{first + index}" for index in range(len(lines))]
    for name, line in zip(names, lines, strict=True):
        await broker.requests.enqueue(
            SPACE, line_name("default", "async", line), [Entry(token_of(name), SPEC)]
        )
    return names


@given(
    batches=st.lists(st.lists(st.sampled_from(Line), max_size=12), min_size=1, max_size=6),
    slots=st.lists(st.integers(1, 7), min_size=1, max_size=8),
    cancelled=st.sets(st.integers(0, 71), max_size=10),
)
@quick
def test_first_in_first_out_inside_a_line_and_the_lines_in_order(
    redis_url: str, batches: list[list[Line]], slots: list[int], cancelled: set[int]
) -> None:
    conversation = Conversation(redis_url)

    async def talk() -> None:
        broker = Broker.connect(redis_url)
        await register(broker, "one", "two")
        line_of: dict[str, Line] = {}
        waiting: list[str] = []
        for turn, lines in enumerate(batches):
            names = await enqueue(broker, lines, first=len(line_of))
            line_of.update(zip(names, lines, strict=True))
            waiting += names
            for name in [name for name in waiting if int(name) in cancelled]:
                await broker.requests.cancel(id_of(name))
                waiting.remove(name)
            wanted = slots[turn % len(slots)]
            advance = await broker.claims.advance(
                SPACE, ("one", "two")[turn % 2], lane=0, outcomes=[], asks=asks(wanted)
            )
            waiting.sort(key=lambda name: (LINES.index(line_of[name]), int(name)))
            expected, waiting = waiting[:wanted], waiting[wanted:]
            assert [name_of(claim.id) for claim in claimed(advance)] == expected
        await broker.close()

    conversation.run(talk())


@given(
    jobs=st.integers(0, 60),
    shares=st.lists(st.integers(0, 20), min_size=3, max_size=3),
    dead=st.sets(st.integers(0, 2)),
    recoverers=st.integers(1, 3),
)
@quick
def test_recovery_requeues_exactly_the_abandoned(
    redis_url: str, jobs: int, shares: list[int], dead: set[int], recoverers: int
) -> None:
    conversation = Conversation(redis_url)

    async def talk() -> None:
        brokers = [Broker.connect(redis_url) for _ in range(recoverers)]
        runners = [f"runner{n}" for n in range(3)]
        await register(brokers[0], *runners)
        names = await enqueue(brokers[0], [Line.NORMAL] * jobs)
        had: dict[str, list[str]] = {}
        for runner, share in zip(runners, shares, strict=True):
            advance = await brokers[0].claims.advance(SPACE, runner, lane=0, outcomes=[], asks=asks(share))
            had[runner] = [name_of(claim.id) for claim in claimed(advance)]
        for n in dead:
            conversation.database.delete(f"qc:{{{SPACE}}}:alive:runner{n}")

        replies = await asyncio.gather(
            *(
                broker.upkeep.recover(SPACE, runner, DIED, seen_dead=False)
                for broker in brokers
                for runner in runners
            )
        )

        abandoned = [name for n in sorted(dead) for name in had[f"runner{n}"]]
        assert sorted(name_of(each.id) for reply in replies for each in reply) == sorted(abandoned)
        after = snapshot(conversation.database)
        invariants.check(after)
        line = [name_of(token) for token in after.get("line:default:async:normal", [])]
        left = names[sum(len(each) for each in had.values()) :]
        assert line[len(abandoned) :] == left
        assert sorted(line[: len(abandoned)]) == sorted(abandoned)
        assert Counter(after["statistics"] if jobs else {})["recovered"] == len(abandoned)
        for n in range(3):
            running = {name_of(token) for token in after.get(f"running:runner{n}", set())}
            assert running == (set() if n in dead else set(had[f"runner{n}"]))
        for broker in brokers:
            await broker.close()

    conversation.run(talk())


@given(ends=st.lists(st.sampled_from(["complete", "retry", "time out", "fail", "release", "cancel", "late"])))
@quick
def test_counters_equal_what_happened(redis_url: str, ends: list[str]) -> None:
    conversation = Conversation(redis_url)

    async def talk() -> None:
        broker = Broker.connect(redis_url)
        await register(broker, "runner")
        names = await enqueue(broker, [Line.NORMAL] * len(ends))
        happened = Counter(enqueued=len(ends))
        for name, end in zip(names, ends, strict=True):
            advance = await broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(1))
            (claim,) = claimed(advance)
            assert name_of(claim.id) == name
            attempt = (claim.id, claim.attempt)
            outcome: Outcome = Completed(*attempt, b"\x01")
            match end:
                case "complete":
                    happened["completed"] += 1
                case "retry":
                    outcome = Retrying(*attempt, 60.0, ERROR)
                    happened["retried"] += 1
                case "time out":
                    outcome = Retrying(*attempt, 60.0, ERROR, "timed_out")
                    happened.update(retried=1, timed_out=1)
                case "fail":
                    outcome = Failing(*attempt, ERROR)
                    happened["failed"] += 1
                case "release":
                    await broker.claims.advance(
                        SPACE, "runner", lane=0, outcomes=[Releasing(*attempt)], asks=asks(1)
                    )
                    outcome = Completed(claim.id, 2, b"\x01")
                    happened.update(released=1, completed=1)
                case "cancel":
                    await broker.requests.cancel(claim.id)
                    outcome = Failing(*attempt, ERROR)
                    happened["cancelled"] += 1
                case "late":
                    await broker.claims.advance(SPACE, "runner", lane=0, outcomes=[outcome], asks=asks(0))
                    happened.update(completed=1, fenced=1)
            await broker.claims.advance(SPACE, "runner", lane=0, outcomes=[outcome], asks=asks(0))

        assert await Inspector(broker, space=SPACE).figures.statistics() == +happened
        await broker.close()

    conversation.run(talk())


@pytest.fixture(scope="module")
def mortal_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A Redis that may be killed."""
    with PrivateRedis(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@pytest.mark.fault
@given(
    lines=st.lists(st.sampled_from(Line), min_size=1, max_size=40),
    running=st.integers(0, 10),
    cut=st.integers(0, 40),
)
@settings(quick, max_examples=10)
def test_what_is_queued_survives_a_restart_of_redis_with_aof(
    mortal_redis: PrivateRedis, lines: list[Line], running: int, cut: int
) -> None:
    conversation = Conversation(mortal_redis.url)

    async def talk() -> None:
        broker = Broker.connect(mortal_redis.url)
        await register(broker, "runner")
        names = await enqueue(broker, lines)
        claims = claimed(
            await broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(running))
        )
        waiting = [name for name in names if id_of(name) not in {claim.id for claim in claims}]
        if cut < len(waiting):
            await broker.requests.cancel(id_of(waiting.pop(cut)))
        before = snapshot(conversation.database)

        mortal_redis.kill()
        settled = asyncio.create_task(
            broker.claims.advance(
                SPACE,
                "runner",
                lane=0,
                outcomes=[Completed(claim.id, claim.attempt, b"\x01") for claim in claims],
                asks=asks(len(names)),
            )
        )
        await asyncio.sleep(0.01)  # the call finds nobody
        # In this thread: the server ends with the thread that started it.
        mortal_redis.restart()

        # To the runner it was a slow call: its outcomes are accepted, its claims go on in order.
        advance = await asyncio.wait_for(settled, 20)
        assert advance.fenced == []
        waiting.sort(key=lambda name: (LINES.index(lines[int(name)]), int(name)))
        assert [name_of(claim.id) for claim in claimed(advance)] == waiting
        after = snapshot(conversation.database)
        invariants.check(after)
        invariants.check_step(before, after)
        states = Counter(job["STATE"] for job in invariants.jobs_of(after).values())
        assert states[State.COMPLETED] == len(claims)
        assert sum(states.values()) == len(names)
        await broker.close()

    conversation.run(talk())
