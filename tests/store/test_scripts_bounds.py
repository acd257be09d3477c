"""Bounds: what counts under a name, what is refused, and what counts no longer."""

import pytest

from queuecore.model import DEFAULT_LINE, Bound, BoundReached, Completed, Submitted
from queuecore.store import Answer, Entry, EntryOptions, counted_under
from tests.store.scene import SPACE, Scene, id_of, spec, token_of
from tests.store.snapshot import NOW

SPEC = spec()


def ended(most: int | None, name: str = "ann") -> Bound:
    return Bound(name, most)


def kept(most: int | None, amount: int) -> Bound:
    return Bound("ann", most, amount=amount, until="removed")


def entry(name: str, *bounds: Bound, idempotency: str = "", follows: bool = False) -> Entry:
    key = {"idempotency": idempotency, "fingerprint": "f", "window": 60_000} if idempotency else {}
    return Entry(token_of(name), SPEC, EntryOptions(bounds=counted_under(bounds), follows=follows, **key))  # type: ignore[arg-type]


async def put(scene: Scene, *entries: Entry) -> list[Answer]:
    return await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, list(entries))


async def run_all(scene: Scene) -> None:
    """Complete whatever is in line."""
    claims = await scene.advance(slots=1_000)
    await scene.advance(*(Completed(claim.id, 1, b"\xc0") for claim in claims))


async def amounts(scene: Scene, *bounds: Bound) -> list[int]:
    return await scene.broker.requests.amounts(SPACE, bounds)


async def test_a_job_counts_under_its_bounds(scene: Scene) -> None:
    scene.see()

    (answer,) = await put(scene, entry("a", ended(2), kept(100, 60)))

    assert isinstance(answer, Submitted)
    assert scene.changes() == {
        "job:a STATE": "queued",
        "job:a SPEC": SPEC,
        "job:a CREATED": NOW,
        "job:a SEQ": 0,
        "line:default:async:normal": ["a"],
        "open": {"default:async:normal"},
        "recent": ["a"],
        "statistics enqueued": 1,
        "counted:ended:ann": {f"{token_of('a')}:1": NOW},
        "amount:ended:ann": "1",
        "counted:removed:ann": {f"{token_of('a')}:60": NOW},
        "amount:removed:ann": "60",
    }


async def test_a_job_too_many_is_refused_and_nothing_is_stored(scene: Scene) -> None:
    await put(scene, entry("a", ended(2)), entry("b", ended(2)))
    scene.see()

    (answer,) = await put(scene, entry("c", ended(2), idempotency="key"))

    assert isinstance(answer, BoundReached)
    assert (answer.name, answer.until, answer.amount, answer.most) == ("ann", "ended", 2, 2)
    changes = scene.changes()
    assert set(changes) <= {"counted:ended:ann"}, changes


async def test_jobs_that_follow_are_refused_with_the_first_or_counted_with_it(scene: Scene) -> None:
    both = counted_under((ended(3),), (ended(3),))
    first = Entry(token_of("a"), SPEC, EntryOptions(bounds=both))

    taken = await put(scene, first, entry("b", ended(3), follows=True))
    refused = await put(
        scene,
        Entry(token_of("c"), SPEC, EntryOptions(bounds=both)),
        entry("d", ended(3), follows=True),
    )

    assert [type(answer) for answer in taken] == [Submitted, Submitted]
    assert [type(answer) for answer in refused] == [BoundReached, BoundReached]
    assert await amounts(scene, ended(3)) == [2]


async def test_an_ended_job_makes_room_and_one_that_is_kept_makes_none(scene: Scene) -> None:
    await put(scene, entry("a", ended(1), kept(100, 60)))
    await run_all(scene)

    (by_bytes,) = await put(scene, entry("b", ended(1), kept(100, 60)))
    (taken,) = await put(scene, entry("c", ended(1), kept(100, 40)))

    assert isinstance(by_bytes, BoundReached)
    assert by_bytes.until == "removed"
    assert isinstance(taken, Submitted)


async def test_a_key_that_is_known_is_answered_at_the_bound_and_counts_nothing(scene: Scene) -> None:
    await put(scene, entry("a", ended(1), idempotency="key"))

    (answer,) = await put(scene, entry("b", ended(1), idempotency="key"))

    assert answer == Submitted(id_of("a"), created=False)
    assert await amounts(scene, ended(1)) == [1]


async def test_the_same_call_again_counts_nothing(scene: Scene) -> None:
    await put(scene, entry("a", ended(1)))

    (answer,) = await put(scene, entry("a", ended(1)))

    assert answer == Submitted(id_of("a"), created=False)
    assert await amounts(scene, ended(1)) == [1]


async def test_a_bound_without_a_most_counts_and_refuses_nothing(scene: Scene) -> None:
    answers = await put(scene, *(entry(name, ended(None)) for name in "abc"))

    assert all(isinstance(answer, Submitted) for answer in answers)
    assert await amounts(scene, ended(2)) == [3]


async def test_one_name_is_no_business_of_another(scene: Scene) -> None:
    await put(scene, entry("a", ended(1)))

    (answer,) = await put(scene, entry("b", ended(1, name="bob")))

    assert isinstance(answer, Submitted)


async def test_what_ended_is_let_go_by_those_that_come_later(scene: Scene) -> None:
    """The list of a bound that is never reached must not grow with every job there ever was."""
    for number in range(60):
        await put(scene, entry(f"j{number}", ended(1_000)))
        await run_all(scene)

    assert len(scene.database.zrange(scene.key("counted:ended:ann"), 0, -1)) < 5


async def test_room_for_many_is_found_however_many_ended_ones_are_in_the_way(scene: Scene) -> None:
    names = [f"j{number}" for number in range(300)]
    await put(scene, *(entry(name, ended(300)) for name in names))
    await run_all(scene)

    assert await amounts(scene, Bound("ann", 300, amount=300)) == [0]


@pytest.mark.parametrize("lost", ["counted:ended:ann", "amount:ended:ann"])
async def test_a_lost_key_loosens_the_bound_and_breaks_nothing(scene: Scene, lost: str) -> None:
    await put(scene, entry("a", ended(1)))
    scene.database.delete(scene.key(lost))

    (answer,) = await put(scene, entry("b", ended(1)))

    assert isinstance(answer, Submitted)
