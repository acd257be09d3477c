"""register, heartbeat, take_over, reconcile, sweep and the tick of recovery: one call, and all it changes."""

import asyncio

import pytest
import redis

from queuecore.model import (
    LINES,
    Blocked,
    BlockedLoop,
    Failing,
    Line,
    Releasing,
    Retrying,
    RunnerForgotten,
    State,
)
from queuecore.store import Broker, Figures
from tests.store.scene import DIED, ERROR, SPACE, Scene, id_of, name_of, next_message, token_of
from tests.store.snapshot import GONE

A = id_of("a")


def silence(scene: Scene, runner: str = "runner") -> None:
    """The runner's heartbeat runs out."""
    scene.database.delete(scene.key(f"alive:{runner}"))


# register, unregister


async def test_a_runner_that_leaves_without_jobs_leaves_nothing(scene: Scene) -> None:
    scene.see()
    await scene.register("second")
    await scene.advance(slots=1, runner="second")

    assert await scene.broker.claims.unregister(SPACE, "second") == 0

    assert scene.changes() == {}


async def test_a_runner_with_jobs_stays_registered(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    assert await scene.broker.claims.unregister(SPACE, "runner") == 1

    assert scene.changes() == {}


# heartbeat


async def test_a_heartbeat_lengthens_a_life_and_changes_nothing(scene: Scene) -> None:
    key = scene.key("alive:runner")
    scene.database.pexpire(key, 5_000)
    scene.see()

    await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)

    assert scene.changes() == {}
    assert 50_000 < scene.database.pttl(key) <= 60_000


async def test_a_heartbeat_brings_back_a_registered_runner(scene: Scene) -> None:
    silence(scene)
    scene.see()

    reply = await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)

    assert reply.forgotten == []
    assert scene.changes() == {"alive:runner": "1"}


async def test_a_heartbeat_does_not_bring_back_a_runner_that_was_given_up(scene: Scene) -> None:
    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
    scene.see()

    reply = await scene.broker.upkeep.heartbeat(SPACE, ["runner", "never"], queues=["default"], ttl=60.0)

    assert reply.forgotten == ["runner", "never"]
    assert scene.changes() == {}


async def test_a_heartbeat_names_silent_runners_that_are_not_its_own(scene: Scene) -> None:
    for runner in ("second", "third"):
        await scene.register(runner)
        silence(scene, runner)

    reply = await scene.broker.upkeep.heartbeat(SPACE, ["second"], queues=["default"], ttl=60.0)

    assert reply.suspects == ["third"]


async def test_a_heartbeat_carries_the_cancels_of_its_runners_until_they_are_done(scene: Scene) -> None:
    await scene.register("second")
    await scene.run("a")
    await scene.run("b", runner="second")
    await scene.broker.requests.cancel(A)
    await scene.broker.requests.cancel(id_of("b"))

    reply = await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)
    assert reply.cancels == [(A, "runner")]

    await scene.advance(Releasing(A, 1))
    reply = await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)
    assert reply.cancels == []
    assert scene.see()["cancelling"] == {token_of("b"): "second"}


async def test_a_heartbeat_tells_the_backlog_and_the_next_due_time(scene: Scene) -> None:
    for line in LINES:
        await scene.enqueue(f"{line}1", f"{line}2", line=line)
    await scene.broker.requests.cancel(id_of("low1"))
    await scene.enqueue("later", delay=60.0)

    reply = await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=60.0)

    assert reply.backlog is True
    assert reply.next_due is not None
    assert 50 < reply.next_due <= 60


# take_over


async def test_a_dead_runners_jobs_go_back_and_it_is_forgotten(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    recovered = await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert [(each.id, each.attempt, each.state) for each in recovered] == [(A, 1, State.QUEUED)]
    changed = scene.changes()
    assert changed.pop("history:a")[0]["outcome"] == "crashed"
    assert changed == {
        "job:a STATE": "queued",
        "job:a VERSION": 3,
        "job:a CRASHES": 1,
        "job:a LINE": "default:alone:normal",
        "job:a SEQ": -1,
        "line:default:alone:normal": ["a"],
        "lines default:alone:normal": -1,
        "open": {"default:alone:normal", "default:async:normal"},
        "running:runner": GONE,
        "alive:runner": GONE,
        "runners runner": GONE,
        "statistics crashed": 1,
        "statistics recovered": 1,
    }


async def test_taking_over_twice_is_taking_over_once(scene: Scene) -> None:
    await scene.run("a")
    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
    scene.see()

    assert await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True) == []
    assert await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=False) == []

    assert scene.changes() == {}


async def test_a_silent_runner_that_has_a_heartbeat_after_all_keeps_its_jobs(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    assert await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=False) == []

    assert scene.changes() == {}


async def test_a_silent_runners_jobs_go_back(scene: Scene) -> None:
    await scene.run("a")
    silence(scene)

    recovered = await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=False)

    assert [each.id for each in recovered] == [A]


@pytest.mark.parametrize("seen_dead", [True, False])
@pytest.mark.parametrize("jobs", [3, 100, 350])
async def test_taking_over_keeps_the_order_at_the_front_of_the_line(
    scene: Scene, jobs: int, seen_dead: bool
) -> None:
    names = [str(n) for n in range(jobs)]
    await scene.run(*names)
    await scene.enqueue("next")
    silence(scene)

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=seen_dead)

    # Who was there when a runner died is tried alone; a machine that is gone took the innocent with it.
    assert scene.line(runs="alone") + scene.line() == [*names, "next"]
    assert len(scene.line(runs="alone")) == (jobs if seen_dead else 0)


async def test_a_job_whose_next_crash_would_be_its_last_is_tried_alone_whoever_died(scene: Scene) -> None:
    await scene.run("a", "b", max_crashes=2)
    await scene.enqueue("c")
    silence(scene)

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=False)

    assert (scene.line(runs="alone"), scene.line()) == (["a", "b"], ["c"])


async def test_a_job_in_a_process_is_alone_already(scene: Scene) -> None:
    await scene.enqueue("a", runs="process")
    await scene.advance(slots=1, runs="process")

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert scene.line(runs="process") == ["a"]


async def test_a_job_that_ran_alone_can_be_given_back_to_the_others(scene: Scene) -> None:
    await scene.run("a", line=Line.HIGH)
    await scene.enqueue("b", line=Line.HIGH)
    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
    await scene.register("second")
    await scene.advance(slots=1, runs="alone", runner="second")

    await scene.advance(Releasing(A, 2, to="thread"), runner="second")

    assert scene.line(Line.HIGH, runs="thread") == ["a"]
    assert scene.line(Line.HIGH) == ["b"]


async def test_while_it_is_taken_over_a_runner_may_claim_nothing(scene: Scene) -> None:
    await scene.run("a", "b")
    await scene.enqueue("c")
    reply = await scene.broker.client.run("take_over", scene.key(""), "runner", "dead", "null", 1)
    assert reply[0] == 1

    with pytest.raises(RunnerForgotten):
        await scene.advance(slots=1)

    assert (
        await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)
    ).forgotten == ["runner"]
    assert (scene.line(runs="alone"), scene.line()) == (["b"], ["c"])


async def test_a_runner_that_is_taken_over_is_idle_no_more(scene: Scene) -> None:
    await scene.advance(slots=1)

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert "idle:default:async" not in scene.see()


@pytest.mark.parametrize("how", ["take over", "reconcile", "sweep"])
async def test_what_goes_back_in_line_wakes_an_idle_runner(scene: Scene, how: str) -> None:
    await scene.register("second")
    await scene.run("a")
    runs = "alone" if how == "take over" else "async"
    with scene.listen("control:second") as ears:
        scene.database.sadd(scene.key(f"idle:default:{runs}"), "second")

        match how:
            case "take over":
                await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
            case "reconcile":
                await scene.broker.claims.reconcile(SPACE, "runner", [])
            case "sweep":
                scene.database.hdel(scene.key("runners"), "runner")
                await sweep(scene)

        assert next_message(ears) == f"work {runs}".encode()


async def test_taking_over_fails_what_crashed_too_often(scene: Scene) -> None:
    await scene.enqueue("a", max_crashes=2)
    await scene.enqueue("b")
    for attempt in (1, 2):
        await scene.register("runner")
        await scene.advance(slots=2, runs="async" if attempt == 1 else "alone")
        recovered = await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
        assert {name_of(each.id): each.state for each in recovered} == {
            "a": State.QUEUED if attempt == 1 else State.FAILED,
            "b": State.QUEUED,
        }

    assert (scene.counter("crashed"), scene.counter("recovered"), scene.counter("failed")) == (4, 4, 1)


async def test_taking_over_cancels_what_was_to_be_cancelled(scene: Scene) -> None:
    await scene.run("a")
    await scene.broker.requests.cancel(A)

    recovered = await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert [each.state for each in recovered] == [State.CANCELLED]


async def test_taking_over_drops_what_the_runner_does_not_have(scene: Scene) -> None:
    await scene.register("second")
    await scene.run("a", runner="second")
    scene.database.sadd(scene.key("running:runner"), token_of("a"), token_of("ghost"))
    scene.see()

    assert await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True) == []

    assert scene.changes() == {"running:runner": GONE, "alive:runner": GONE, "runners runner": GONE}


async def test_ten_recoverers_put_a_thousand_jobs_back_once_each(
    scene: Scene, redis_url: str, database: "redis.Redis"
) -> None:
    names = [str(n) for n in range(1000)]
    runners = [f"runner{n}" for n in range(4)]
    await scene.enqueue(*names)
    for runner in runners:
        await scene.register(runner)
        await scene.advance(slots=250, runner=runner)
        silence(scene, runner)
    brokers = [Broker.connect(redis_url) for _ in range(10)]

    recovered = await asyncio.gather(
        *(
            broker.upkeep.recover(SPACE, runner, DIED, seen_dead=False)
            for broker in brokers
            for runner in runners
        )
    )

    for broker in brokers:
        await broker.close()
    assert sorted(name_of(each.id) for reply in recovered for each in reply) == sorted(names)
    line = scene.line()
    assert sorted(line) == sorted(names)
    for first in range(0, 1000, 250):
        block = set(names[first : first + 250])
        assert [name for name in line if name in block] == names[first : first + 250]
    assert scene.counter("recovered") == 1000


async def test_ten_recoverers_keep_one_runners_jobs_in_order(scene: Scene, redis_url: str) -> None:
    names = [str(n) for n in range(1000)]
    await scene.run(*names)
    brokers = [Broker.connect(redis_url) for _ in range(10)]

    await asyncio.gather(
        *(broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True) for broker in brokers)
    )

    for broker in brokers:
        await broker.close()
    assert scene.line(runs="alone") == names


# Being blind


def last_tick(scene: Scene, *, ago: float) -> None:
    seconds, microseconds = scene.database.time()
    now = seconds * 1000 + microseconds // 1000
    scene.database.hset(scene.key("recovery"), "tick", round(now - ago * 1000))


async def test_the_first_look_may_judge(scene: Scene) -> None:
    assert (await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=6.0)).blind == 0


async def test_a_look_soon_after_the_last_may_judge(scene: Scene) -> None:
    last_tick(scene, ago=2.5)

    assert (await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=6.0)).blind == 0


async def test_a_look_long_after_the_last_was_blind_and_judges_nobody_for_one_heartbeats_life(
    scene: Scene,
) -> None:
    last_tick(scene, ago=3.5)
    assert (await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=6.0)).blind == 6.0
    assert 5.0 < (await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=6.0)).blind <= 6.0

    scene.database.hincrby(scene.key("recovery"), "blind_until", -6_000)

    assert (await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=6.0)).blind == 0


# reconcile


async def test_jobs_the_runner_does_not_know_are_given_back_in_order(scene: Scene) -> None:
    await scene.run(*"abcd")
    await scene.enqueue("e")
    scene.see()

    released = await scene.broker.claims.reconcile(SPACE, "runner", [(id_of("c"), 1)])

    assert sorted(name_of(job_id) for job_id in released) == ["a", "b", "d"]
    assert scene.line() == ["a", "b", "d", "e"]
    changed = scene.changes()
    assert changed["running:runner"] == {"c"}
    assert changed["statistics released"] == 3


async def test_a_job_known_by_an_earlier_attempt_is_given_back(scene: Scene) -> None:
    await scene.run("a")
    await scene.advance(Retrying(A, 1, 0.0, ERROR), slots=1)

    assert await scene.broker.claims.reconcile(SPACE, "runner", [(A, 1)]) == [A]


async def test_reconciling_what_agrees_changes_nothing(scene: Scene) -> None:
    await scene.run("a", "b")
    scene.see()

    assert await scene.broker.claims.reconcile(SPACE, "runner", [(A, 1), (id_of("b"), 1)]) == []

    assert scene.changes() == {}


async def test_reconciling_forgets_what_belongs_to_others(scene: Scene) -> None:
    await scene.register("second")
    await scene.run("a", runner="second")
    scene.database.sadd(scene.key("running:runner"), token_of("a"), token_of("ghost"))
    scene.see()

    assert await scene.broker.claims.reconcile(SPACE, "runner", []) == []

    assert scene.changes() == {"running:runner": GONE}


# sweep


async def sweep(scene: Scene) -> list[str]:
    """A whole sweep; the names of what was put right."""
    cursor, repaired = await scene.broker.upkeep.sweep(SPACE)
    while cursor:
        cursor, more = await scene.broker.upkeep.sweep(SPACE, cursor)
        repaired += more
    return sorted(name_of(job_id) for job_id in repaired)


async def test_a_sweep_of_what_is_right_changes_nothing(scene: Scene) -> None:
    await scene.enqueue("d", delay=60.0)
    await scene.run("a")
    await scene.enqueue("b", "c", line=Line.HIGH)
    await scene.broker.requests.cancel(id_of("b"))
    scene.see()

    assert await sweep(scene) == []

    assert scene.changes() == {}


async def test_a_sweep_puts_queued_jobs_back_in_line_in_their_order(scene: Scene) -> None:
    await scene.enqueue("a", "b", "c", "d", "e")
    scene.database.lset(scene.key("line:default:async:normal"), 1, "")
    scene.database.lset(scene.key("line:default:async:normal"), 3, "")

    assert await sweep(scene) == ["b", "d"]

    assert [name for name in scene.line() if name] == ["b", "d", "a", "c", "e"]
    assert await sweep(scene) == []


async def test_after_a_line_was_lost_a_sweep_makes_it_again(scene: Scene) -> None:
    names = [str(n) for n in range(60)]
    await scene.run(*names[:10])
    await scene.enqueue(*names[10:])
    scene.database.delete(scene.key("line:default:async:normal"), scene.key("lines"))

    await sweep(scene)

    assert scene.line() == names[10:]


async def test_a_sweep_puts_a_scheduled_job_back(scene: Scene) -> None:
    await scene.enqueue("a", delay=60.0)
    before = scene.see()
    scene.database.delete(scene.key("scheduled"))

    assert await sweep(scene) == ["a"]

    assert scene.see() == before


async def test_a_sweep_recovers_what_runs_on_an_unknown_runner(scene: Scene) -> None:
    await scene.run("a")
    scene.database.delete(scene.key("runners"))

    assert await sweep(scene) == ["a"]

    assert scene.line() == ["a"]
    assert scene.counter("crashed") == 1
    assert "running:runner" not in scene.see()


async def test_a_sweep_gives_a_running_job_back_to_the_runner_that_has_it(scene: Scene) -> None:
    await scene.run("a", "b")
    before = scene.see()
    scene.database.srem(scene.key("running:runner"), token_of("a"))

    assert await sweep(scene) == ["a"]

    assert scene.see() == before


@pytest.mark.parametrize("key", ["failed", "cancelled"])
async def test_a_sweep_lists_an_ended_job_again_so_that_it_can_expire(scene: Scene, key: str) -> None:
    await scene.enqueue("a")
    if key == "failed":
        await scene.advance(slots=1)
        await scene.advance(Failing(A, 1, ERROR))
    else:
        await scene.broker.requests.cancel(A)
    before = scene.see()
    scene.database.delete(scene.key(key))

    assert await sweep(scene) == ["a"]

    assert scene.see() == before


async def test_a_sweep_leaves_other_queues_alone(scene: Scene) -> None:
    other = scene.key("job:x").replace("default", "default2")
    scene.database.hset(other, "s", "queued")

    assert await sweep(scene) == []

    scene.database.delete(other)


async def test_a_heartbeat_says_what_keeps_an_event_loop_until_it_turns_again(scene: Scene) -> None:
    by = Blocked(job=id_of("a"), kind="mail.send", attempt=1)

    async def beat(blocked: dict[str, tuple[float, Blocked] | None]) -> BlockedLoop | None:
        await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0, blocked=blocked)
        (runner,) = await Figures(scene.broker.client, scene.broker.keys(SPACE)).runners()
        assert runner.alive
        return runner.blocked

    during = await beat({"runner": (5.0, by)})
    nothing_new = await beat({})
    after = await beat({"runner": None})

    assert during is not None
    assert during.by == by
    assert nothing_new == during
    assert after is None


@pytest.mark.parametrize("said", ["x", "12", "12 ", "-1 {}", "9" * 400 + " {}"])
async def test_a_heartbeat_that_says_nothing_sensible_is_one_of_a_loop_that_turns(
    scene: Scene, said: str
) -> None:
    await scene.broker.client.call("SET", scene.key("alive:runner"), said, "PX", 60_000)

    (runner,) = await Figures(scene.broker.client, scene.broker.keys(SPACE)).runners()

    assert (runner.alive, runner.blocked) == (True, None)


async def test_what_is_no_name_of_a_job_is_not_shown_as_one(scene: Scene) -> None:
    said = '12 {"job": "<b>", "kind": "<script>"}'
    await scene.broker.client.call("SET", scene.key("alive:runner"), said, "PX", 60_000)

    (runner,) = await Figures(scene.broker.client, scene.broker.keys(SPACE)).runners()

    assert runner.blocked == BlockedLoop(since_ms=12, by=Blocked())
