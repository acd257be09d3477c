"""enqueue and promote: one call, and everything that changes by it."""

import pytest

from queuecore.model import DEFAULT_LINE, LINES, Completed, IdempotencyConflict, Line, Submitted
from queuecore.store import Entry, EntryOptions
from queuecore.store.keys import SPEC_IN_MESSAGE
from tests.store.invariants import check
from tests.store.scene import SPACE, Scene, id_of, next_message, spec, token_of
from tests.store.snapshot import GONE, NOW

HOUR = 3600.0
SPEC = spec()


def keyed(name: str, *, fingerprint: str = "f", key: str = "key", window: int = 60_000) -> Entry:
    return Entry(token_of(name), SPEC, EntryOptions(idempotency=key, fingerprint=fingerprint, window=window))


def following(name: str) -> Entry:
    return Entry(token_of(name), SPEC, EntryOptions(follows=True))


async def test_a_plain_job_goes_to_the_end_of_the_normal_line(scene: Scene) -> None:
    await scene.enqueue("a")
    scene.see()

    await scene.enqueue("b")

    assert scene.changes() == {
        "job:b STATE": "queued",
        "job:b SPEC": SPEC,
        "job:b CREATED": NOW,
        "job:b SEQ": 1,
        "line:default:async:normal": ["a", "b"],
        "recent": ["a", "b"],
        "statistics enqueued": 2,
    }


async def test_a_job_with_options_is_stored_with_them(scene: Scene) -> None:
    scene.see()

    await scene.enqueue("a", line=Line.URGENT, owner="me", max_crashes=5)

    assert scene.changes() == {
        "job:a STATE": "queued",
        "job:a SPEC": SPEC,
        "job:a CREATED": NOW,
        "job:a SEQ": 0,
        "job:a LINE": "default:async:urgent",
        "job:a OWNER": "me",
        "job:a MAX_CRASHES": 5,
        "line:default:async:urgent": ["a"],
        "open": {"default:async:urgent"},
        "owned:me": {"a": NOW},
        "recent": ["a"],
        "statistics enqueued": 1,
    }


async def test_a_delayed_job_waits_in_no_line(scene: Scene) -> None:
    scene.see()

    await scene.enqueue("a", delay=HOUR, line=Line.LOW)

    assert scene.changes() == {
        "job:a STATE": "scheduled",
        "job:a SPEC": SPEC,
        "job:a CREATED": NOW,
        "job:a DUE": NOW,
        "job:a SEQ": 0,
        "job:a LINE": "default:async:low",
        "scheduled": {"a": NOW},
        "recent": ["a"],
        "statistics enqueued": 1,
    }
    due, created = (int(value or 0) for value in scene.database.hmget(scene.job_key("a"), "d", "c"))
    assert due - created == HOUR * 1000


async def test_large_batches_keep_their_order_in_each_line(scene: Scene) -> None:
    lines = [LINES[index % 4] for index in range(2500)]

    for line in LINES:
        names = [str(index) for index in range(2500) if lines[index] is line]
        await scene.enqueue(*names, line=line)

    for line in LINES:
        assert scene.line(line) == [str(index) for index in range(2500) if lines[index] is line]
    assert scene.counter("enqueued") == 2500


async def test_the_same_ids_again_change_nothing(scene: Scene) -> None:
    entries = [
        Entry(token_of("a"), SPEC),
        Entry(token_of("b"), SPEC, EntryOptions(owner="me")),
        keyed("c"),
    ]
    first = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)
    scene.see()

    again = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)

    assert scene.changes() == {}
    assert first == [Submitted(id_of(name), created=True) for name in "abc"]
    assert again == [Submitted(id_of(name), created=False) for name in "abc"]


async def test_one_id_twice_in_a_batch_is_one_job(scene: Scene) -> None:
    answers = await scene.broker.requests.enqueue(
        SPACE, DEFAULT_LINE, [Entry(token_of("a"), SPEC), Entry(token_of("a"), SPEC)]
    )

    assert [answer.created for answer in answers if isinstance(answer, Submitted)] == [True, False]
    assert scene.line() == ["a"]
    assert scene.counter("enqueued") == 1


async def test_a_known_idempotency_key_answers_with_the_earlier_job(scene: Scene) -> None:
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("a")])
    scene.see()

    answers = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("b")])

    assert answers == [Submitted(id_of("a"), created=False)]
    assert scene.changes() == {}


@pytest.mark.parametrize("fingerprint", ["f", "other"])
async def test_jobs_that_follow_one_whose_key_is_known_are_not_stored_either(
    scene: Scene, fingerprint: str
) -> None:
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("a")])
    scene.see()

    answers = await scene.broker.requests.enqueue(
        SPACE, DEFAULT_LINE, [keyed("b", fingerprint=fingerprint), following("c"), following("d")]
    )

    assert scene.changes() == {}
    earlier = [answer.job_id if isinstance(answer, IdempotencyConflict) else answer.id for answer in answers]
    assert earlier == [id_of("a")] * 3
    assert all(isinstance(answer, IdempotencyConflict) == (fingerprint == "other") for answer in answers)


async def test_jobs_that_follow_one_with_a_new_key_are_stored_with_it(scene: Scene) -> None:
    entries = [keyed("a"), following("b"), following("c")]

    first = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)
    again = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)

    assert first == [Submitted(id_of(name), created=True) for name in "abc"]
    assert again == [Submitted(id_of(name), created=False) for name in "abc"]
    assert scene.line() == ["a", "b", "c"]


async def test_a_known_idempotency_key_with_other_content_is_a_conflict(scene: Scene) -> None:
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("a")])
    scene.see()

    conflict, other = await scene.broker.requests.enqueue(
        SPACE, DEFAULT_LINE, [keyed("b", fingerprint="g h"), Entry(token_of("c"), SPEC)]
    )

    assert isinstance(conflict, IdempotencyConflict)
    assert conflict.job_id == id_of("a")
    assert other == Submitted(id_of("c"), created=True)
    assert scene.line() == ["a", "c"]


async def test_two_equal_keys_in_one_batch_are_one_job(scene: Scene) -> None:
    answers = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("a"), keyed("b")])

    assert answers == [Submitted(id_of("a"), created=True), Submitted(id_of("a"), created=False)]
    assert scene.line() == ["a"]


async def test_an_idempotency_key_ends_with_its_window(scene: Scene) -> None:
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("a", window=60_000)])
    key = scene.key("idempotency:key")
    assert 0 < scene.database.pttl(key) <= 60_000
    scene.database.delete(key)

    answers = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("b")])

    assert answers == [Submitted(id_of("b"), created=True)]


async def test_an_idempotency_key_of_a_removed_job_is_free(scene: Scene) -> None:
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("a")])
    await scene.broker.requests.cancel(id_of("a"))
    await scene.broker.pruning.delete(id_of("a"))

    answers = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [keyed("b")])

    assert answers == [Submitted(id_of("b"), created=True)]


@pytest.mark.parametrize("delay", [0.0, HOUR])
async def test_enqueue_wakes_one_idle_runner_that_can_hear(scene: Scene, delay: float) -> None:
    await scene.register("deaf")
    await scene.advance(slots=1)
    await scene.advance(slots=1, runner="deaf")
    with scene.listen("control:runner") as ears:
        await scene.enqueue("a", "b", delay=delay)

        assert next_message(ears) == b"work async"
        assert "runner" not in scene.see().get("idle:default:async", set())


async def test_a_job_that_comes_alone_is_handed_to_a_runner_with_nothing_to_do(scene: Scene) -> None:
    await scene.advance(slots=1)
    scene.see()
    with scene.listen("control:runner") as ears:
        await scene.enqueue("a")

        assert next_message(ears) == b"job async " + token_of("a").encode() + b" " + SPEC
        assert scene.changes() == {
            "job:a STATE": "running",
            "job:a ATTEMPT": 1,
            "job:a VERSION": 2,
            "job:a SPEC": SPEC,
            "job:a CREATED": NOW,
            "job:a SEQ": 0,
            "job:a RUNNER": "runner",
            "job:a STARTED": NOW,
            "idle:default:async": GONE,
            "lines default:async:normal": 1,
            "running:runner": {"a"},
            "recent": ["a"],
            "statistics enqueued": 1,
        }
        check(scene.see())

        again = await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, [Entry(token_of("a"), SPEC)])

        assert again == [Submitted(id_of("a"), created=False)]
        assert scene.changes() == {}
        assert ears.get_message(timeout=0.05) is None

    await scene.advance(Completed(id_of("a"), 1, b"\x01"), slots=1)
    assert scene.state("a") == "completed"


@pytest.mark.parametrize("reason", ["busy", "deaf", "large", "two", "delayed", "owned", "line"])
async def test_any_other_job_stands_in_line(scene: Scene, reason: str) -> None:
    with scene.listen("control:other" if reason == "deaf" else "control:runner"):
        if reason == "busy":
            await scene.run("running")
        if reason == "line":
            await scene.enqueue("first")
            scene.database.sadd(scene.key("idle:default:async"), "runner")
        else:
            await scene.advance(slots=1)
        large = spec(text="x" * SPEC_IN_MESSAGE) if reason == "large" else SPEC
        entries = [Entry(token_of(name), large) for name in ("ab" if reason == "two" else "a")]
        if reason == "owned":
            entries = [Entry(token_of("a"), SPEC, EntryOptions(owner="me"))]
        if reason == "delayed":
            entries = [Entry(token_of("a"), SPEC, EntryOptions(delay=1000))]

        await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)

        assert scene.state("a") == ("scheduled" if reason == "delayed" else "queued")
        assert (
            "idle:default:async" not in scene.see()
        )  # the runner was told that there is work, or cannot hear
        check(scene.see())


async def test_due_jobs_go_to_the_end_of_their_lines_in_order(scene: Scene) -> None:
    await scene.enqueue("a")
    await scene.enqueue("late", delay=HOUR)
    await scene.enqueue("c", "b", delay=HOUR)
    await scene.enqueue("u", delay=HOUR, line=Line.URGENT)
    scene.database.zadd(scene.key("scheduled"), {token_of("b"): 1, token_of("c"): 2, token_of("u"): 3})
    scene.see()

    await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=1.0)

    assert scene.changes() == {
        **{f"job:{name} STATE": "queued" for name in "bcu"},
        **{f"job:{name} VERSION": 2 for name in "bcu"},
        **{f"job:{name} DUE": GONE for name in "bcu"},
        "job:b SEQ": 1,
        "job:c SEQ": 2,
        "line:default:async:normal": ["a", "b", "c"],
        "line:default:async:urgent": ["u"],
        "open": {"default:async:normal", "default:async:urgent"},
        "scheduled": {"late": NOW},
    }


async def test_a_claim_promotes_first(scene: Scene) -> None:
    await scene.enqueue("a", delay=HOUR)
    scene.database.zadd(scene.key("scheduled"), {token_of("a"): 1})

    claims = await scene.advance(slots=1)

    assert [claim.id for claim in claims] == [id_of("a")]


async def test_what_is_scheduled_and_has_no_job_is_dropped(scene: Scene) -> None:
    scene.database.zadd(scene.key("scheduled"), {token_of("ghost"): 1})
    scene.see()

    await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=1.0)

    assert scene.changes() == {"scheduled": GONE}
