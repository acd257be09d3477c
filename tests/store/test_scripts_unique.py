"""Unique names, script by script: who holds one, what becomes of a second request, who gets it next."""

import msgspec
import pytest

from queuecore.model import (
    Cancelling,
    Completed,
    Crashing,
    Failing,
    NotUnique,
    Outcome,
    Releasing,
    Retention,
    Retrying,
    State,
    Submitted,
    Ties,
    read_spec,
)
from queuecore.model.limits import BoundLimit
from queuecore.model.unique import BoundUnique, OnConflict
from queuecore.store import Answer, Entry, EntryOptions, Jobs
from tests.store.scene import DIED, ERROR, SPACE, Scene, id_of, name_of, spec, token_of

HOUR = 3600.0
ONE = BoundLimit("one", places=1)
ONCE = BoundUnique("kind:a")
EARLY = BoundUnique("kind:a", started=True)


def unique(conflict: OnConflict, *, started: bool = False) -> BoundUnique:
    return BoundUnique("kind:a", started, conflict)


def holder(scene: Scene) -> str | None:
    token = scene.database.hget(scene.key("unique"), "kind:a")
    return name_of(token.decode()) if token else None


def completed(name: str, attempt: int = 1) -> Completed:
    return Completed(id_of(name), attempt, b"\xc0", tied=True)


async def in_state(scene: Scene, state: str, kept: BoundUnique = ONCE) -> None:
    """A job `a` with the name, in one of the states that a job can be in before its end."""
    match state:
        case "scheduled":
            await scene.enqueue("a", unique=kept, delay=HOUR)
        case "queued":
            await scene.enqueue("a", unique=kept)
        case "waiting":
            await scene.run("z", limits=[ONE])
            await scene.enqueue("a", unique=kept, limits=[ONE])
        case "running":
            await scene.run("a", unique=kept)
        case "backing off":
            await scene.run("a", unique=kept)
            await scene.advance(Retrying(id_of("a"), 1, HOUR, ERROR))
    assert scene.state("a") == state.replace("backing off", "scheduled")


LIVE = ("scheduled", "queued", "waiting", "running", "backing off")
FREEING: list[Outcome] = [
    completed("a"),
    Failing(id_of("a"), 1, ERROR),
    Cancelling(id_of("a"), 1),
]
KEEPING: list[Outcome] = [
    Retrying(id_of("a"), 1, 60.0, ERROR),
    Retrying(id_of("a"), 1, 0.0, ERROR),
    Releasing(id_of("a"), 1),
    Crashing(id_of("a"), 1, DIED),
]


async def test_a_new_job_takes_its_name(scene: Scene) -> None:
    scene.see()

    answers = await scene.enqueue("a", unique=ONCE)

    assert answers == [Submitted(id_of("a"), created=True)]
    changes = scene.changes()
    assert changes["unique kind:a"] == "a"
    assert changes["job:a STATE"] == "queued"
    assert scene.line() == ["a"]


@pytest.mark.parametrize("state", LIVE)
async def test_a_second_request_is_answered_with_the_job_that_is_there(scene: Scene, state: str) -> None:
    await in_state(scene, state)
    scene.see()

    answers = await scene.enqueue("b", unique=ONCE)

    assert answers == [Submitted(id_of("a"), created=False, conflict="existing", other=id_of("a"))]
    assert scene.changes() == {}


@pytest.mark.parametrize("state", LIVE)
async def test_a_second_request_is_refused_with_the_id_of_the_first(scene: Scene, state: str) -> None:
    await in_state(scene, state)
    scene.see()

    (refused,) = await scene.enqueue("b", unique=unique("refuse"))

    assert isinstance(refused, NotUnique)
    assert refused.job_id == id_of("a")
    assert scene.changes() == {}


@pytest.mark.parametrize("conflict", ["replace", "keep_last"])
@pytest.mark.parametrize("state", [state for state in LIVE if state != "running"])
async def test_a_job_that_does_not_run_is_replaced(scene: Scene, state: str, conflict: OnConflict) -> None:
    await in_state(scene, state)
    scene.see()

    answers = await scene.enqueue("b", unique=unique(conflict))

    assert answers == [Submitted(id_of("b"), created=True, conflict="replaced", other=id_of("a"))]
    assert (scene.state("a"), scene.state("b"), holder(scene)) == ("cancelled", "queued", "b")
    assert [name_of(claim.id) for claim in await scene.advance(slots=10)] == ["b"]
    assert scene.counter("orphans") == 0


async def test_a_running_job_is_not_replaced(scene: Scene) -> None:
    await in_state(scene, "running")
    scene.see()

    (refused,) = await scene.enqueue("b", unique=unique("replace"))

    assert isinstance(refused, NotUnique)
    assert scene.changes() == {}


async def test_behind_one_that_runs_only_the_newest_waits(scene: Scene) -> None:
    last = unique("keep_last")
    await in_state(scene, "running", last)

    first = await scene.enqueue("b", unique=last)
    second = await scene.enqueue("c", unique=last)

    assert first == [Submitted(id_of("b"), created=True, conflict="waits", other=id_of("a"))]
    assert second == [Submitted(id_of("c"), created=True, conflict="replaced", other=id_of("b"))]
    assert (scene.state("b"), scene.state("c"), holder(scene)) == ("cancelled", "waiting", "a")
    record = await Jobs(scene.broker.client, scene.broker.keys, retention=Retention()).record(id_of("c"))
    assert record.waits_for is not None
    assert (record.waits_for.reason, record.waits_for.name, record.unique) == ("unique", "kind:a", "kind:a")


@pytest.mark.parametrize("outcome", FREEING, ids=repr)
async def test_the_end_of_a_job_frees_its_name(scene: Scene, outcome: Outcome) -> None:
    await in_state(scene, "running")

    await scene.advance(outcome)

    assert holder(scene) is None
    assert not scene.database.exists(scene.key("unique"))


@pytest.mark.parametrize("outcome", FREEING, ids=repr)
async def test_the_end_of_a_job_lets_the_one_behind_it_go(scene: Scene, outcome: Outcome) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"))

    claims = await scene.advance(outcome, slots=1)

    assert [name_of(claim.id) for claim in claims] == ["b"]
    assert holder(scene) == "b"
    assert not scene.database.exists(scene.key("followers:kind:a"), scene.key("waiting"))


@pytest.mark.parametrize("outcome", KEEPING, ids=repr)
async def test_a_job_that_goes_on_later_keeps_its_name(scene: Scene, outcome: Outcome) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"))

    await scene.advance(outcome)

    assert (holder(scene), scene.state("b")) == ("a", "waiting")


@pytest.mark.parametrize("state", LIVE)
async def test_a_cancelled_job_frees_its_name(scene: Scene, state: str) -> None:
    await in_state(scene, state)

    await scene.broker.requests.cancel(id_of("a"))
    if state == "running":
        assert holder(scene) == "a"
        await scene.advance(Cancelling(id_of("a"), 1))

    assert holder(scene) is None


async def test_one_that_waits_for_the_name_and_is_cancelled_leaves_it_to_its_holder(scene: Scene) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"))

    await scene.broker.requests.cancel(id_of("b"))
    await scene.advance(completed("a"))

    assert (scene.state("b"), holder(scene)) == ("cancelled", None)


async def test_one_that_waits_for_the_name_also_waits_for_its_time(scene: Scene) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"), delay=HOUR)

    await scene.advance(completed("a"))

    assert (scene.state("b"), holder(scene)) == ("scheduled", "b")


async def test_a_job_that_was_killed_too_often_frees_its_name(scene: Scene) -> None:
    await scene.run("a", unique=ONCE, max_crashes=1)

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert (scene.state("a"), holder(scene)) == ("failed", None)


async def test_a_recovered_job_keeps_its_name(scene: Scene) -> None:
    await in_state(scene, "running")

    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert (scene.state("a"), holder(scene)) == ("queued", "a")


async def test_a_name_until_the_start_is_free_from_the_claim_on(scene: Scene) -> None:
    await in_state(scene, "queued", EARLY)

    await scene.advance(slots=1)
    assert holder(scene) is None
    await scene.enqueue("b", unique=EARLY)
    await scene.advance(Retrying(id_of("a"), 1, 0.0, ERROR))

    assert holder(scene) == "b"


async def test_the_name_of_a_job_that_is_no_more_is_free(scene: Scene) -> None:
    await in_state(scene, "queued")
    scene.database.delete(scene.job_key("a"))

    answers = await scene.enqueue("b", unique=unique("refuse"))

    assert answers == [Submitted(id_of("b"), created=True)]


async def test_nothing_is_left_of_names_when_jobs_are_pruned(scene: Scene) -> None:
    await in_state(scene, "running")
    await scene.advance(completed("a"))

    await scene.broker.pruning.delete(id_of("a"))

    assert not [key for key in scene.see() if key.startswith(("job:", "unique", "followers"))]


# Several in one call, and calls that are repeated.


@pytest.mark.parametrize(
    ("conflict", "states", "line"),
    [
        ("existing", ("queued", "gone", "gone"), ["a"]),
        ("refuse", ("queued", "gone", "gone"), ["a"]),
        ("replace", ("cancelled", "cancelled", "queued"), ["", "", "c"]),
        ("keep_last", ("cancelled", "cancelled", "queued"), ["", "", "c"]),
    ],
)
async def test_equal_names_in_one_call_are_as_in_three(
    scene: Scene, conflict: OnConflict, states: tuple[str, ...], line: list[str]
) -> None:
    await scene.enqueue("a", "b", "c", unique=unique(conflict))

    assert tuple(scene.state(name) for name in "abc") == states
    assert scene.line() == line
    assert [name_of(claim.id) for claim in await scene.advance(slots=10)] == line[-1:]


@pytest.mark.parametrize("conflict", ["existing", "refuse", "replace", "keep_last"])
@pytest.mark.parametrize("state", LIVE)
async def test_a_call_that_is_repeated_changes_nothing(
    scene: Scene, state: str, conflict: OnConflict
) -> None:
    await in_state(scene, state)
    (first,) = await scene.enqueue("b", unique=unique(conflict))
    scene.see()

    (again,) = await scene.enqueue("b", unique=unique(conflict))

    assert scene.changes() == {}
    assert type(again) is type(first)
    assert getattr(again, "id", None) == getattr(first, "id", None)


async def test_an_idempotency_key_remembers_the_job_that_stands_for_its_request(scene: Scene) -> None:
    await in_state(scene, "queued")
    keyed = EntryOptions(
        idempotency="key", fingerprint="f", window=60_000, ties=Ties(unique=unique("existing"))
    )
    line = "default:async:normal"
    await scene.broker.requests.enqueue(SPACE, line, [Entry(token_of("b"), spec(), keyed)])
    await scene.broker.requests.cancel(id_of("a"))

    answers = await scene.broker.requests.enqueue(SPACE, line, [Entry(token_of("c"), spec(), keyed)])

    assert answers == [Submitted(id_of("a"), created=False)]


async def test_a_refused_request_leaves_its_idempotency_key_free(scene: Scene) -> None:
    await in_state(scene, "queued")
    keyed = EntryOptions(
        idempotency="key", fingerprint="f", window=60_000, ties=Ties(unique=unique("refuse"))
    )
    line = "default:async:normal"
    await scene.broker.requests.enqueue(SPACE, line, [Entry(token_of("b"), spec(), keyed)])
    await scene.broker.requests.cancel(id_of("a"))

    answers = await scene.broker.requests.enqueue(SPACE, line, [Entry(token_of("b"), spec(), keyed)])

    assert answers == [Submitted(id_of("b"), created=True)]


# Requeue.


@pytest.mark.parametrize("kept", [ONCE, EARLY], ids=["final", "started"])
async def test_a_requeued_job_takes_its_name_again(scene: Scene, kept: BoundUnique) -> None:
    await in_state(scene, "running", kept)
    await scene.advance(Failing(id_of("a"), 1, ERROR))

    assert await scene.broker.requests.requeue(id_of("a")) is State.QUEUED

    assert holder(scene) == "a"


async def test_a_requeue_is_refused_while_another_job_holds_the_name(scene: Scene) -> None:
    await in_state(scene, "running")
    await scene.advance(Failing(id_of("a"), 1, ERROR))
    await scene.enqueue("b", unique=ONCE)
    scene.see()

    with pytest.raises(NotUnique) as refused:
        await scene.broker.requests.requeue(id_of("a"))

    assert refused.value.job_id == id_of("b")
    assert scene.changes() == {}


# With limits.


async def test_a_job_that_waits_for_a_limit_holds_its_name(scene: Scene) -> None:
    await in_state(scene, "waiting")
    await scene.advance(completed("z"))

    claims = await scene.advance(slots=10)

    assert [name_of(claim.id) for claim in claims] == ["a"]
    assert holder(scene) == "a"


async def test_a_name_until_the_start_is_kept_by_a_job_that_a_claim_sets_aside(scene: Scene) -> None:
    await scene.enqueue("z", limits=[ONE])
    await scene.enqueue("a", limits=[ONE], unique=EARLY)

    await scene.advance(slots=10)

    assert (scene.state("a"), holder(scene)) == ("waiting", "a")


async def test_a_replaced_job_passes_its_place_on(scene: Scene) -> None:
    await scene.run("z", limits=[ONE])
    await scene.enqueue("a", limits=[ONE], unique=ONCE)
    await scene.enqueue("y", limits=[ONE])
    await scene.advance(completed("z"))
    assert (scene.state("a"), scene.state("y")) == ("queued", "waiting")

    await scene.enqueue("b", limits=[ONE], unique=unique("replace"))

    assert scene.state("y") == "queued"


# What the sweep puts right.


async def test_a_name_whose_holder_is_gone_is_freed(scene: Scene) -> None:
    await in_state(scene, "queued")
    scene.database.delete(scene.job_key("a"))

    assert await scene.broker.upkeep.sweep_unique(SPACE) == (0, ["kind:a"])

    assert holder(scene) is None


@pytest.mark.parametrize("state", ["completed 1 tied", "failed 1 tied", "cancelled 1 tied"])
async def test_a_name_whose_holder_has_ended_goes_to_the_next(scene: Scene, state: str) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"))
    scene.database.hset(scene.job_key("a"), "s", state)

    assert await scene.broker.upkeep.sweep_unique(SPACE) == (0, ["kind:a"])

    assert (holder(scene), scene.state("b")) == ("b", "queued")


@pytest.mark.parametrize("state", LIVE)
async def test_names_that_are_held_rightly_stay(scene: Scene, state: str) -> None:
    await in_state(scene, state)
    await scene.enqueue("b", unique=unique("keep_last"))
    scene.see()

    assert await scene.broker.upkeep.sweep_unique(SPACE) == (0, [])
    assert await scene.broker.upkeep.sweep(SPACE) == (0, [])

    assert scene.changes() == {}


@pytest.mark.parametrize("state", LIVE)
async def test_a_live_job_gets_its_lost_name_again(scene: Scene, state: str) -> None:
    await in_state(scene, state)
    scene.database.delete(scene.key("unique"))

    assert await scene.broker.upkeep.sweep(SPACE) == (0, [id_of("a")])

    assert holder(scene) == "a"


@pytest.mark.parametrize("lost", ["followers:kind:a", "waiting"])
async def test_one_that_stands_behind_nobody_any_more_is_put_back(scene: Scene, lost: str) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"))
    before = scene.see()
    scene.database.delete(scene.key(lost))

    assert await scene.broker.upkeep.sweep(SPACE) == (0, [id_of("b")])

    assert scene.see() == before


async def test_one_that_waits_for_a_name_nobody_holds_gets_it(scene: Scene) -> None:
    await in_state(scene, "running")
    await scene.enqueue("b", unique=unique("keep_last"))
    scene.database.delete(scene.key("unique"), scene.job_key("a"))

    assert await scene.broker.upkeep.sweep(SPACE) == (0, [id_of("b")])

    assert (scene.state("b"), holder(scene)) == ("queued", "b")


# Debounce: later requests postpone the job and bring their arguments.

QUIET = BoundUnique("kind:a", True, "postpone", quiet=10_000, longest=30_000)


async def request(scene: Scene, name: str, number: int) -> Answer:
    entry = Entry(token_of(name), spec(n=number), EntryOptions(delay=10_000, ties=Ties(unique=QUIET)))
    return (await scene.broker.requests.enqueue(SPACE, "default:async:normal", [entry]))[0]


def argument(scene: Scene, name: str) -> object:
    packed = read_spec(scene.database.hget(scene.job_key(name), "p") or b"")
    return msgspec.msgpack.decode(packed.args)


async def test_a_later_request_brings_its_arguments_and_another_quiet_time(scene: Scene) -> None:
    await request(scene, "a", 1)
    earlier = scene.database.zscore(scene.key("scheduled"), token_of("a"))
    scene.database.hset(scene.job_key("a"), "d", int(earlier or 0) - 5_000)

    answer = await request(scene, "b", 2)

    assert answer == Submitted(id_of("a"), created=False, conflict="postponed", other=id_of("a"))
    assert (argument(scene, "a"), scene.state("a"), scene.state("b")) == ({"n": 2}, "scheduled", "gone")
    due = scene.database.zscore(scene.key("scheduled"), token_of("a"))
    assert due == int(scene.database.hget(scene.job_key("a"), "d") or 0)
    assert due >= (earlier or 0)


async def test_a_job_is_not_postponed_beyond_its_longest_wait(scene: Scene) -> None:
    await request(scene, "a", 1)
    long_ago = int(scene.database.hget(scene.job_key("a"), "c") or 0) - 29_000
    scene.database.hset(scene.job_key("a"), mapping={"c": long_ago, "d": long_ago + 10_000})

    await request(scene, "b", 2)

    assert int(scene.database.hget(scene.job_key("a"), "d") or 0) == long_ago + 30_000
    assert argument(scene, "a") == {"n": 2}


@pytest.mark.parametrize("state", ["queued", "waiting"])
async def test_what_has_not_started_gets_the_later_arguments(scene: Scene, state: str) -> None:
    await in_state(scene, state, QUIET)

    answer = await request(scene, "b", 2)

    assert isinstance(answer, Submitted)
    assert answer.conflict == "postponed"
    assert (argument(scene, "a"), scene.state("a")) == ({"n": 2}, "queued")
    assert holder(scene) == "a"


async def test_a_request_after_the_start_makes_another_job(scene: Scene) -> None:
    await in_state(scene, "running", QUIET)

    answer = await request(scene, "b", 2)

    assert answer == Submitted(id_of("b"), created=True)
    assert scene.state("b") == "scheduled"


@pytest.mark.parametrize("state", LIVE)
async def test_only_what_was_debounced_is_postponed(scene: Scene, state: str) -> None:
    await in_state(scene, state)
    scene.see()

    assert isinstance(await request(scene, "b", 2), NotUnique)

    assert scene.changes() == {}


# Several that are stored together or not at all.


def together(name: str, kept: BoundUnique, *, leads: bool = False) -> Entry:
    return Entry(token_of(name), spec(), EntryOptions(ties=Ties(unique=kept), together=leads))


async def test_one_that_is_refused_refuses_all_that_come_with_it(scene: Scene) -> None:
    await in_state(scene, "running")
    scene.see()
    entries = [together("b", BoundUnique("kind:b"), leads=True), together("c", unique("replace"))]

    answers = await scene.broker.requests.enqueue(SPACE, "default:async:normal", entries)

    assert [isinstance(answer, NotUnique) and name_of(answer.job_id) for answer in answers] == ["a", "a"]
    assert scene.changes() == {}


async def test_those_that_come_together_meet_each_other(scene: Scene) -> None:
    entries = [together("b", unique("refuse"), leads=True), together("c", unique("refuse"))]
    scene.see()

    answers = await scene.broker.requests.enqueue(SPACE, "default:async:normal", entries)

    assert all(isinstance(answer, NotUnique) for answer in answers)
    assert scene.changes() == {}


async def test_together_stored_they_are_not_refused_by_themselves_when_the_call_is_repeated(
    scene: Scene,
) -> None:
    entries = [
        together("b", unique("refuse"), leads=True),
        together("c", BoundUnique("kind:c", False, "refuse")),
    ]
    await scene.broker.requests.enqueue(SPACE, "default:async:normal", entries)

    answers = await scene.broker.requests.enqueue(SPACE, "default:async:normal", entries)

    assert answers == [Submitted(id_of("b"), created=False), Submitted(id_of("c"), created=False)]
