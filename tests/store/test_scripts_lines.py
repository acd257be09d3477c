"""Several queues and classes of slot: what a call claims, and who hears of work."""

import pytest

from queuecore.model import Advance, Ask, Line, Releasing, RunnerInfo, Runs
from tests.store.invariants import check
from tests.store.scene import DIED, SPACE, Scene, claimed, id_of, name_of, next_message

BOTH = ("mail", "default")


async def register(scene: Scene, runner: str, *queues: str) -> None:
    info = RunnerInfo(id=runner, worker="worker", host="host", pid=1, queues=queues, slots={"async": 10})
    await scene.broker.claims.register(SPACE, info, ttl=60.0)


async def ask(scene: Scene, *asks: Ask, runner: str = "runner") -> Advance:
    return await scene.broker.claims.advance(SPACE, runner, lane=0, outcomes=[], asks=asks)


def names(advance: Advance, runs: Runs = "async") -> list[str]:
    return [name_of(claim.id) for claim in advance.claims[runs]]


async def test_one_call_claims_for_all_classes_from_all_queues_in_their_order(scene: Scene) -> None:
    for queue in ("default", "mail"):
        for runs in ("async", "thread", "process"):
            await scene.enqueue(f"{queue[0]}{runs[0]}1", f"{queue[0]}{runs[0]}2", queue=queue, runs=runs)
    await scene.enqueue("urgent", queue="default", line=Line.URGENT)

    advance = await ask(
        scene, Ask("async", 4, BOTH), Ask("process", 1, BOTH[::-1]), Ask("thread", 3, ("mail", "other"))
    )

    assert names(advance) == ["ma1", "ma2", "urgent", "da1"]
    assert names(advance, "process") == ["dp1"]
    assert names(advance, "thread") == ["mt1", "mt2"]
    assert {claim.runs for claim in claimed(advance)} == {"async", "thread", "process"}
    check(scene.see())


async def test_a_full_class_of_slot_holds_up_no_other(scene: Scene) -> None:
    await scene.enqueue(*(f"p{n}" for n in range(50)), runs="process")
    await scene.enqueue("a")

    advance = await ask(scene, Ask("async", 5, ("default",)))

    assert names(advance) == ["a"]
    assert await scene.broker.client.call("LLEN", scene.key("line:default:process:normal")) == 50


async def test_a_runner_is_idle_for_its_queues_and_the_classes_it_found_nothing_for(scene: Scene) -> None:
    await scene.enqueue("a")

    await ask(scene, Ask("async", 1, BOTH), Ask("process", 2, BOTH))

    idle = {key for key in scene.see() if key.startswith("idle:")}
    assert idle == {"idle:mail:process", "idle:default:process"}


@pytest.mark.parametrize("runs", ["async", "thread", "process"])
async def test_word_of_work_goes_to_who_is_idle_for_its_queue_and_class(scene: Scene, runs: Runs) -> None:
    await register(scene, "other", "mail")
    await ask(scene, *(Ask(each, 1, ("default",)) for each in ("async", "thread", "process")))
    await ask(scene, *(Ask(each, 1, ("mail",)) for each in ("async", "thread", "process")), runner="other")
    with scene.listen("control:other") as other, scene.listen("control:runner") as runner:
        await scene.enqueue("a", "b", queue="mail", runs=runs)

        assert next_message(other) == f"work {runs}".encode()
        assert runner.get_message(timeout=0.05) is None
    idle = {key: who for key, who in scene.see().items() if key.startswith("idle:")}
    assert f"idle:mail:{runs}" not in idle
    assert len(idle) == 5


async def test_a_job_that_comes_alone_is_handed_to_who_is_idle_for_its_class(scene: Scene) -> None:
    await ask(scene, Ask("process", 1, ("default",)))
    with scene.listen("control:runner") as ears:
        await scene.enqueue("a")
        assert scene.state("a") == "queued"

        await scene.enqueue("b", runs="process")

        assert next_message(ears).startswith(b"job process b---")
    assert scene.state("b") == "running"
    check(scene.see())


async def test_who_runs_anything_is_handed_nothing(scene: Scene) -> None:
    await scene.run("long")
    await ask(scene, Ask("process", 1, ("default",)))
    with scene.listen("control:runner") as ears:
        await scene.enqueue("a", runs="process")

        assert next_message(ears) == b"work process"
    assert scene.state("a") == "queued"


async def test_who_takes_no_more_is_idle_no_more_and_passes_the_word_on(scene: Scene) -> None:
    await register(scene, "other", "default")
    await ask(scene, Ask("async", 1, BOTH), Ask("thread", 1, BOTH))
    await ask(scene, Ask("async", 1, BOTH), runner="other")
    scene.database.srem(scene.key("idle:default:async"), "other")
    with scene.listen("control:other") as ears:
        await scene.enqueue("a", "b")  # "runner" is told
        scene.database.sadd(scene.key("idle:default:async"), "other")

        await ask(scene, Ask("async", 0, BOTH), Ask("thread", 0, BOTH))

        assert next_message(ears) == b"work async"
    assert not any("runner" in who for key, who in scene.see().items() if key.startswith("idle:"))


@pytest.mark.parametrize("how", ["unregister", "take over"])
async def test_who_is_gone_is_idle_for_nothing(scene: Scene, how: str) -> None:
    await register(scene, "other", "mail", "default")
    await ask(scene, *(Ask(runs, 1, BOTH) for runs in ("async", "thread", "process")), runner="other")

    if how == "unregister":
        assert await scene.broker.claims.unregister(SPACE, "other") == 0
    else:
        await scene.broker.upkeep.recover(SPACE, "other", DIED, seen_dead=True)

    assert not [key for key in scene.see() if key.startswith("idle:")]


async def test_a_line_that_lost_its_entry_among_the_open_ones_is_found_by_the_sweep(scene: Scene) -> None:
    await scene.enqueue("a", "b", queue="mail", runs="thread")
    await ask(scene, Ask("thread", 1, ("default",)))
    scene.database.delete(scene.key("open"))
    assert names(await ask(scene, Ask("thread", 1, BOTH)), "thread") == []
    with scene.listen("control:runner") as ears:
        repaired = (await scene.broker.upkeep.sweep(SPACE))[1]

        assert len(repaired) == 1
        assert next_message(ears) == b"work thread"
    assert names(await ask(scene, Ask("thread", 2, BOTH)), "thread") == ["a", "b"]


async def test_an_open_line_with_nothing_in_it_is_closed_by_the_next_claim(scene: Scene) -> None:
    await scene.run("a")  # took exactly what there was
    assert scene.see()["open"] == {"default:async:normal"}

    await ask(scene, Ask("async", 1, ("default",)))

    assert "open" not in scene.see()


async def test_very_many_places_of_cancelled_jobs_cost_one_pass(scene: Scene) -> None:
    line = scene.key("line:default:async:normal")
    for _ in range(20):
        scene.database.rpush(line, *[""] * 10_000)
    scene.database.hset(scene.key("lines"), "default:async:normal.holes", 200_000)
    scene.database.sadd(scene.key("open"), "default:async:normal")
    await scene.enqueue("a")
    scene.database.config_resetstat()

    claims = await scene.advance(slots=1)

    assert [name_of(claim.id) for claim in claims] == ["a"]
    calls = {name: stat["calls"] for name, stat in scene.database.info("commandstats").items()}
    # A thousand at a time.
    assert calls["cmdstat_lpop"] <= 2
    assert calls["cmdstat_lrange"] <= 202
    assert calls["cmdstat_ltrim"] <= 202
    check(scene.see())


async def test_the_backlog_is_that_of_the_queues_asked_for(scene: Scene) -> None:
    await scene.enqueue("a", queue="mail", runs="process")

    for queues, backlog in ((["default"], False), (["mail"], True), (["default", "mail"], True), ([], False)):
        reply = await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=queues, ttl=60.0)
        assert reply.backlog is backlog


async def test_what_is_given_back_wakes_for_its_own_line(scene: Scene) -> None:
    await register(scene, "other", "mail")
    await scene.enqueue("a", queue="mail", runs="process")
    await ask(scene, Ask("process", 1, ("mail",)))
    await ask(scene, Ask("process", 1, ("mail",)), runner="other")
    with scene.listen("control:other") as ears:
        await scene.advance(Releasing(id_of("a"), 1))

        assert next_message(ears) == b"work process"


async def test_a_repeated_call_with_several_asks_gives_each_its_claims_again(scene: Scene) -> None:
    await scene.enqueue("a", "b")
    await scene.enqueue("p", runs="process")
    arguments = ["runner", 0, 1, 0, 3, "async", 1, 1, "default", "thread", 1, 1, "default"]
    arguments += ["process", 5, 2, "mail", "default"]
    first = await scene.broker.client.run("advance", scene.key(""), *arguments)
    scene.see()

    again = await scene.broker.client.run("advance", scene.key(""), *arguments)

    assert scene.changes() == {}
    assert again[:3] == first[:3]
    assert [len(flat) for flat in again[2]] == [2, 0, 2]


async def test_two_spaces_do_not_see_each_other(scene: Scene) -> None:
    await scene.enqueue("a")
    info = RunnerInfo(id="far", worker="w", host="h", pid=1, queues=("default",), slots={"async": 1})
    await scene.broker.claims.register("second", info, ttl=60.0)

    advance = await scene.broker.claims.advance(
        "second", "far", lane=0, outcomes=[], asks=[Ask("async", 1, ("default",))]
    )

    assert claimed(advance) == []
    assert scene.state("a") == "queued"
