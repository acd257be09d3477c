"""The state machine, as one table.

Every Lua file in `lua/` that is a transition repeats its row in its header, and
`docs/lifecycle.md` draws the table; tests fail where they disagree.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a job stands. A state names exactly one place in Redis (see docs/redis-keys.md)."""

    SCHEDULED = "scheduled"  # waits for its time: a delay, or the pause before a retry
    QUEUED = "queued"  # stands in line
    WAITING = "waiting"  # set aside until something else lets it go on: a limit
    RUNNING = "running"  # claimed by a runner
    COMPLETED = "completed"  # an attempt's result was accepted
    FAILED = "failed"  # no attempt is left
    CANCELLED = "cancelled"  # ended on request

    @property
    def final(self) -> bool:
        """Whether nothing but an explicit requeue changes it any more."""
        return self in FINAL


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


class Transition(msgspec.Struct, frozen=True):
    """One arrow, or a bundle of arrows with one name, of the state machine.

    Args:
        name: the verb; also the name of its Lua file and of the broker's method or outcome.
        sources: the states it may start from; empty when the job does not exist before.
        targets: the states it can lead to; empty when the job does not exist after.
        actor: who asks for it.
        meaning: one sentence.
        only: its arrows, where not every source leads to every target.
    """

    name: str
    sources: tuple[State, ...]
    targets: tuple[State, ...]
    actor: str
    meaning: str
    only: tuple[tuple[State, State], ...] = ()

    @property
    def arrows(self) -> tuple[tuple[State, State], ...]:
        """From where to where."""
        return self.only or tuple((source, target) for source in self.sources for target in self.targets)


S = State
TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        "enqueue",
        (),
        (S.QUEUED, S.SCHEDULED, S.WAITING, S.RUNNING),
        "producer",
        "A new job goes to the end of its line, or waits for its time or a limit; alone, to an idle runner.",
    ),
    Transition(
        "promote",
        (S.SCHEDULED,),
        (S.QUEUED,),
        "any worker",
        "A job whose time has come goes to the end of its line.",
    ),
    Transition(
        "claim",
        (S.QUEUED,),
        (S.RUNNING,),
        "runner",
        "The oldest job of the most urgent line starts a new attempt.",
    ),
    Transition(
        "set_aside",
        (S.QUEUED,),
        (S.WAITING,),
        "runner",
        "A claim found that the job has to wait: it stands where its obstacle is, and blocks nobody.",
    ),
    Transition(
        "admit",
        (S.WAITING,),
        (S.QUEUED, S.SCHEDULED),
        "whoever takes the obstacle away",
        "The obstacle is gone: the job goes to the front of its line, or waits for its time.",
    ),
    Transition(
        "heartbeat",
        (S.RUNNING,),
        (S.RUNNING,),
        "supervisor",
        "The runner lives, so its attempts keep their jobs.",
    ),
    Transition(
        "progress",
        (S.RUNNING,),
        (S.RUNNING,),
        "runner",
        "The attempt says how far it is, or stores a checkpoint.",
    ),
    Transition("complete", (S.RUNNING,), (S.COMPLETED,), "runner", "The attempt's result is accepted."),
    Transition(
        "retry",
        (S.RUNNING,),
        (S.SCHEDULED, S.QUEUED, S.CANCELLED),
        "runner",
        "The attempt failed and another one follows; not if a cancel was asked for.",
    ),
    Transition(
        "fail",
        (S.RUNNING,),
        (S.FAILED, S.CANCELLED),
        "runner",
        "The attempt failed and none is left, or none can help.",
    ),
    Transition(
        "release",
        (S.RUNNING,),
        (S.QUEUED, S.CANCELLED),
        "runner",
        "The attempt is given back unspent, to the front of the line.",
    ),
    Transition(
        "recover",
        (S.RUNNING,),
        (S.QUEUED, S.FAILED, S.CANCELLED),
        "any worker",
        "What ran the attempt died: to the front of its line or of the suspects', until it killed too many.",
    ),
    Transition(
        "cancel",
        (S.SCHEDULED, S.QUEUED, S.WAITING, S.RUNNING),
        (S.CANCELLED, S.RUNNING),
        "producer",
        "A waiting job ends at once; a running one is asked to and ends when its attempt does.",
        only=(
            (S.SCHEDULED, S.CANCELLED),
            (S.QUEUED, S.CANCELLED),
            (S.WAITING, S.CANCELLED),
            (S.RUNNING, S.RUNNING),
        ),
    ),
    Transition(
        "stop", (S.RUNNING,), (S.CANCELLED,), "runner", "The attempt ended because a cancel was asked for."
    ),
    Transition(
        "requeue",
        (S.FAILED, S.CANCELLED),
        (S.QUEUED,),
        "producer",
        "A job that ended without a result gets a new series of attempts.",
    ),
    Transition(
        "prune",
        (S.COMPLETED, S.FAILED, S.CANCELLED),
        (),
        "supervisor, producer",
        "The record goes: its retention is over, or its owner deleted it.",
    ),
)
