"""Jobs under limits, in any order of what can happen: after every step all of invariants.py holds.

There is no model here: that places are held by exactly what runs, and never too many, says it all.
"""

import os
from collections import defaultdict

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from queuecore.model import (
    Ask,
    Cancelling,
    Completed,
    Crashing,
    Failing,
    Line,
    Outcome,
    Releasing,
    Retrying,
    SlotClass,
    State,
    StateConflict,
    Ties,
    line_name,
)
from queuecore.model.limits import BoundLimit
from queuecore.store import Broker, Entry, EntryOptions
from tests.store import invariants
from tests.store.machines import run_machine
from tests.store.scene import DIED, ERROR, SPACE, claimed, id_of, spec, token_of
from tests.store.snapshot import Snapshot, snapshot
from tests.store.test_state_machine import World

EXAMPLES = int(os.environ.get("QUEUECORE_EXAMPLES", 25))

LIMITS = {
    "one": BoundLimit("one", places=1),
    "two": BoundLimit("two", places=2),
    "rate": BoundLimit("rate", interval=3_600_000.0, burst=3),  # three starts, and no more within the test,
}
SETS = st.lists(st.sampled_from(sorted(LIMITS)), unique=True, max_size=2)
RUNNERS = ("first", "second")
CLASSES: tuple[SlotClass, ...] = ("async", "alone")


def outcome_of(how: str, job_id: str, attempt: int, tied: bool) -> Outcome:
    match how:
        case "complete":
            return Completed(job_id, attempt, b"\xc0", tied)
        case "retry":
            return Retrying(job_id, attempt, 0.0, ERROR)
        case "back off":
            return Retrying(job_id, attempt, 3600.0, ERROR)
        case "fail":
            return Failing(job_id, attempt, ERROR)
        case "release":
            return Releasing(job_id, attempt)
        case "crash":
            return Crashing(job_id, attempt, DIED)
        case _:
            return Cancelling(job_id, attempt)


class LimitsMachine(RuleBasedStateMachine):
    """Two runners, three limits, jobs with some of them and without."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.database.flushdb()
        self.broker = Broker(self.world.client)
        self.made = 0
        self.running: dict[str, list[tuple[str, int, bool]]] = defaultdict(list)
        self.before: Snapshot = {}
        for runner in RUNNERS:
            self.register(runner)

    def register(self, runner: str) -> None:
        key = f"qc:{{{SPACE}}}:"
        self.world.database.hset(f"{key}runners", runner, "{}")
        self.world.database.set(f"{key}alive:{runner}", "1", px=3_600_000)

    @precondition(lambda self: self.made < 40)
    @rule(n=st.integers(1, 4), line=st.sampled_from(Line), limits=SETS, delayed=st.booleans())
    def enqueue(self, n: int, line: Line, limits: list[str], delayed: bool) -> None:
        ties = Ties(tuple(LIMITS[name] for name in limits)) if limits else None
        options = EntryOptions(delay=3_600_000 if delayed else 0, ties=ties)
        entries = [Entry(token_of(f"job{self.made + index}"), spec(), options) for index in range(n)]
        self.made += n

        self.world.do(self.broker.requests.enqueue(SPACE, line_name("default", "async", line), entries))

    @rule(runner=st.sampled_from(RUNNERS), slots=st.integers(1, 5))
    def claim(self, runner: str, slots: int) -> None:
        self.advance(runner, [], slots)

    @rule(
        runner=st.sampled_from(RUNNERS),
        how=st.sampled_from(["complete", "retry", "back off", "fail", "release", "crash", "stop"]),
        n=st.integers(1, 3),
        slots=st.integers(0, 3),
    )
    def settle(self, runner: str, how: str, n: int, slots: int) -> None:
        ended, self.running[runner] = self.running[runner][:n], self.running[runner][n:]
        self.advance(runner, [outcome_of(how, *each) for each in ended], slots)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._try(self.broker.requests.cancel, data)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def requeue(self, data: st.DataObject) -> None:
        self._try(self.broker.requests.requeue, data)

    @rule(runner=st.sampled_from(RUNNERS))
    def die(self, runner: str) -> None:
        self.world.do(self.broker.upkeep.recover(SPACE, runner, DIED, seen_dead=True))
        self.running[runner].clear()
        self.register(runner)

    @rule()
    def forget_and_beat(self) -> None:
        """Whatever was to be looked at later is looked at now."""
        key = f"qc:{{{SPACE}}}:limited"
        for name in self.world.database.zrange(key, 0, -1):
            self.world.database.zadd(key, {name: 1})
        self.world.do(self.broker.upkeep.heartbeat(SPACE, RUNNERS, queues=["default"], ttl=3600.0))

    @rule()
    def sweep(self) -> None:
        _, repaired = self.world.do(self.broker.upkeep.sweep(SPACE))
        _, limits = self.world.do(self.broker.upkeep.sweep_limits(SPACE))
        assert repaired == limits == []

    @invariant()
    def all_invariants_hold(self) -> None:
        now = snapshot(self.world.database)
        invariants.check(now)
        invariants.check_step(self.before, now)
        self.before = now

    def teardown(self) -> None:
        """What is left runs to its end: nobody waits for ever."""
        for _ in range(300):
            for runner in RUNNERS:
                ended, self.running[runner] = self.running[runner], []
                self.advance(runner, [outcome_of("complete", *each) for each in ended], 5)
            if not any(self.running.values()):
                jobs = invariants.jobs_of(snapshot(self.world.database)).values()
                left = [job for job in jobs if job["STATE"] in (State.QUEUED, State.WAITING)]
                # A name may be held by a job that waits for its time.
                if all(job.get("WAITS", "").startswith(("limit rate", "unique ")) for job in left):
                    return
        raise AssertionError(f"some jobs never ran: {left}")

    def advance(self, runner: str, outcomes: list[Outcome], slots: int) -> None:
        asks = [Ask(runs, slots, ("default",)) for runs in CLASSES] if slots else []
        answer = self.world.do(
            self.broker.claims.advance(SPACE, runner, lane=0, outcomes=outcomes, asks=asks)
        )
        assert not answer.fenced
        self.running[runner] += [(claim.id, claim.attempt, claim.tied) for claim in claimed(answer)]

    def _try(self, verb: object, data: st.DataObject) -> None:
        job_id = id_of(f"job{data.draw(st.integers(0, self.made - 1))}")
        try:
            self.world.do(verb(job_id))  # type: ignore[operator]  # a method that takes an id
        except StateConflict:
            return


def test_limits_hold_whatever_happens(redis_url: str) -> None:
    world = World(redis_url)
    try:
        run_machine(LimitsMachine, world, examples=EXAMPLES)
    finally:
        world.close()
