"""advance: what each outcome does, what a claim takes, and that a repeated call is the same call."""

import asyncio
from typing import Any

import pytest

from queuecore.model import (
    DEFAULT_LINE,
    LINES,
    Cancelling,
    Completed,
    Crashing,
    Failing,
    Line,
    Outcome,
    ProgressUpdate,
    Releasing,
    Retrying,
    RunnerForgotten,
)
from queuecore.store import Broker
from tests.store.scene import (
    DIED,
    ERROR,
    SPACE,
    Scene,
    asks,
    claimed,
    id_of,
    name_of,
    next_message,
    spec,
    token_of,
)
from tests.store.snapshot import GONE, NOW

A = id_of("a")
ERROR_JSON = '{"type":"wrong","title":"It went wrong.","detail":"Somewhere.","retryable":true}'
DIED_JSON = '{"type":"died","title":"The runner died.","detail":"","retryable":true}'

EVERY_OUTCOME: list[Outcome] = [
    Completed(A, 1, b"\x01"),
    Retrying(A, 1, 0.0, ERROR),
    Retrying(A, 1, 60.0, ERROR),
    Failing(A, 1, ERROR),
    Releasing(A, 1),
    Crashing(A, 1, DIED),
    Cancelling(A, 1),
]


def attempt_of(number: int, outcome: str, error: Any = None) -> dict[str, Any]:
    return {
        "attempt": number,
        "runner": "runner",
        "started_ms": NOW,
        "ended_ms": NOW,
        "outcome": outcome,
        "error": error,
    }


def record(error: Any) -> dict[str, Any]:
    return {"type": error.type, "title": error.title, "detail": error.detail, "retryable": error.retryable}


async def test_a_claim_takes_the_oldest_job(scene: Scene) -> None:
    await scene.enqueue("a", "b")
    scene.see()

    claims = await scene.advance(slots=1)

    assert [(claim.id, claim.attempt, claim.kind, bytes(claim.args)) for claim in claims] == [
        (A, 1, "kind", b"\x80")
    ]
    assert scene.changes() == {
        "job:a STATE": "running",
        "job:a ATTEMPT": 1,
        "job:a VERSION": 2,
        "job:a RUNNER": "runner",
        "job:a STARTED": NOW,
        "line:default:async:normal": ["b"],
        "lines default:async:normal": 1,
        "running:runner": {"a"},
    }


async def test_urgent_lines_go_first(scene: Scene) -> None:
    for line in reversed(LINES):
        await scene.enqueue(f"{line}1", f"{line}2", line=line)

    claims = await scene.advance(slots=7)

    assert [name_of(claim.id) for claim in claims] == [f"{line}{n}" for line in LINES for n in (1, 2)][:7]


async def test_a_claim_that_finds_too_little_makes_the_runner_idle(scene: Scene) -> None:
    await scene.enqueue("a")
    scene.see()

    await scene.advance(slots=2)

    assert scene.changes()["idle:default:async"] == {"runner"}


async def test_a_claim_that_fills_its_slots_takes_the_runner_off_the_idle(scene: Scene) -> None:
    await scene.enqueue("a")
    scene.database.sadd(scene.key("idle:default:async"), "runner")

    await scene.advance(slots=1)

    assert "idle:default:async" not in scene.see()


async def test_a_claim_passes_the_word_on_while_there_is_more(scene: Scene) -> None:
    await scene.register("other")
    await scene.advance(slots=1, runner="other")
    with scene.listen("control:other") as ears:
        scene.database.delete(scene.key("idle:default:async"))
        await scene.enqueue("a", "b")
        scene.database.sadd(scene.key("idle:default:async"), "other")

        await scene.advance(slots=1)

        assert next_message(ears) == b"work async"


async def test_an_answer_says_when_the_next_scheduled_job_is_due(scene: Scene) -> None:
    await scene.enqueue("a", delay=60.0)

    advance = await scene.broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(1))

    assert claimed(advance) == []
    assert advance.next_due is not None
    assert 50 < advance.next_due <= 60


async def test_a_claim_passes_over_places_that_cancelled_jobs_left(scene: Scene) -> None:
    names = [str(n) for n in range(10)]
    await scene.enqueue(*names)
    for name in ("0", "1", "5", "9"):
        await scene.broker.requests.cancel(id_of(name))
    assert scene.line() == ["", "", "2", "3", "4", "", "6", "7", "8", ""]

    claims = await scene.advance(slots=4)

    assert [name_of(claim.id) for claim in claims] == ["2", "3", "4", "6"]
    assert scene.line() == ["7", "8", ""]
    assert scene.see()["lines"] == {DEFAULT_LINE: 7, f"{DEFAULT_LINE}.holes": 1}


@pytest.mark.parametrize("cancelled", [999, 1_000, 2_500])
async def test_a_claim_jumps_over_very_many_cancelled_jobs(scene: Scene, cancelled: int) -> None:
    names = [str(n) for n in range(cancelled)]
    await scene.enqueue(*names, "a", "b")
    await asyncio.gather(*(scene.broker.requests.cancel(id_of(name)) for name in names))

    claims = await scene.advance(slots=1)

    assert [name_of(claim.id) for claim in claims] == ["a"]
    assert scene.see()["lines"] == {DEFAULT_LINE: cancelled + 1, f"{DEFAULT_LINE}.holes": 0}


async def test_a_line_of_cancelled_jobs_only_is_emptied(scene: Scene) -> None:
    await scene.enqueue("a", "b", "c")
    for name in "abc":
        await scene.broker.requests.cancel(id_of(name))

    assert await scene.advance(slots=1) == []

    after = scene.see()
    assert "line:default:async:normal" not in after
    assert "open" not in after
    assert after["lines"] == {DEFAULT_LINE: 3, f"{DEFAULT_LINE}.holes": 0}


async def test_an_id_in_line_without_a_job_is_dropped_and_counted(scene: Scene) -> None:
    await scene.enqueue("a", "b")
    scene.database.delete(scene.job_key("a"))
    scene.see()

    claims = await scene.advance(slots=1)

    assert [name_of(claim.id) for claim in claims] == ["b"]
    assert scene.counter("orphans") == 1


async def test_complete_stores_the_result(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    await scene.advance(Completed(A, 1, b"\x01"))

    assert scene.changes() == {
        "job:a STATE": "completed",
        "job:a FINISHED": NOW,
        "job:a VERSION": 3,
        "job:a RESULT": "\x01",
        "running:runner": GONE,
        "completed": ["a"],
        "statistics completed": 1,
    }


async def test_retry_with_a_delay_schedules_the_job(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    await scene.advance(Retrying(A, 1, 60.0, ERROR))

    assert scene.changes() == {
        "job:a STATE": "scheduled",
        "job:a DUE": NOW,
        "job:a VERSION": 3,
        "job:a FAILURES": 1,
        "history:a": [attempt_of(1, "failed", record(ERROR))],
        "running:runner": GONE,
        "scheduled": {"a": NOW},
        "statistics retried": 1,
    }


async def test_retry_without_a_delay_goes_to_the_end_of_the_line(scene: Scene) -> None:
    await scene.run("a")
    await scene.enqueue("b")
    scene.see()

    await scene.advance(Retrying(A, 1, 0.0, ERROR, "timed_out"))

    assert scene.changes() == {
        "job:a STATE": "queued",
        "job:a SEQ": 2,
        "job:a VERSION": 3,
        "job:a FAILURES": 1,
        "history:a": [attempt_of(1, "timed_out", record(ERROR))],
        "line:default:async:normal": ["b", "a"],
        "running:runner": GONE,
        "statistics retried": 1,
        "statistics timed_out": 1,
    }


async def test_fail_ends_the_job_with_its_error(scene: Scene) -> None:
    await scene.run("a")
    scene.see()

    await scene.advance(Failing(A, 1, ERROR))

    assert scene.changes() == {
        "job:a STATE": "failed",
        "job:a FINISHED": NOW,
        "job:a VERSION": 3,
        "job:a FAILURES": 1,
        "job:a ERROR": ERROR_JSON,
        "history:a": [attempt_of(1, "failed", record(ERROR))],
        "running:runner": GONE,
        "failed": {"a": NOW},
        "statistics failed": 1,
    }


@pytest.mark.parametrize("cancel", [False, True])
async def test_an_attempt_that_timed_out_is_counted_though_it_was_the_last(
    scene: Scene, cancel: bool
) -> None:
    await scene.run("a")
    if cancel:
        await scene.broker.requests.cancel(A)

    await scene.advance(Failing(A, 1, ERROR, "timed_out"))

    assert scene.counter("timed_out") == 1


async def test_release_puts_the_job_back_to_the_front_unspent(scene: Scene) -> None:
    await scene.run("a")
    await scene.enqueue("b")
    scene.see()

    await scene.advance(Releasing(A, 1))

    assert scene.changes() == {
        "job:a STATE": "queued",
        "job:a VERSION": 3,
        "history:a": [attempt_of(1, "released")],
        "line:default:async:normal": ["a", "b"],
        "lines default:async:normal": 0,
        "running:runner": GONE,
        "statistics released": 1,
    }


@pytest.mark.parametrize("order", ["abcd", "dcba", "cadb"])
@pytest.mark.parametrize("verb", ["release", "crash"])
async def test_jobs_given_back_together_keep_their_order(scene: Scene, order: str, verb: str) -> None:
    await scene.run(*"abcd")
    await scene.enqueue("e")

    await scene.advance(
        *(
            Releasing(id_of(name), 1) if verb == "release" else Crashing(id_of(name), 1, DIED)
            for name in order
        )
    )

    assert scene.line() == list("abcde")


async def test_jobs_given_back_go_to_the_front_of_their_own_lines(scene: Scene) -> None:
    await scene.enqueue("h", "i", line=Line.HIGH)
    await scene.enqueue("n", "o")
    claims = await scene.advance(slots=4)
    await scene.enqueue("j", line=Line.HIGH)

    await scene.advance(*(Releasing(claim.id, 1) for claim in claims))

    assert (scene.line(Line.HIGH), scene.line()) == (["h", "i", "j"], ["n", "o"])


async def test_a_crash_puts_the_job_back_to_the_front_and_is_counted_apart(scene: Scene) -> None:
    await scene.run("a")
    await scene.enqueue("b")
    scene.see()

    await scene.advance(Crashing(A, 1, DIED))

    assert scene.changes() == {
        "job:a STATE": "queued",
        "job:a VERSION": 3,
        "job:a CRASHES": 1,
        "history:a": [attempt_of(1, "crashed", record(DIED))],
        "line:default:async:normal": ["a", "b"],
        "lines default:async:normal": 0,
        "running:runner": GONE,
        "statistics crashed": 1,
    }


async def test_a_job_that_crashes_too_often_fails(scene: Scene) -> None:
    await scene.run("a", max_crashes=2)
    await scene.advance(Crashing(A, 1, DIED), slots=1)
    scene.see()

    await scene.advance(Crashing(A, 2, DIED))

    assert scene.changes() == {
        "job:a STATE": "failed",
        "job:a FINISHED": NOW,
        "job:a VERSION": 5,
        "job:a CRASHES": 2,
        "job:a ERROR": DIED_JSON,
        "history:a": [attempt_of(n, "crashed", record(DIED)) for n in (1, 2)],
        "running:runner": GONE,
        "failed": {"a": NOW},
        "statistics crashed": 2,
        "statistics failed": 1,
    }


async def test_stop_ends_the_job_as_cancelled(scene: Scene) -> None:
    await scene.run("a")
    await scene.broker.requests.cancel(A)
    scene.see()

    await scene.advance(Cancelling(A, 1))

    assert scene.changes() == {
        "job:a STATE": "cancelled",
        "job:a CANCEL": GONE,
        "job:a FINISHED": NOW,
        "job:a VERSION": 4,
        "history:a": [attempt_of(1, "cancelled")],
        "running:runner": GONE,
        "cancelled": {"a": NOW},
        "statistics cancelled": 1,
    }


@pytest.mark.parametrize("outcome", EVERY_OUTCOME[1:], ids=repr)
async def test_an_attempt_without_a_result_ends_a_job_whose_cancel_was_asked_for(
    scene: Scene, outcome: Outcome
) -> None:
    await scene.run("a")
    await scene.broker.requests.cancel(A)

    await scene.advance(outcome, slots=1)

    after = scene.see()
    assert scene.state("a") == "cancelled"
    assert {"line:default:async:normal", "scheduled", "failed", "running:runner"}.isdisjoint(after)
    assert "CANCEL" not in after[f"job:{token_of('a')}"]


async def test_a_result_is_accepted_though_a_cancel_was_asked_for(scene: Scene) -> None:
    await scene.run("a")
    await scene.broker.requests.cancel(A)

    await scene.advance(Completed(A, 1, b"\x01"))

    assert scene.state("a") == "completed"


@pytest.mark.parametrize("outcome", EVERY_OUTCOME, ids=repr)
async def test_an_attempt_that_lost_its_job_changes_nothing_but_a_counter(
    scene: Scene, outcome: Outcome
) -> None:
    await scene.register("second")
    await scene.run("a")
    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
    await scene.register("runner")
    await scene.advance(slots=1, runner="second")
    scene.see()

    advance = await scene.broker.claims.advance(SPACE, "runner", lane=1, outcomes=[outcome], asks=asks(0))

    assert advance.fenced == [A]
    assert scene.changes() == {"statistics fenced": 1}


@pytest.mark.parametrize("outcome", EVERY_OUTCOME, ids=repr)
async def test_a_second_outcome_of_one_attempt_changes_nothing_but_a_counter(
    scene: Scene, outcome: Outcome
) -> None:
    await scene.run("a")
    await scene.advance(Completed(A, 1, b"\x01"))
    scene.see()

    advance = await scene.broker.claims.advance(SPACE, "runner", lane=1, outcomes=[outcome], asks=asks(0))

    assert advance.fenced == [A]
    assert scene.changes() == {"statistics fenced": 1}


async def test_an_outcome_of_a_job_that_is_gone_is_fenced(scene: Scene) -> None:
    scene.see()

    advance = await scene.broker.claims.advance(
        SPACE, "runner", lane=0, outcomes=[Completed(A, 1, b"\x01")], asks=asks(0)
    )

    assert advance.fenced == [A]
    assert scene.changes() == {"statistics fenced": 1}


async def test_an_attempt_that_is_named_twice_in_a_call_completes_once(scene: Scene) -> None:
    await scene.run("a")
    outcome = Completed(A, 1, b"\x01")

    advance = await scene.broker.claims.advance(
        SPACE, "runner", lane=0, outcomes=[outcome, outcome], asks=asks(0)
    )

    assert advance.fenced == [A]
    assert scene.see()["completed"] == [token_of("a")]
    assert (scene.counter("completed"), scene.counter("fenced")) == (1, 1)


async def test_a_job_that_vanished_while_it_ran_stays_gone(scene: Scene) -> None:
    await scene.run("a")
    scene.database.delete(scene.job_key("a"))

    advance = await scene.broker.claims.advance(
        SPACE, "runner", lane=0, outcomes=[Completed(A, 1, b"\x01")], asks=asks(0)
    )

    assert advance.fenced == [A]
    assert scene.state("a") == "gone"
    assert "running:runner" not in scene.see()


async def test_a_later_attempt_completes_under_its_own_number_only(scene: Scene) -> None:
    await scene.run("a")
    await scene.advance(Retrying(A, 1, 0.0, ERROR))
    await scene.advance(slots=1)

    early = await scene.broker.claims.advance(
        SPACE, "runner", lane=0, outcomes=[Completed(A, 1, b"\x01")], asks=asks(0)
    )
    assert early.fenced == [A]
    assert scene.state("a") == "running"

    await scene.advance(Completed(A, 2, b"\x02"))
    assert scene.state("a") == "completed"


async def test_thousands_of_attempts_complete_in_one_call(scene: Scene) -> None:
    names = [str(n) for n in range(2_500)]
    claims = await scene.run(*names)

    await scene.advance(*(Completed(claim.id, claim.attempt, b"\x01") for claim in claims))

    assert scene.counter("completed") == 2_500
    assert "running:runner" not in scene.see()


async def test_a_repeated_call_gives_the_same_answer_and_changes_nothing(scene: Scene) -> None:
    await scene.run("a", "b")
    await scene.enqueue("c", "d")
    arguments = [
        *("runner", 0, 7, 1, 1),
        *("async", 2, 1, "default"),
        *(token_of("a"), b"\x01"),
        *("retry", token_of("b"), b"failed 0 " + ERROR_JSON.encode()),
        *("release", token_of("ghost"), b""),
    ]
    first = await scene.broker.client.run("advance", scene.key(""), *arguments)
    scene.see()

    again = await scene.broker.client.run("advance", scene.key(""), *arguments)

    assert scene.changes() == {}
    assert again[:3] == first[:3]
    assert [name_of(token.decode()) for token in again[2][0][::2]] == ["c", "d"]


async def test_a_repeated_call_gives_checkpoints_again(scene: Scene) -> None:
    await scene.run("a")
    await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, checkpoint=b"here")])
    await scene.advance(Retrying(A, 1, 0.0, ERROR))
    arguments = ["runner", 0, 7, 0, 1, "async", 1, 1, "default"]

    first = await scene.broker.client.run("advance", scene.key(""), *arguments)
    again = await scene.broker.client.run("advance", scene.key(""), *arguments)

    assert first[2][0] == again[2][0] == [token_of("a").encode(), [spec(), b"2", b"1", b"", b"here", b""]]


async def test_a_call_that_arrives_after_a_later_one_changes_nothing(scene: Scene) -> None:
    await scene.enqueue("a", "b", "c")
    base = scene.key("")
    await scene.broker.client.run("advance", base, "runner", 0, 1, 0, 1, "async", 1, 1, "default")
    await scene.broker.client.run("advance", base, "runner", 0, 2, 0, 0)
    await scene.broker.client.run("advance", base, "runner", 0, 3, 0, 0)
    scene.see()

    await scene.broker.client.run("advance", base, "runner", 0, 2, 0, 1, "async", 2, 1, "default")

    assert scene.changes() == {}


async def test_lanes_number_their_calls_apart(scene: Scene) -> None:
    await scene.enqueue("a", "b")

    claims = await scene.advance(slots=1, lane=0) + await scene.advance(slots=1, lane=1)

    assert [name_of(claim.id) for claim in claims] == ["a", "b"]


async def test_a_call_that_was_cut_short_is_ended_before_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.run("a", "b")
    await scene.enqueue("c", "d")
    run = scene.broker.client.run

    async def cut_short(*arguments: Any) -> Any:
        await run(*arguments)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(scene.broker.client, "run", cut_short)
        with pytest.raises(asyncio.CancelledError):
            await scene.advance(Completed(A, 1, b"\x01"), slots=1)

    claims = await scene.advance(Completed(A, 1, b"\x01"), Completed(id_of("b"), 1, b"\x02"), slots=2)

    assert [name_of(claim.id) for claim in claims] == ["c", "d"]
    assert (scene.state("a"), scene.state("b")) == ("completed", "completed")
    assert scene.counter("fenced") == 0


async def test_a_runner_that_was_given_up_claims_nothing(scene: Scene) -> None:
    await scene.run("a")
    await scene.enqueue("b")
    await scene.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)
    scene.see()

    with pytest.raises(RunnerForgotten) as forgotten:
        await scene.broker.claims.advance(
            SPACE, "runner", lane=0, outcomes=[Completed(A, 1, b"\x01")], asks=asks(1)
        )

    assert forgotten.value.fenced == [A]
    assert scene.changes() == {"statistics fenced": 1}


async def test_a_history_keeps_the_latest_attempts_only(scene: Scene) -> None:
    await scene.enqueue("a")
    for attempt in range(1, 26):
        await scene.advance(slots=1)
        await scene.advance(Retrying(A, attempt, 0.0, ERROR))

    history = scene.see()[f"history:{token_of('a')}"]
    assert [each["attempt"] for each in history] == list(range(6, 26))


async def test_a_runner_of_any_name_leaves_a_readable_history(scene: Scene) -> None:
    runner = 'a "quoted" \\ name'
    await scene.register(runner)
    await scene.run("a", runner=runner)

    await scene.advance(Retrying(A, 1, 0.0, ERROR), runner=runner)

    assert scene.see()[f"history:{token_of('a')}"][0]["runner"] == runner


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), -5.0, 1e300])
async def test_a_delay_that_is_no_time_does_not_stop_the_runner(scene: Scene, delay: float) -> None:
    await scene.run("a")

    await scene.advance(Retrying(A, 1, delay, ERROR))

    assert scene.state("a") in ("queued", "scheduled")


async def test_a_job_that_cannot_be_read_is_claimed_as_of_no_kind(scene: Scene, broker: Broker) -> None:
    await scene.enqueue("a", "b")
    scene.database.hset(scene.job_key("a"), "p", b"\xc1 garbage")

    claims = await scene.advance(slots=2)

    assert [(name_of(claim.id), claim.kind) for claim in claims] == [("a", ""), ("b", "kind")]
