"""cancel, requeue, delete, expired, prune, progress and watch: one call, and all it changes."""

import pytest

from queuecore.client import Inspector
from queuecore.model import (
    AttemptRecord,
    Cancelling,
    Completed,
    Crashing,
    Failing,
    JobNotFound,
    Line,
    Progress,
    ProgressReply,
    ProgressUpdate,
    Releasing,
    Retention,
    Retrying,
    State,
    StateConflict,
)
from queuecore.store.keys import LOG_LENGTH, RECENT_LENGTH
from tests.store.scene import DIED, ERROR, SPACE, Scene, id_of, name_of, next_message, token_of
from tests.store.snapshot import GONE, NOW

A = id_of("a")
AT_ONCE = Retention(completed=0, failed=0, cancelled=0)
RESULT = b"\x01"


async def in_state(scene: Scene, state: State, name: str = "a", owner: str = "") -> None:
    """A job in the given state."""
    delay = 60.0 if state is State.SCHEDULED else 0.0
    await scene.enqueue(name, delay=delay, owner=owner)
    if state in (State.SCHEDULED, State.QUEUED):
        return
    if state is State.CANCELLED:
        await scene.broker.requests.cancel(id_of(name))
        return
    await scene.advance(slots=1)
    if state is State.COMPLETED:
        await scene.advance(Completed(id_of(name), 1, RESULT))
    if state is State.FAILED:
        await scene.advance(Failing(id_of(name), 1, ERROR))


# cancel


async def test_cancel_of_a_queued_job_leaves_a_hole_and_everyone_elses_place(scene: Scene) -> None:
    await scene.enqueue("a", "b", "c", "d")
    scene.see()

    assert await scene.broker.requests.cancel(id_of("b")) is State.CANCELLED

    assert scene.changes() == {
        "job:b STATE": "cancelled",
        "job:b FINISHED": NOW,
        "job:b VERSION": 2,
        "line:default:async:normal": ["a", "", "c", "d"],
        "lines default:async:normal.holes": 1,
        "cancelled": {"b": NOW},
        "statistics cancelled": 1,
    }
    assert await scene.broker.requests.cancel(id_of("d")) is State.CANCELLED
    assert scene.line() == ["a", "", "c", ""]


async def test_cancel_of_a_scheduled_job_ends_it(scene: Scene) -> None:
    await in_state(scene, State.SCHEDULED)
    scene.see()

    assert await scene.broker.requests.cancel(A) is State.CANCELLED

    assert scene.changes() == {
        "job:a STATE": "cancelled",
        "job:a DUE": GONE,
        "job:a FINISHED": NOW,
        "job:a VERSION": 2,
        "scheduled": GONE,
        "cancelled": {"a": NOW},
        "statistics cancelled": 1,
    }


async def test_cancel_of_a_running_job_asks_its_runner(scene: Scene) -> None:
    await in_state(scene, State.RUNNING)
    scene.see()
    with scene.listen("control:runner") as ears:
        assert await scene.broker.requests.cancel(A) is State.RUNNING

        assert next_message(ears) == b"cancel " + token_of("a").encode()
    assert scene.changes() == {"job:a CANCEL": 1, "job:a VERSION": 3, "cancelling a": "runner"}


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RUNNING, State.CANCELLED])
async def test_cancel_again_gives_the_same_answer_and_changes_nothing(scene: Scene, state: State) -> None:
    await in_state(scene, state)
    first = await scene.broker.requests.cancel(A)
    scene.see()

    assert await scene.broker.requests.cancel(A) is first

    assert scene.changes() == {}


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
async def test_cancel_of_an_ended_job_is_a_conflict(scene: Scene, state: State) -> None:
    await in_state(scene, state)
    scene.see()

    with pytest.raises(StateConflict) as conflict:
        await scene.broker.requests.cancel(A)

    assert conflict.value.state == state
    assert scene.changes() == {}


@pytest.mark.parametrize("job_id", [A, "nonsense", "", "main." + "x" * 23, "Main." + "x" * 22])
async def test_what_is_no_job_cannot_be_found(scene: Scene, job_id: str) -> None:
    for ask in (scene.broker.requests.cancel, scene.broker.requests.requeue, scene.broker.pruning.delete):
        with pytest.raises(JobNotFound):
            await ask(job_id)


async def test_cancel_finds_a_job_in_a_line_that_grew_at_its_front(scene: Scene) -> None:
    await scene.run("a", "b")
    await scene.enqueue("c")
    await scene.advance(Releasing(A, 1), Releasing(id_of("b"), 1))

    await scene.broker.requests.cancel(id_of("b"))

    assert scene.line() == ["a", "", "c"]


# requeue


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_requeue_gives_a_new_series_of_attempts_at_the_end_of_the_line(
    scene: Scene, state: State
) -> None:
    await scene.run("a", line=Line.HIGH)
    await scene.enqueue("b", line=Line.HIGH)
    await scene.broker.claims.progress(
        SPACE,
        [ProgressUpdate(A, 1, Progress(0.5, 1, 2, "", "", None, None, None), checkpoint=b"here")],
    )
    if state is State.CANCELLED:
        await scene.broker.requests.cancel(A)
    await scene.advance(Failing(A, 1, ERROR))
    assert scene.state("a") == state
    scene.see()

    assert await scene.broker.requests.requeue(A) is State.QUEUED

    changed = scene.changes()
    version = changed.pop("job:a VERSION")
    assert version in (5, 6)
    assert changed == {
        "job:a STATE": "queued",
        "job:a SEQ": 2,
        "job:a FINISHED": GONE,
        "job:a PROGRESS": GONE,
        "job:a PROGRESSED": GONE,
        **({"job:a ERROR": GONE, "job:a FAILURES": GONE} if state is State.FAILED else {}),
        "line:default:async:high": ["b", "a"],
        str(state): GONE,
        "statistics requeued": 1,
    }


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RUNNING, State.COMPLETED])
async def test_requeue_of_another_state_is_a_conflict(scene: Scene, state: State) -> None:
    await in_state(scene, state)
    scene.see()

    with pytest.raises(StateConflict) as conflict:
        await scene.broker.requests.requeue(A)

    assert conflict.value.state == state
    assert scene.changes() == {}


async def test_requeue_forgets_the_crashes_of_the_series_before(scene: Scene) -> None:
    await scene.run("a", max_crashes=1)
    await scene.advance(Crashing(A, 1, DIED))
    assert scene.state("a") == State.FAILED

    await scene.broker.requests.requeue(A)

    assert "CRASHES" not in scene.see()[f"job:{token_of('a')}"]


async def test_requeue_whose_reply_was_lost_is_no_conflict(scene: Scene) -> None:
    await in_state(scene, State.FAILED)
    first = await scene.broker.client.run("requeue", scene.key(""), token_of("a"), "nonce")
    scene.see()

    again = await scene.broker.client.run("requeue", scene.key(""), token_of("a"), "nonce")

    assert again == first == [b"failed", b"queued", b""]
    assert scene.changes() == {}


async def test_requeue_wakes_an_idle_runner(scene: Scene) -> None:
    await in_state(scene, State.FAILED)
    await scene.advance(slots=1)
    with scene.listen("control:runner") as ears:
        await scene.broker.requests.requeue(A)

        assert next_message(ears) == b"work async"


# delete, expired and prune


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_delete_of_an_ended_job_leaves_nothing_of_it(scene: Scene, state: State) -> None:
    empty = scene.see()
    await scene.enqueue("a", owner="me")
    await scene.advance(slots=1)
    await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, log=("a line",))])
    await scene.advance(Retrying(A, 1, 0.0, ERROR), slots=1)
    if state is State.CANCELLED:
        await scene.broker.requests.cancel(A)
    outcome = Completed(A, 2, RESULT) if state is State.COMPLETED else Failing(A, 2, ERROR)
    await scene.advance(outcome)
    assert scene.state("a") == state

    await scene.broker.pruning.delete(A)

    after = scene.see()
    assert after.pop("statistics")["pruned"] == 1
    # Where the line began and that it may have jobs, and a cancel that the next heartbeat forgets.
    after.pop("lines")
    after.pop("open")
    after.pop("cancelling", None)
    assert after == empty


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RUNNING])
async def test_delete_of_a_live_job_is_a_conflict(scene: Scene, state: State) -> None:
    await in_state(scene, state)
    scene.see()

    with pytest.raises(StateConflict) as conflict:
        await scene.broker.pruning.delete(A)

    assert conflict.value.state == state
    assert scene.changes() == {}


async def test_prune_again_gives_the_same_answer_and_changes_nothing(scene: Scene) -> None:
    await in_state(scene, State.COMPLETED)
    first = await scene.broker.pruning.prune(SPACE, [A], AT_ONCE)
    scene.see()

    assert await scene.broker.pruning.prune(SPACE, [A], AT_ONCE) == first == [A]

    assert scene.changes() == {}


async def test_prune_removes_what_has_outlived_its_retention_and_nothing_else(scene: Scene) -> None:
    ended = {"c": State.COMPLETED, "f": State.FAILED, "x": State.CANCELLED}
    for name, state in ended.items():
        await in_state(scene, state, name)
        await in_state(scene, state, f"old{name}")
        scene.database.hincrby(scene.job_key(f"old{name}"), "e", -10_000)
    for key, name in (("failed", "oldf"), ("cancelled", "oldx")):
        scene.database.zincrby(scene.key(key), -10_000, token_of(name))
    scene.database.lpush(scene.key("completed"), scene.database.rpop(scene.key("completed")))
    retention = Retention(completed=5, failed=5, cancelled=5)

    expired = await scene.broker.pruning.expired(SPACE, retention)
    gone = await scene.broker.pruning.prune(SPACE, [*expired, id_of("c")], retention)

    assert sorted(expired) == sorted(gone) == sorted(id_of(f"old{name}") for name in ended)
    after = scene.see()
    assert {name_of(key.removeprefix("job:")) for key in after if key.startswith("job:")} == set(ended)
    assert [len(after[key]) for key in ("completed", "failed", "cancelled")] == [1, 1, 1]


async def test_each_state_has_its_own_retention(scene: Scene) -> None:
    for state in (State.COMPLETED, State.FAILED, State.CANCELLED):
        await in_state(scene, state, state)

    for state in (State.COMPLETED, State.FAILED, State.CANCELLED):
        retention = Retention(**{"completed": 60, "failed": 60, "cancelled": 60, state: 0})
        assert await scene.broker.pruning.expired(SPACE, retention) == [id_of(state)]


async def test_prune_trims_the_lists_that_are_kept_in_order(scene: Scene) -> None:
    names = [str(n) for n in range(350)]
    claims = await scene.run(*names)
    await scene.advance(*(Completed(claim.id, 1, RESULT) for claim in claims))
    await scene.broker.pruning.prune(SPACE, [id_of(name) for name in names[1:340]], AT_ONCE)
    assert len(scene.see()["completed"]) == 350

    await scene.broker.pruning.prune(SPACE, [id_of("0")], AT_ONCE)

    after = scene.see()
    assert [name_of(token) for token in after["completed"]] == names[340:]
    assert [name_of(token) for token in after["recent"]] == names[340:]


async def test_an_index_entry_whose_job_is_gone_is_pruned(scene: Scene) -> None:
    for state in (State.COMPLETED, State.FAILED, State.CANCELLED):
        await in_state(scene, state, state)
        scene.database.delete(scene.job_key(state))

    expired = await scene.broker.pruning.expired(SPACE, AT_ONCE)
    await scene.broker.pruning.prune(SPACE, expired, AT_ONCE)

    assert await scene.broker.pruning.expired(SPACE, AT_ONCE) == []
    assert {"failed", "cancelled"}.isdisjoint(scene.see())


async def test_expired_is_answered_a_page_at_a_time(scene: Scene) -> None:
    names = [str(n) for n in range(25)]
    claims = await scene.run(*names)
    await scene.advance(*(Completed(claim.id, 1, RESULT) for claim in claims))
    seen = []

    while expired := await scene.broker.pruning.expired(SPACE, AT_ONCE, limit=10):
        assert len(expired) <= 10
        seen += await scene.broker.pruning.prune(SPACE, expired, AT_ONCE)

    assert [name_of(job_id) for job_id in seen] == names


async def test_the_list_of_recent_jobs_is_bounded_though_its_oldest_job_stays(scene: Scene) -> None:
    await scene.enqueue("old", delay=1e6)
    scene.database.rpush(scene.key("recent"), *["gone"] * (RECENT_LENGTH + 500))
    await in_state(scene, State.COMPLETED)

    await scene.broker.pruning.delete(A)

    assert scene.database.llen(scene.key("recent")) == RECENT_LENGTH


# progress


async def test_progress_is_stored_with_checkpoint_and_log(scene: Scene) -> None:
    await in_state(scene, State.RUNNING)
    progress = Progress(0.5, 5, 10, "rows", "halfway", None, 2.5, 2.0)
    scene.see()

    reply = await scene.broker.claims.progress(
        SPACE, [ProgressUpdate(A, 1, progress, b"checkpoint", ("one", "two"))]
    )

    assert reply == ProgressReply([], [])
    changed = scene.changes()
    assert changed.pop("job:a PROGRESS")
    assert changed == {
        "job:a VERSION": 3,
        "job:a PROGRESSED": NOW,
        "job:a CHECKPOINT": "checkpoint",
        "log:a": ["one", "two"],
    }


async def test_progress_of_an_attempt_that_lost_its_job_changes_nothing_but_a_counter(scene: Scene) -> None:
    await in_state(scene, State.RUNNING)
    await scene.advance(Releasing(A, 1), slots=1)
    scene.see()

    reply = await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, None, b"late", ("late",))])

    assert reply.fenced == [A]
    assert scene.changes() == {"statistics fenced": 1}


async def test_progress_hears_of_a_cancel(scene: Scene) -> None:
    await in_state(scene, State.RUNNING)
    await scene.broker.requests.cancel(A)

    reply = await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, log=("a line",))])

    assert reply.cancelled == [A]


async def test_a_log_keeps_its_latest_lines(scene: Scene) -> None:
    await in_state(scene, State.RUNNING)
    lines = tuple(str(n) for n in range(20_000))

    await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, log=("early",))])
    await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, log=lines)])

    assert scene.see()[f"log:{token_of('a')}"] == list(range(20_000))[-LOG_LENGTH:]


# watch


@pytest.mark.parametrize(
    "change",
    [
        "claim",
        "cancel",
        "complete",
        "retry",
        "fail",
        "release",
        "crash",
        "progress",
        "promote",
        "requeue",
        "delete",
    ],
)
async def test_every_change_is_told_to_who_watches(scene: Scene, change: str) -> None:
    before = {
        "claim": State.QUEUED,
        "cancel": State.QUEUED,
        "promote": State.SCHEDULED,
        "requeue": State.FAILED,
        "delete": State.FAILED,
    }.get(change, State.RUNNING)
    await in_state(scene, before)
    version = await watch(scene, since=-1)
    assert await watch(scene, since=version) == version
    with scene.listen("changed:client") as ears:
        match change:
            case "claim":
                await scene.advance(slots=1)
            case "cancel":
                await scene.broker.requests.cancel(A)
            case "complete":
                await scene.advance(Completed(A, 1, RESULT))
            case "retry":
                await scene.advance(Retrying(A, 1, 60.0, ERROR))
            case "fail":
                await scene.advance(Failing(A, 1, ERROR))
            case "release":
                await scene.advance(Releasing(A, 1))
            case "crash":
                await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
            case "progress":
                await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, log=("a line",))])
            case "promote":
                scene.database.zadd(scene.key("scheduled"), {token_of("a"): 1})
                await scene.broker.upkeep.heartbeat(SPACE, [], queues=["default"], ttl=1.0)
            case "requeue":
                await scene.broker.requests.requeue(A)
            case "delete":
                await scene.broker.pruning.delete(A)

        told = 0 if change == "delete" else version + 1
        assert next_message(ears) == f"{token_of('a')} {told}".encode()
    assert await watch(scene, since=version) == told


@pytest.mark.parametrize("ending", ["complete", "fail", "cancel", "prune"])
async def test_who_watched_is_forgotten_when_the_job_ends(scene: Scene, ending: str) -> None:
    await in_state(scene, State.FAILED if ending == "prune" else State.RUNNING)
    assert await watch(scene, since=10) > 0
    assert scene.database.exists(scene.key("watched"))

    match ending:
        case "complete":
            await scene.advance(Completed(A, 1, RESULT))
        case "fail":
            await scene.advance(Failing(A, 1, ERROR))
        case "cancel":
            await scene.broker.requests.cancel(A)
            await scene.advance(Cancelling(A, 1))
        case "prune":
            await scene.broker.pruning.delete(A)

    assert not scene.database.exists(scene.key("watched"))


async def test_watching_what_is_completed_leaves_no_name(scene: Scene) -> None:
    await in_state(scene, State.COMPLETED)

    assert await watch(scene, since=10) == 3

    assert not scene.database.exists(scene.key("watched"))


async def test_watching_what_already_changed_leaves_no_name(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    assert await watch(scene, since=1) == 2

    assert scene.changes() == {}


async def test_watching_what_is_not_there_leaves_nothing(scene: Scene) -> None:
    scene.see()

    assert await watch(scene, since=1) == 0

    assert scene.changes() == {}


async def test_only_the_latest_watchers_are_kept(scene: Scene) -> None:
    await scene.enqueue("a")

    for n in range(40):
        await scene.broker.client.run("watch", scene.key(""), token_of("a"), f"client{n}", 1)
    await scene.broker.client.run("watch", scene.key(""), token_of("a"), "client39", 1)

    names = scene.see()[f"job:{token_of('a')}"]["WATCH"].split()
    assert names == [f"client{n}" for n in range(24, 40)]


async def test_an_ended_attempt_without_history_is_still_listed(scene: Scene) -> None:
    await in_state(scene, State.COMPLETED)
    job = await Inspector(scene.broker, space=SPACE).jobs.record(A)

    assert job.attempts == (
        AttemptRecord(1, "runner", job.started_ms or 0, job.finished_ms, "completed", None),
    )


async def watch(scene: Scene, *, since: int) -> int:
    return int(await scene.broker.client.run("watch", scene.key(""), token_of("a"), "client", since))
