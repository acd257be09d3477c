"""Unique jobs, beside limits, in any order of what can happen: invariants.py holds after every step."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from queuecore.model import JobNotFound, Line, NotUnique, Submitted, Ties, line_name
from queuecore.model.unique import BoundUnique
from queuecore.store import Entry, EntryOptions
from tests.store import invariants
from tests.store.machines import run_machine
from tests.store.scene import SPACE, spec, token_of
from tests.store.snapshot import snapshot
from tests.store.test_limits_machine import EXAMPLES, LIMITS, LimitsMachine
from tests.store.test_state_machine import World

UNIQUES = [
    BoundUnique(name, conflict=conflict)
    for name in ("kind:a", "kind:b")
    for conflict in ("existing", "refuse", "replace", "keep_last")
] + [BoundUnique("kind:c", True, conflict) for conflict in ("existing", "refuse", "replace")]
UNIQUES.append(BoundUnique("kind:d", True, "postpone", quiet=3_600_000, longest=7_200_000))


class UniqueMachine(LimitsMachine):
    """What LimitsMachine does, and jobs with four names and every answer to a conflict."""

    @precondition(lambda self: self.made < 60)
    @rule(
        uniques=st.lists(st.sampled_from(UNIQUES), min_size=1, max_size=4),
        line=st.sampled_from(Line),
        limit=st.sampled_from(["", "one", "two"]),
        delayed=st.booleans(),
        repeated=st.booleans(),
    )
    def enqueue_unique(
        self, uniques: list[BoundUnique], line: Line, limit: str, delayed: bool, repeated: bool
    ) -> None:
        limits = (LIMITS[limit],) if limit else ()
        delay = 3_600_000 if delayed else 0
        entries = [
            Entry(
                token_of(f"job{self.made + index}"),
                spec(),
                EntryOptions(delay=delay, ties=Ties(limits, unique)),
            )
            for index, unique in enumerate(uniques)
        ]
        self.made += len(entries)
        where = (SPACE, line_name("default", "async", line))

        answers = self.world.do(self.broker.requests.enqueue(*where, entries))

        jobs = invariants.jobs_of(snapshot(self.world.database))
        for entry, answer in zip(entries, answers, strict=True):
            assert (entry.token in jobs) == (isinstance(answer, Submitted) and answer.created)
        if repeated and all(isinstance(answer, Submitted) and answer.created for answer in answers):
            before = snapshot(self.world.database)
            self.world.do(self.broker.requests.enqueue(*where, entries))
            assert snapshot(self.world.database) == before

    @rule()
    def sweep_unique(self) -> None:
        _, names = self.world.do(self.broker.upkeep.sweep_unique(SPACE))
        assert names == []

    def _try(self, verb: object, data: st.DataObject) -> None:
        try:
            super()._try(verb, data)
        except (NotUnique, JobNotFound):
            return


def test_names_are_held_by_one_whatever_happens(redis_url: str) -> None:
    world = World(redis_url)
    try:
        run_machine(UniqueMachine, world, examples=EXAMPLES)
    finally:
        world.close()
