"""Paused queues, script by script: nothing is claimed, everything else goes on."""

import pytest

from queuecore import InvalidOption, Queue
from queuecore.model import Ask, Completed, PauseNote
from queuecore.model.limits import BoundLimit
from tests.store.scene import SPACE, Scene, id_of, name_of

NOTE = PauseNote(by="ann", why="the exchange is down")


async def claimed_names(scene: Scene) -> list[str]:
    return [name_of(claim.id) for claim in await scene.advance(slots=5)]


async def test_a_paused_queue_is_not_claimed_from_and_loses_nothing(scene: Scene) -> None:
    await scene.enqueue("a")

    assert await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)
    await scene.enqueue("b")

    assert await claimed_names(scene) == []
    assert await scene.broker.pauses.resume_queue(SPACE, "default")
    assert await claimed_names(scene) == ["a", "b"]


async def test_what_runs_when_its_queue_is_paused_is_settled(scene: Scene) -> None:
    await scene.enqueue("a")
    await scene.advance(slots=1)
    await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)

    await scene.advance(Completed(id_of("a"), 1, b"\xc0"), slots=1)

    assert scene.state("a") == "completed"


async def test_a_job_that_comes_alone_is_not_handed_over_in_a_paused_queue(scene: Scene) -> None:
    with scene.database.pubsub() as ears:
        ears.subscribe(scene.key("control:runner"))
        assert await claimed_names(scene) == []  # it is idle now
        await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)
        assert await claimed_names(scene) == []

        await scene.enqueue("a")

        assert scene.state("a") == "queued"
        assert not scene.database.exists(scene.key("idle:default:async"))


async def test_runners_are_told_when_a_queue_is_resumed_also_by_a_repeated_call(scene: Scene) -> None:
    await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)
    with scene.database.pubsub(ignore_subscribe_messages=True) as ears:
        ears.subscribe(scene.key("control:runner"))
        ears.get_message(timeout=1.0)

        answers = [await scene.broker.pauses.resume_queue(SPACE, "default") for _ in range(2)]

        heard = [ears.get_message(timeout=1.0) for _ in range(8)]
    assert answers == [True, False]
    assert [each["data"] for each in heard if each].count(b"work async") == 2


async def test_a_paused_queue_keeps_no_other_from_being_claimed(scene: Scene) -> None:
    await scene.enqueue("a")
    await scene.broker.pauses.pause_queue(SPACE, "other", NOTE)

    assert await claimed_names(scene) == ["a"]


async def test_the_first_word_on_a_pause_stands(redis_url: str, scene: Scene) -> None:
    await scene.enqueue("a", "b")
    async with Queue.connect(redis_url) as queue:
        assert await queue.pause_queue("default", by="ann", why="the exchange is down")
        assert not await queue.pause_queue("default", by="bob")

        (paused,) = await queue.inspector.figures.paused_queues()

        assert (paused.name, paused.by, paused.why) == ("default", "ann", "the exchange is down")
        assert paused.queued == 2
        assert await queue.resume_queue("default")
        assert not await queue.resume_queue("default")
        assert await queue.inspector.figures.paused_queues() == []


async def test_jobs_in_a_paused_queue_are_no_backlog_of_a_heartbeat(scene: Scene) -> None:
    await scene.enqueue("a")

    async def backlog() -> bool:
        beat = await scene.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)
        return bool(beat.backlog)

    assert await backlog()
    await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)
    assert not await backlog()
    await scene.broker.pauses.resume_queue(SPACE, "default")
    assert await backlog()


async def test_a_claim_that_asks_for_two_queues_leaves_the_paused_one_out(scene: Scene) -> None:
    await scene.enqueue("a")
    await scene.enqueue("b", queue="other")
    await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)

    advance = await scene.broker.claims.advance(
        SPACE, "runner", lane=0, outcomes=[], asks=[Ask("async", 5, ("default", "other"))]
    )

    assert [name_of(claim.id) for claim in advance.claims["async"]] == ["b"]


async def test_a_job_in_a_paused_queue_holds_no_place_of_its_limit(scene: Scene) -> None:
    limit = BoundLimit("one", places=1)
    await scene.enqueue("a", "b", limits=[limit])
    await scene.broker.pauses.pause_queue(SPACE, "default", NOTE)

    assert await claimed_names(scene) == []
    assert not scene.database.exists(scene.key("places:one"))

    await scene.broker.pauses.resume_queue(SPACE, "default")

    assert await claimed_names(scene) == ["a"]
    assert scene.state("b") == "waiting"


async def test_a_pause_that_cannot_be_read_is_listed_and_can_be_resumed(redis_url: str, scene: Scene) -> None:
    scene.database.hset(scene.key("paused"), "default", b"\xff")
    async with Queue.connect(redis_url) as queue:
        (paused,) = await queue.inspector.figures.paused_queues()

        assert (paused.name, paused.since_ms) == ("default", 0)
        assert await queue.resume_queue("default")


@pytest.mark.parametrize("given", [{"by": "a\nb"}, {"why": "x" * 201}, {"by": 7}])
async def test_a_note_that_is_no_short_text_is_refused(redis_url: str, given: dict[str, str]) -> None:
    async with Queue.connect(redis_url) as queue:
        with pytest.raises(InvalidOption):
            await queue.pause_queue("default", **given)
        with pytest.raises(InvalidOption):
            await queue.pause_queue("No Name")
