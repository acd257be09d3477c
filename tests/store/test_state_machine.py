"""The whole queue against a model: hypothesis chooses what happens, Redis does it, both must agree.

After every step all of invariants.py is checked. QUEUECORE_EXAMPLES sets how many runs the deep test makes.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from queuecore.model import (
    DEFAULT_LINE,
    DEFAULT_MAX_CRASHES,
    SLOT_CLASSES,
    Ask,
    Cancelling,
    Completed,
    Crashing,
    Failing,
    Line,
    Outcome,
    ProgressUpdate,
    Releasing,
    Retention,
    Retrying,
    RunnerForgotten,
    RunnerInfo,
    State,
    StateConflict,
    Submitted,
    line_name,
    split_job_id,
)
from queuecore.model.states import FINAL
from queuecore.store import Broker, Entry, EntryOptions
from queuecore.store.client import Client
from queuecore.store.connection import Argument, Connection, Reply
from tests.store import invariants
from tests.store.machines import run_machine
from tests.store.model import Attempt, Model, ModelJob, ModelRunner
from tests.store.scene import DIED, ERROR, SPACE, claimed, id_of, next_message, spec, token_of
from tests.store.snapshot import Snapshot, snapshot

T = TypeVar("T")
C = TypeVar("C")

MOST_JOBS = 30
MOST_RUNNERS = 4
HOUR = 3600.0
AT_ONCE = Retention(completed=0, failed=0, cancelled=0)
SPEC = spec()
QUEUES = ("default", "extra")
SOME_LINES = [
    line_name(queue, runs, line)
    for queue, runs, line in [
        *(("default", "async", line) for line in Line),
        ("default", "process", Line.NORMAL),
        ("extra", "async", Line.NORMAL),
        ("extra", "async", Line.URGENT),
        ("extra", "thread", Line.LOW),
    ]
]
EVERY_LINE = [line_name(queue, runs, line) for queue in QUEUES for runs in SLOT_CLASSES for line in Line]
# What a runner has room for: some classes of slot, each with the queues in some order.
ASKS = st.lists(
    st.builds(
        Ask,
        st.sampled_from(SLOT_CLASSES),
        st.integers(0, 5),
        st.sampled_from([QUEUES, QUEUES[::-1], QUEUES[:1], QUEUES[1:]]),
    ),
    unique_by=lambda ask: ask.runs,
    max_size=3,
)


class LossyClient(Client):
    """Loses replies on demand: the script runs, the answer is thrown away, the call is repeated."""

    lose_reply = False

    async def _evaluate(
        self, connection: Connection, name: str, base: str, arguments: tuple[Argument, ...]
    ) -> Reply:
        if self.lose_reply:
            self.lose_reply = False
            await super()._evaluate(connection, name, base, arguments)
        return await super()._evaluate(connection, name, base, arguments)


def key(name: str) -> str:
    return f"qc:{{{SPACE}}}:{name}"


class World:
    """What all runs of the machine share: an event loop, connections, the database."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = redis.Redis.from_url(url)
        self.client = self.do(self._make_client(url))

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, 20))

    def close(self) -> None:
        self.do(self.client.close())
        self.loop.close()
        self.database.close()

    async def _make_client(self, url: str) -> LossyClient:
        return LossyClient(url, name="machine", patience=5.0)


class QueueMachine(RuleBasedStateMachine):
    """Rules are what people, runners and fate do; `model` says what must come of it."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.database.flushdb()
        self.broker = Broker(self.world.client)
        self.model = Model()
        self.made = 0
        self.lost: list[Attempt] = []  # attempts whose job was taken from them: their outcomes come too late
        self.before: Snapshot = {}
        self.register()
        self.register()

    # Producers.

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(
        n=st.integers(1, 4),
        line=st.sampled_from(SOME_LINES),
        delayed=st.booleans(),
        owner=st.sampled_from(["", "me", "you"]),
        max_crashes=st.integers(1, 3),
        lossy=st.booleans(),
    )
    def enqueue(self, n: int, line: str, delayed: bool, owner: str, max_crashes: int, lossy: bool) -> None:
        names = [f"job{self.made + index}" for index in range(n)]
        self.made += n
        options = EntryOptions(delay=3_600_000 if delayed else 0, owner=owner, max_crashes=max_crashes)
        entries = [Entry(token_of(name), SPEC, options) for name in names]

        answers = self.do(self.broker.requests.enqueue(SPACE, line, entries), lossy=lossy)

        assert answers == [Submitted(id_of(name), created=not lossy) for name in names]
        for name in names:
            state = State.SCHEDULED if delayed else State.QUEUED
            self.model.enqueue(id_of(name), ModelJob(line, owner, max_crashes, state))

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(missed=st.booleans(), lossy=st.booleans())
    def enqueue_alone(self, missed: bool, lossy: bool) -> None:
        """A plain job by itself is handed to a runner with nothing to do, which perhaps misses the word."""
        name = f"job{self.made}"
        self.made += 1
        idle = {runner.decode() for runner in self.world.database.smembers(key("idle:default:async"))}
        is_empty = not self.world.database.exists(key(f"line:{DEFAULT_LINE}"))
        with self.world.database.pubsub() as ears:
            for runner in self.model.runners:
                ears.subscribe(key(f"control:{runner}"))
                assert next_message(ears)

            answers = self.do(
                self.broker.requests.enqueue(SPACE, DEFAULT_LINE, [Entry(token_of(name), SPEC)]), lossy=lossy
            )

            message = ears.get_message(timeout=0.05 if idle else 0)

        assert answers == [Submitted(id_of(name), created=not lossy)]
        self.model.enqueue(id_of(name), ModelJob(DEFAULT_LINE, "", DEFAULT_MAX_CRASHES, State.QUEUED))
        if message is not None and message["data"].startswith(b"job "):
            runner = message["channel"].decode().rpartition(":")[2]
            assert is_empty
            assert runner in idle
            assert not self.model.running(runner)
            self.model.hand_over(id_of(name), runner)
            if not missed:
                self.model.runners[runner].known.add((id_of(name), 1))
        else:
            assert not is_empty or not idle or any(self.model.running(runner) for runner in idle)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data(), lossy=st.booleans())
    def cancel(self, data: st.DataObject, lossy: bool) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.model.jobs)))
        state = self.model.jobs[job_id].state

        answer = self.ask(self.broker.requests.cancel(job_id), lossy=lossy)

        if isinstance(answer, StateConflict):
            assert answer.state == state
            assert state in (State.COMPLETED, State.FAILED)
        else:
            self.model.cancel(job_id)
            assert answer is self.model.jobs[job_id].state

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data(), lossy=st.booleans())
    def requeue(self, data: st.DataObject, lossy: bool) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.model.jobs)))
        state = self.model.jobs[job_id].state

        answer = self.ask(self.broker.requests.requeue(job_id), lossy=lossy)

        if isinstance(answer, StateConflict):
            assert answer.state == state
            assert state not in (State.FAILED, State.CANCELLED)
        else:
            self.model.requeue(job_id)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.model.jobs)))
        state = self.model.jobs[job_id].state

        answer = self.ask(self.broker.pruning.delete(job_id))

        if isinstance(answer, StateConflict):
            assert answer.state == state
            assert state not in FINAL
        else:
            self.model.remove(job_id)

    # Runners.

    @precondition(lambda self: len(self.model.runners) < MOST_RUNNERS)
    @rule()
    def register(self) -> None:
        self.made += 1
        runner = f"runner{self.made}"
        info = RunnerInfo(id=runner, worker="worker", host="host", pid=1, queues=QUEUES, slots={"async": 10})
        self.do(self.broker.claims.register(SPACE, info, ttl=HOUR))
        self.model.runners[runner] = ModelRunner()

    @precondition(lambda self: self.in_line())
    @rule(data=st.data(), asks=ASKS, lane=st.integers(0, 1), lossy=st.booleans())
    def claim(self, data: st.DataObject, asks: list[Ask], lane: int, lossy: bool) -> None:
        self.advance(self.some_runner(data), [], [], asks=asks, lane=lane, lossy=lossy)

    @precondition(lambda self: self.attempts_known())
    @rule(data=st.data(), asks=ASKS, lane=st.integers(0, 1), lossy=st.booleans())
    def settle_and_claim(self, data: st.DataObject, asks: list[Ask], lane: int, lossy: bool) -> None:
        """Settle some attempts, one or two perhaps too late, and claim."""
        name = self.some_runner(data, with_attempts=True)
        settled = self.some(data, sorted(self.model.runners[name].known))
        late = self.some(data, self.lost[-3:], least=0)
        outcomes = [self.draw_outcome(data, attempt) for attempt in (*settled, *late)]
        self.advance(name, settled, outcomes, asks=asks, lane=lane, lossy=lossy)

    @precondition(lambda self: self.attempts_known())
    @rule(data=st.data(), lossy=st.booleans())
    def settle_all(self, data: st.DataObject, lossy: bool) -> None:
        """Everything a runner has comes to the same end: a shutdown, a broken handler, a killed pool."""
        name = self.some_runner(data, with_attempts=True)
        settled = data.draw(st.permutations(sorted(self.model.runners[name].known)))
        ends = self.outcomes_of(settled[0])
        end = data.draw(st.integers(0, len(ends) - 1))
        outcomes = [self.outcomes_of(attempt)[end] for attempt in settled]
        self.advance(name, settled, outcomes, asks=[], lane=0, lossy=lossy)

    def advance(
        self,
        name: str,
        settled: Sequence[Attempt],
        outcomes: list[Outcome],
        *,
        asks: list[Ask],
        lane: int,
        lossy: bool,
    ) -> None:
        runner = self.model.runners[name]
        if any(isinstance(outcome, Releasing | Crashing) for outcome in outcomes):
            asks = []  # what goes back may come again in the same call, which the model cannot follow
        numbers = self.numbers()

        forgotten = False
        try:
            advance = self.do(
                self.broker.claims.advance(SPACE, name, lane=lane, outcomes=outcomes, asks=asks),
                lossy=lossy,
            )
            claims, fenced = [(claim.id, claim.attempt) for claim in claimed(advance)], advance.fenced
        except RunnerForgotten as error:
            forgotten, claims, fenced = True, [], error.fenced

        accepted = [outcome for outcome in outcomes if self.model.owns((outcome.id, outcome.attempt))]
        refused = [outcome for outcome in outcomes if outcome not in accepted]
        assert sorted(fenced) == sorted(outcome.id for outcome in refused)
        self.model.count["fenced"] += len(refused)
        self.settle(accepted, numbers)
        runner.known -= set(settled)
        assert forgotten is not runner.registered
        if runner.registered:
            self.model.promote()
            assert claims == [claim for ask in asks for claim in self.model.claim(name, ask)]
            runner.known |= set(claims)
        else:
            self.lost += sorted(runner.known)
            del self.model.runners[name]

    @precondition(lambda self: self.attempts_known())
    @rule(data=st.data())
    def progress(self, data: st.DataObject) -> None:
        chosen = self.some(data, sorted({*self.lost[-3:], *self.attempts_known()}))
        updates = [
            ProgressUpdate(job_id, attempt, checkpoint=b"here", log=("a line",)) for job_id, attempt in chosen
        ]

        reply = self.do(self.broker.claims.progress(SPACE, updates))

        assert reply.fenced == [each[0] for each in chosen if not self.model.owns(each)]
        assert reply.cancelled == [
            each[0] for each in chosen if self.model.owns(each) and self.model.jobs[each[0]].cancel
        ]
        self.model.count["fenced"] += len(reply.fenced)

    @precondition(lambda self: self.attempts_known())
    @rule(data=st.data(), lossy=st.booleans())
    def reconcile(self, data: st.DataObject, lossy: bool) -> None:
        """The runner never heard of some of its claims, and finds that out."""
        name = self.some_runner(data, with_attempts=True)
        runner = self.model.runners[name]
        runner.known -= set(self.some(data, sorted(runner.known), least=0))
        unknown = [attempt for attempt in self.model.running(name) if attempt not in runner.known]
        numbers = self.numbers()

        released = self.do(self.broker.claims.reconcile(SPACE, name, sorted(runner.known)), lossy=lossy)

        if not lossy:
            assert sorted(released) == sorted(job_id for job_id, _ in unknown)
        self.to_front(self.model.release(unknown), numbers)

    # Supervisors and fate.

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        names = self.some(data, sorted(self.model.runners), least=0)

        reply = self.do(self.broker.upkeep.heartbeat(SPACE, names, queues=["default"], ttl=HOUR))

        self.model.promote()
        for name in names:
            if self.model.runners[name].registered:
                self.model.runners[name].silent = False
        assert reply.forgotten == [name for name in names if not self.model.runners[name].registered]
        assert set(reply.suspects) == {
            name
            for name, runner in self.model.runners.items()
            if runner.registered and runner.silent and name not in names
        }
        assert set(reply.cancels) == {
            (job_id, job.runner)
            for job_id, job in self.model.jobs.items()
            if job.state is State.RUNNING and job.cancel and job.runner in names
        }
        assert reply.backlog is any(
            line and name.startswith("default:") for name, line in self._lines_with_holes().items()
        )

    @rule(data=st.data(), seen_dead=st.booleans(), lossy=st.booleans())
    def recover(self, data: st.DataObject, seen_dead: bool, lossy: bool) -> None:
        """A runner dies, or is thought dead: what it does later comes too late."""
        name = self.some_runner(data, with_attempts=bool(self.attempts_known()))
        runner = self.model.runners[name]
        if data.draw(st.booleans()):
            self.world.database.delete(f"qc:{{{SPACE}}}:alive:{name}")
            runner.silent = True
        abandoned = self.model.running(name)
        numbers = self.numbers()

        recovered = self.do(self.broker.upkeep.recover(SPACE, name, DIED, seen_dead=seen_dead), lossy=lossy)

        if not (seen_dead or runner.silent):
            assert recovered == []
            return
        if not lossy:
            assert sorted((each.id, each.attempt) for each in recovered) == sorted(abandoned)
        self.model.count["recovered"] += len(abandoned)
        self.to_front(self.model.crash(abandoned, suspected=seen_dead), numbers)
        runner.registered = False
        self.lost += abandoned

    @rule(lossy=st.booleans())
    def prune(self, lossy: bool) -> None:
        expired = self.do(self.broker.pruning.expired(SPACE, AT_ONCE))
        gone = self.do(self.broker.pruning.prune(SPACE, expired, AT_ONCE), lossy=lossy)

        ended = [job_id for job_id, job in self.model.jobs.items() if job.state in FINAL]
        assert sorted(gone) == sorted(ended)
        for job_id in ended:
            self.model.remove(job_id)

    @rule(flush=st.booleans())
    def sweep(self, flush: bool) -> None:
        """Nothing is ever to be put right; and Redis may forget its scripts at any time."""
        if flush:
            self.world.database.script_flush()
        assert self.do(self.broker.upkeep.sweep(SPACE)) == (0, [])

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def time_passes(self, data: st.DataObject) -> None:
        """The time of some scheduled jobs comes, in some order."""
        for job_id in self.some(data, self.waiting()):
            self.made += 1
            self.world.database.zadd(f"qc:{{{SPACE}}}:scheduled", {split_job_id(job_id)[1]: self.made})
            self.model.due.append(job_id)

    def teardown(self) -> None:
        """Whatever happened, every job can be brought to an end."""
        for name in list(self.model.runners):
            self.do(self.broker.upkeep.recover(SPACE, name, DIED, seen_dead=True))
        self.model.runners.clear()
        self.register()
        (name,) = self.model.runners
        for token in self.world.database.zrange(f"qc:{{{SPACE}}}:scheduled", 0, -1):
            self.world.database.zadd(f"qc:{{{SPACE}}}:scheduled", {token: 1})
        outcomes: list[Outcome] = []
        while True:
            advance = self.do(
                self.broker.claims.advance(
                    SPACE,
                    name,
                    lane=0,
                    outcomes=outcomes,
                    asks=[Ask(runs, 10, QUEUES) for runs in SLOT_CLASSES],
                )
            )
            outcomes = [Completed(claim.id, claim.attempt, b"\x01") for claim in claimed(advance)]
            if not outcomes:
                break
        after = snapshot(self.world.database)
        invariants.check(after)
        assert all(State(job["STATE"]).final for job in invariants.jobs_of(after).values())

    # What every step is checked for.

    @invariant()
    def everything_agrees(self) -> None:
        after = snapshot(self.world.database)
        invariants.check(after)
        invariants.check_step(self.before, after)
        self.before = after
        self.check_model(after)

    def check_model(self, now: Snapshot) -> None:
        jobs = invariants.jobs_of(now)
        assert {id_of(token) for token in jobs} == set(self.model.jobs)
        for job_id, job in self.model.jobs.items():
            stored = jobs[split_job_id(job_id)[1]]
            assert stored["STATE"] == job.state
            assert stored.get("ATTEMPT", 0) == job.attempt
            assert stored.get("FAILURES", 0) == job.failures
            assert stored.get("CRASHES", 0) == job.crashes
            if job.state is State.RUNNING:
                assert (stored["RUNNER"], "CANCEL" in stored) == (job.runner, job.cancel)
        for line, expected in self.model.lines.items():
            assert [id_of(token) for token in now.get(f"line:{line}", []) if token] == expected
        assert {name: n for name, n in now.get("statistics", {}).items()} == +self.model.count

    # Helpers.

    def _lines_with_holes(self) -> dict[str, list[str]]:
        """What stands in the lists, places that cancelled jobs left included."""
        return invariants.lines_of(snapshot(self.world.database))

    def do(self, coroutine: Coroutine[Any, Any, T], *, lossy: bool = False) -> T:
        """Make a call; a lossy one loses its first reply and is repeated."""
        self.world.client.lose_reply = lossy
        try:
            return self.world.do(coroutine)
        finally:
            self.world.client.lose_reply = False

    def ask(self, coroutine: Coroutine[Any, Any, T], *, lossy: bool = False) -> T | StateConflict:
        try:
            return self.do(coroutine, lossy=lossy)
        except StateConflict as conflict:
            return conflict

    def in_line(self) -> bool:
        return any(self.model.lines.values()) or bool(self.model.due)

    def attempts_known(self) -> set[Attempt]:
        """What runners think they run, whether it is still theirs or not."""
        return {attempt for runner in self.model.runners.values() for attempt in runner.known}

    def waiting(self) -> list[str]:
        return sorted(
            job_id
            for job_id, job in self.model.jobs.items()
            if job.state is State.SCHEDULED and job_id not in self.model.due
        )

    def some_runner(self, data: st.DataObject, *, with_attempts: bool = False) -> str:
        if not self.model.runners:
            self.register()
        runners = self.model.runners
        names = sorted(name for name in runners if runners[name].known or not with_attempts)
        return data.draw(st.sampled_from(names))

    def some(self, data: st.DataObject, choices: Sequence[C], *, least: int = 1) -> list[C]:
        """Some of the choices, in any order."""
        if not choices:
            return []
        return data.draw(st.lists(st.sampled_from(choices), unique=True, min_size=least))

    def draw_outcome(self, data: st.DataObject, attempt: Attempt) -> Outcome:
        return data.draw(st.sampled_from(self.outcomes_of(attempt)))

    def outcomes_of(self, attempt: Attempt) -> list[Outcome]:
        return [
            Completed(*attempt, b"\x01"),
            Retrying(*attempt, 0.0, ERROR),
            Retrying(*attempt, HOUR, ERROR),
            Failing(*attempt, ERROR),
            Releasing(*attempt),
            Releasing(*attempt, to="thread"),
            Crashing(*attempt, DIED),
            Cancelling(*attempt),
        ]

    def settle(self, accepted: list[Outcome], numbers: dict[str, int]) -> None:
        back: list[str] = []
        for outcome in accepted:
            attempt = (outcome.id, outcome.attempt)
            match outcome:
                case Completed():
                    self.model.complete(attempt)
                case Retrying():
                    self.model.retry(attempt, delayed=outcome.delay > 0)
                case Failing():
                    self.model.fail(attempt)
                case Cancelling():
                    self.model.stop(attempt)
                case Releasing():
                    back += self.model.release([attempt], to=outcome.to)
                case Crashing():
                    back += self.model.crash([attempt], suspected=True)
        self.to_front(back, numbers)

    def numbers(self) -> dict[str, int]:
        """Each job's number in its line, before a call."""
        return {id_of(token): job["SEQ"] for token, job in invariants.jobs_of(self.before).items()}

    def to_front(self, job_ids: list[str], numbers: dict[str, int]) -> None:
        """Jobs go to the front in the order of their numbers; where two are equal, in any."""
        places = {
            id_of(token.decode()): place
            for line in EVERY_LINE
            for place, token in enumerate(self.world.database.lrange(f"qc:{{{SPACE}}}:line:{line}", 0, -1))
        }
        self.model.to_front(sorted(job_ids, key=lambda job_id: (numbers[job_id], places[job_id])))


@pytest.fixture
def world(redis_url: str) -> Iterator[World]:
    world = World(redis_url)
    yield world
    world.close()


def test_the_queue_does_what_its_model_does(world: World) -> None:
    # A failure is shown as it was found; to have it made small, run the deep test.
    run_machine(QueueMachine, world, examples=60, steps=40, shrink=False)


@pytest.mark.slow
def test_the_queue_does_what_its_model_does_in_many_long_runs(world: World) -> None:
    run_machine(
        QueueMachine, world, examples=int(os.environ.get("QUEUECORE_EXAMPLES", "500")), steps=100, shrink=True
    )
