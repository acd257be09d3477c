"""Limits, script by script: who waits, who is admitted, who holds a place."""

import pytest

from queuecore.model import (
    Advance,
    Cancelling,
    Completed,
    Crashing,
    Failing,
    Line,
    Outcome,
    Releasing,
    Retrying,
    State,
)
from queuecore.model.limits import BoundLimit
from tests.store.scene import DIED, ERROR, SPACE, Scene, asks, claimed, id_of, name_of
from tests.store.snapshot import GONE

ONE = BoundLimit("one", places=1)
TWO = BoundLimit("two", places=2)
SLOW = BoundLimit("slow", interval=60_000.0, burst=2)


def places(scene: Scene, limit: BoundLimit) -> set[str]:
    return {name_of(each.decode()) for each in scene.database.smembers(scene.key(f"places:{limit.name}"))}


def waiters(scene: Scene, limit: BoundLimit) -> list[str]:
    tokens = scene.database.zrange(scene.key(f"waiters:{limit.name}"), 0, -1)
    return [name_of(token.decode()) for token in tokens]


async def names(scene: Scene, *outcomes: Outcome, slots: int = 0) -> list[str]:
    return [name_of(claim.id) for claim in await scene.advance(*outcomes, slots=slots)]


def ends(name: str, attempt: int = 1) -> list[Outcome]:
    """Every way in which an attempt can end."""
    job_id = id_of(name)
    return [
        Completed(job_id, attempt, b"\xc0", tied=True),
        Retrying(job_id, attempt, 60.0, ERROR),
        Retrying(job_id, attempt, 0.0, ERROR),
        Failing(job_id, attempt, ERROR),
        Releasing(job_id, attempt),
        Crashing(job_id, attempt, DIED),
        Cancelling(job_id, attempt),
    ]


async def test_a_claim_takes_places_and_sets_the_rest_aside(scene: Scene) -> None:
    await scene.enqueue("a", "b", "c", "d", limits=[TWO])
    scene.see()

    found = await names(scene, slots=10)

    assert found == ["a", "b"]
    changes = scene.changes()
    assert places(scene, TWO) == {"a", "b"}
    assert waiters(scene, TWO) == ["c", "d"]
    assert changes["job:c STATE"] == "waiting"
    assert changes["job:c WAITS"] == "limit two"
    assert changes["waiting"] == {"c": 1, "d": 2}
    assert changes["held"] == {"two"}
    assert changes["running:runner"] == {"a", "b"}
    assert "line:default:async:normal" in changes
    assert changes["line:default:async:normal"] is GONE


async def test_a_tied_job_is_told_to_its_runner(scene: Scene) -> None:
    await scene.enqueue("a", limits=[ONE])
    await scene.enqueue("b")

    claims = await scene.advance(slots=10)

    assert [claim.tied for claim in claims] == [True, False]


async def test_a_new_job_waits_where_the_limit_is_full(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])

    await scene.enqueue("b", limits=[ONE])

    assert scene.state("b") == "waiting"
    assert scene.line() == []


async def test_a_new_job_waits_behind_those_that_wait_already(scene: Scene) -> None:
    await scene.run("a", limits=[TWO])
    await scene.enqueue("b", "c", limits=[TWO])
    await scene.advance(slots=10)
    await scene.enqueue("d", limits=[BoundLimit("two", places=9)])

    assert (scene.state("b"), scene.state("c"), scene.state("d")) == ("running", "waiting", "waiting")


@pytest.mark.parametrize("outcome", ends("a"), ids=repr)
async def test_however_an_attempt_ends_its_place_goes_to_the_next(scene: Scene, outcome: Outcome) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", "c", limits=[ONE])

    await scene.advance(outcome)

    assert places(scene, ONE) == set()
    assert scene.state("b") == "queued"
    assert scene.state("c") == "waiting"
    assert "b" in scene.line()


async def test_settling_and_claiming_hand_a_place_on_in_one_call(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", "c", limits=[ONE])

    found = await names(scene, Completed(id_of("a"), 1, b"\xc0", tied=True), slots=10)

    assert found == ["b"]
    assert places(scene, ONE) == {"b"}
    assert scene.state("a") == "completed"


async def test_the_last_place_leaves_nothing_behind(scene: Scene) -> None:
    await scene.run("a", limits=[ONE, TWO])
    await scene.advance(Completed(id_of("a"), 1, b"\xc0", tied=True))

    left = scene.see()

    assert {"held", "limited", "places:one", "places:two", "waiting"}.isdisjoint(left)
    assert left["job:a" + "-" * 21]["STATE"] == "completed"


async def test_several_limits_are_taken_all_or_none(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])

    await scene.enqueue("b", limits=[TWO])
    await scene.enqueue("c", limits=[TWO, ONE])
    await scene.advance(slots=10)

    assert places(scene, TWO) == {"b"}
    assert waiters(scene, ONE) == ["c"]
    assert waiters(scene, TWO) == []


async def test_the_more_urgent_one_gets_the_place(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("low", limits=[ONE], line=Line.LOW)
    await scene.enqueue("normal", limits=[ONE])
    await scene.enqueue("urgent", limits=[ONE], line=Line.URGENT)

    assert waiters(scene, ONE) == ["urgent", "normal", "low"]
    assert await names(scene, Completed(id_of("a"), 1, b"\xc0", tied=True), slots=9) == ["urgent"]


async def test_who_has_to_wait_again_keeps_its_turn(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", limits=[ONE])
    await scene.advance(Completed(id_of("a"), 1, b"\xc0", tied=True))
    await scene.enqueue("c", limits=[ONE])
    await scene.enqueue("d", limits=[ONE], line=Line.URGENT)

    found = await names(scene, slots=9)

    assert found == ["d"]
    assert waiters(scene, ONE) == ["b", "c"]


async def test_a_waiting_job_is_cancelled_at_once(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", limits=[ONE])

    state = await scene.broker.requests.cancel(id_of("b"))

    assert state is State.CANCELLED
    assert waiters(scene, ONE) == []
    assert "waiting" not in scene.see()


async def test_a_plain_job_behind_many_that_must_wait_is_not_held_up(scene: Scene) -> None:
    await scene.enqueue(*(f"w{n}" for n in range(600)), limits=[ONE])
    await scene.enqueue("plain")

    answer: Advance = await scene.broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(2))
    found = [name_of(claim.id) for claim in claimed(answer)]
    calls = 1
    while answer.next_due == 0:
        answer = await scene.broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(2))
        found += [name_of(claim.id) for claim in claimed(answer)]
        calls += 1

    assert found == ["w0", "plain"]
    assert 2 <= calls <= 6


async def test_a_rate_lets_so_many_start_and_no_more(scene: Scene) -> None:
    await scene.enqueue("a", "b", "c", "d", limits=[SLOW])

    answer = await scene.broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(9))

    assert [name_of(claim.id) for claim in claimed(answer)] == ["a", "b"]
    assert waiters(scene, SLOW) == ["c", "d"]
    assert answer.next_due is not None
    assert 58 < answer.next_due <= 60


async def test_whom_a_rate_keeps_waiting_comes_when_it_is_time(scene: Scene) -> None:
    quick = BoundLimit("quick", interval=30.0, burst=1)
    await scene.enqueue("a", "b", limits=[quick])
    assert await names(scene, slots=9) == ["a"]

    found: list[str] = []
    while not found:
        found = await names(scene, slots=9)

    assert found == ["b"]


async def test_a_dead_runners_places_are_given_back(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", limits=[ONE])

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert places(scene, ONE) == set()
    assert (scene.line(runs="alone"), scene.line()) == (["a"], ["b"])


async def test_the_sweep_takes_a_place_from_an_attempt_that_is_no_more(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", limits=[ONE])
    scene.database.srem(scene.key("running:runner"), id_of("a").partition(".")[2])
    scene.database.hset(scene.job_key("a"), "s", "failed 1 tied")

    _, repaired = await scene.broker.upkeep.sweep_limits(SPACE)

    assert repaired == ["one"]
    assert scene.state("b") == "queued"


async def test_the_sweep_puts_a_waiting_job_back_where_it_waits(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", limits=[ONE])
    before = scene.see()
    scene.database.delete(scene.key("waiters:one"), scene.key("waiting"), scene.key("limited"))

    _, repaired = await scene.broker.upkeep.sweep(SPACE)

    assert repaired == [id_of("b")]
    after = scene.see()
    assert {key: after[key] for key in ("waiters:one", "waiting")} == {
        key: before[key] for key in ("waiters:one", "waiting")
    }
    assert "limited" in after


async def test_the_heartbeat_admits_whom_nobody_thought_of(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("b", limits=[ONE])
    scene.database.delete(scene.key("places:one"))
    scene.database.zadd(scene.key("limited"), {"one": 1})

    await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)

    assert scene.state("b") == "queued"


async def test_who_must_wait_elsewhere_after_all_leaves_its_place_to_the_next(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("x", limits=[ONE, SLOW])
    await scene.enqueue("y", limits=[ONE])
    await scene.run("b", "c", limits=[SLOW])  # the rate has no more starts

    found = await names(scene, Completed(id_of("a"), 1, b"\xc0", tied=True), slots=9)

    assert found == ["y"]
    assert waiters(scene, SLOW) == ["x"]
    assert waiters(scene, ONE) == []


async def test_a_cancelled_job_in_line_leaves_its_place_to_the_next(scene: Scene) -> None:
    await scene.run("a", limits=[ONE])
    await scene.enqueue("x", "y", limits=[ONE])
    await scene.advance(Completed(id_of("a"), 1, b"\xc0", tied=True))

    await scene.broker.requests.cancel(id_of("x"))

    assert scene.state("y") == "queued"
