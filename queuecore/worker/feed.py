"""The jobs of a space in one runner: takes as many as there are free slots, settles what they came to.

    claims.advance -> claims -> Executor.run -> outcomes -> claims.advance (with the next claims)

A job that is enqueued alone while this runner has nothing to do comes by itself (`take`).

Outcomes that come while a call is under way collect and leave together with the
next one. Two calls may be under way at once, one a lane, so that Redis works
while Python does. No call ever waits for more to come.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import assert_never

from ..execution import Attempt, Executor, StopReason, outcome_of_stop
from ..handling import JobContext
from ..log import event
from ..model import (
    SCHEMA,
    Advance,
    Ask,
    BrokerRefused,
    Cancelling,
    Claim,
    Completed,
    Crashing,
    Failing,
    Outcome,
    Releasing,
    Retrying,
    RunnerForgotten,
    SlotClass,
    Subscription,
)
from ..store import Broker
from .guard import Refusals
from .reporter import Reporter
from .slots import LANES, Slots
from .trials import Trials

logger = logging.getLogger("queuecore.feed")

GIVEN_BACK = 100  # jobs


class Feed:
    """Claims and settles jobs of one space.

    Args:
        trials: when jobs that may kill this runner begin.
        subscription: the queues that are claimed from.
        slots: how many attempts may run at once, by class of slot.
        stop_grace: seconds that a stopped attempt has before it is left behind.
        begun: called once, before the first job begins.
        forgotten: called when Redis says that this runner was given up.
    """

    def __init__(
        self,
        broker: Broker,
        executor: Executor,
        trials: Trials,
        *,
        space: str,
        subscription: Subscription,
        runner_id: str,
        slots: Mapping[SlotClass, int],
        stop_grace: float,
        begun: Callable[[], None],
        forgotten: Callable[[], None],
    ) -> None:
        self.space = space
        self.left_behind: dict[asyncio.Future[object], SlotClass] = {}
        self._broker = broker
        self._executor = executor
        self._trials = trials
        self._runner_id = runner_id
        self._stop_grace = stop_grace
        self._begun: Callable[[], None] | None = begun
        self._forgotten = forgotten
        self._loop = asyncio.get_running_loop()
        self._reporter = Reporter(broker, space=space, stop=self._stop_by_id)
        self._attempts: dict[str, Attempt] = {}
        self._outcomes: list[Outcome] = []
        self._slots = {runs: Slots(runs, size, subscription) for runs, size in slots.items()}
        # What Redis gave back for want of this runner's knowing it, while the word of it was on its way.
        self._given_back: deque[str] = deque(maxlen=GIVEN_BACK)
        self._claiming = True
        self._has_left = False
        self._calls = 0
        self._refusals = Refusals("feed", space=space, runner=runner_id)
        self._reconcile_at: float | None = None  # on the event loop's clock
        self._handed_over: list[Claim] = []  # jobs that came while all slots were set aside for calls
        self._locks = [asyncio.Lock() for _ in range(LANES)]
        self._resting: deque[asyncio.Future[None]] = deque()
        self._quiet = asyncio.Event()
        self._next_deadline = float("inf")
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._due_timer: asyncio.TimerHandle | None = None

    # What the runner does with it.

    async def run(self) -> None:
        """Work until cancelled; to end in good order call `stop_claiming` and await `quiet` before."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reporter.run())
            for lane in range(LANES):
                tasks.create_task(self._run_lane(lane))

    def look(self) -> None:
        """Claim, if any slot is free: there may be jobs in line."""
        for slots in self._slots.values():
            slots.look()
        self._wake_lane()

    def look_for(self, runs: SlotClass) -> None:
        """Claim, if a slot of this class is free: there may be jobs in line for it."""
        self._slots[runs].look()
        self._wake_lane()

    def take(self, claim: Claim) -> None:
        """Begin a job that was claimed for this runner when it was enqueued."""
        if claim.id in self._given_back:
            return
        slots = self._slots[claim.runs]
        slots.free -= 1
        if self._claiming and slots.free < 0 and self._calls:
            # The last slots are set aside for a call whose answer, most likely, gives them back.
            self._handed_over.append(claim)
        else:
            self._begin_or_give_back(claim)
        # Redis does not count this runner as idle any more; the next call tells it.
        self.look_for(claim.runs)

    def cancel(self, job_id: str) -> None:
        """End the attempt of a job whose cancel was asked for; does nothing when it is not here."""
        self._stop_by_id(job_id, "cancelled")

    def stop_claiming(self) -> None:
        """Take no more jobs; what runs goes on and is settled."""
        self._claiming = False
        self._wake_lane()
        self._check_quiet()

    def stop_all(self, reason: StopReason) -> None:
        """Stop what runs: give it back, or have it counted as a crash, by the reason."""
        for attempt in list(self._attempts.values()):
            self._stop(attempt, reason)

    async def quiet(self) -> None:
        """Wait until nothing runs and everything is settled; for after `stop_claiming`."""
        await self._quiet.wait()

    async def reconcile(self) -> None:
        """Have Redis give back what it thinks runs here and does not: a reply that never came."""
        async with self._locks[0], self._locks[1]:
            # No call is under way, so what is not known here now was never heard of.
            known = [(outcome.id, outcome.attempt) for outcome in self._outcomes]
            known += [(outcome.id, outcome.attempt) for outcome in self._reporter.held_back()]
            known += [(attempt.claim.id, attempt.claim.attempt) for attempt in self._attempts.values()]
            released = await self._broker.claims.reconcile(self.space, self._runner_id, known)
        self._given_back += released
        for job_id in released:
            # One that was handed over while Redis was asked has begun; it is not this runner's any more.
            self._stop_by_id(job_id, "fenced")
            event(logger, logging.WARNING, "attempt.unknown", job=job_id, runner=self._runner_id)

    def running(self) -> list[Attempt]:
        """Return what runs, oldest first."""
        return list(self._attempts.values())

    def crowded(self) -> bool:
        """Return whether code that could not be stopped holds a quarter of the slots of a class."""
        counts = Counter(self.left_behind.values())
        return any(count * 4 >= self._slots[runs].size for runs, count in counts.items())

    # What the executor tells of its attempts.

    def set_deadline(self, attempt: Attempt) -> None:
        """Watch the deadline; one timer serves them all, set for the earliest."""
        if attempt.deadline < self._next_deadline:
            if self._deadline_timer is not None:
                self._deadline_timer.cancel()
            self._next_deadline = attempt.deadline
            self._deadline_timer = self._loop.call_at(attempt.deadline, self._check_deadlines)

    def hear(self, context: JobContext) -> None:
        """A handler reported something; called in its thread."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._loop.call_soon_threadsafe(self._hear_here, context)
        else:
            self._hear_here(context)

    def _hear_here(self, context: JobContext) -> None:
        attempt = self._attempts.get(context.job_id)
        if attempt is not None and attempt.context is context:
            self._reporter.add(attempt)

    # Claiming and settling.

    async def _run_lane(self, lane: int) -> None:
        while True:
            while not self._has_call_to_make():
                await self._rest()
            async with self._locks[lane]:
                outcomes, self._outcomes = self._outcomes, []
                asked = self._slots_to_fill()
                asks = [slots.ask() for slots, _ in asked] if self._claiming else self._leave()
                self._calls += 1
                try:
                    advance = await self._advance(lane, outcomes, asks)
                except RunnerForgotten as error:
                    self._claiming = False
                    self._has_left = True
                    advance = Advance({}, error.fenced)
                    self._forgotten()
                self._calls -= 1
                self._take_note(advance, asks=asks, asked=asked)
                handed_over, self._handed_over = self._handed_over, []
                for claim in handed_over:
                    self._begin_or_give_back(claim)
                if self._resting and self._has_call_to_make():
                    # The next call is to be on its way (one turn to make it, one to write it) before
                    # the jobs of this one run: then Redis works while they do.
                    self._wake_lane()
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                for claims in advance.claims.values():
                    self._start(claims)
            if self._must_reconcile():
                self._reconcile_at = None
                try:
                    await self.reconcile()
                except BrokerRefused as error:
                    self._reconcile_in(self._refusals.note(error))
            if not self._claiming:
                self._check_quiet()

    async def _advance(self, lane: int, outcomes: list[Outcome], asks: list[Ask]) -> Advance:
        """Settle and claim in one call; what Redis refuses, part by part: only what is bad has to wait."""
        call: Callable[..., Awaitable[Advance]]
        call = partial(self._broker.claims.advance, self.space, self._runner_id, lane=lane)
        try:
            return await call(outcomes=outcomes, asks=asks)
        except BrokerRefused as error:
            pause = self._refusals.note(error)
        # Something may have been claimed before it was refused, and this runner did not hear of it.
        self._reconcile_in(0.0)
        whole = Advance({ask.runs: [] for ask in asks}, [])
        for outcome in outcomes:
            try:
                whole.fenced.extend((await call(outcomes=[outcome], asks=[])).fenced)
            except BrokerRefused:
                self._loop.call_later(pause, self._settle_again, outcome)
        for ask in asks:
            claims = whole.claims[ask.runs]
            for queue in ask.queues:
                one = Ask(ask.runs, ask.slots - len(claims), (queue,))
                try:
                    claims.extend((await call(outcomes=[], asks=[one])).claims[ask.runs])
                except BrokerRefused:
                    self._slots[ask.runs].avoid(queue)
                    self._loop.call_later(pause, self._try_again, ask.runs, queue)
        return whole

    def _settle_again(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._wake_lane()

    def _try_again(self, runs: SlotClass, queue: str) -> None:
        self._slots[runs].avoid_no_more(queue)
        self.look_for(runs)

    def _reconcile_in(self, seconds: float) -> None:
        self._reconcile_at = self._loop.time() + seconds
        self._loop.call_later(seconds, self._wake_lane)

    def _must_reconcile(self) -> bool:
        return self._reconcile_at is not None and self._reconcile_at <= self._loop.time()

    def _has_call_to_make(self) -> bool:
        if self._outcomes or self._must_reconcile():
            return True
        if not self._claiming:
            return not self._has_left
        # Two calls that only claim would be answered together, and then Redis and Python work in turns.
        return self._calls == 0 and bool(self._slots_to_fill())

    def _slots_to_fill(self) -> list[tuple[Slots, int]]:
        """The classes of slot to claim for, and how often each was told of work."""
        if not self._claiming:
            return []
        return [
            (slots, slots.looks)
            for slots in self._slots.values()
            if slots.may_be_work and slots.free > 0 and slots.has_queues
        ]

    def _leave(self) -> list[Ask]:
        """What the first call says that claims no more: nobody is to count on this runner."""
        if self._has_left:
            return []
        self._has_left = True
        return [slots.ask_for_none() for slots in self._slots.values()]

    def _take_note(self, advance: Advance, *, asks: list[Ask], asked: list[tuple[Slots, int]]) -> None:
        for ask, (slots, looks) in zip(asks, asked, strict=False):
            claimed = len(advance.claims.get(ask.runs, ()))
            slots.free += ask.slots - claimed
            if claimed < ask.slots:
                # Nothing is in line, and Redis will send word, unless it did so while this answer came.
                if looks == slots.looks:
                    slots.may_be_work = False
                self._look_when_due(advance.next_due)
            else:
                # A call that filled all its slots takes this runner off the list of idle ones.
                slots.may_be_work = True
        for job_id in advance.fenced:
            event(logger, logging.WARNING, "attempt.fenced", job=job_id, runner=self._runner_id)

    def _start(self, claims: list[Claim]) -> None:
        if self._begun is not None and claims:
            self._begun()
            self._begun = None
        for claim in claims:
            if claim.schema > SCHEMA:
                self._refuse_newer(claim)
                continue
            attempt = self._executor.accept(claim, owner=self)
            self._attempts[claim.id] = attempt
            if claim.crashes and self._trials.is_due(attempt):
                self._trials.wait(attempt, self._begin)
            else:
                self._begin(attempt)

    def _begin_or_give_back(self, claim: Claim) -> None:
        """Begin a job that was handed over, in the slot that was taken for it, unless there was none."""
        slots = self._slots[claim.runs]
        if self._claiming and slots.free >= 0:
            self._start([claim])
            return
        event(
            logger,
            logging.INFO,
            "attempt.released",
            job=claim.id,
            kind=claim.kind,
            attempt=claim.attempt,
            reason="no slot is free" if self._claiming else "the runner is about to end",
        )
        self._settle(slots, Releasing(claim.id, claim.attempt))

    def _refuse_newer(self, claim: Claim) -> None:
        """Give back a job that a later release stored, and claim no more: newer workers can read it."""
        if self._claiming:
            event(
                logger,
                logging.ERROR,
                "runner.outdated",
                runner=self._runner_id,
                job=claim.id,
                schema=claim.schema,
                reads=SCHEMA,
                reason="a later release of queuecore stored this job; this worker claims no more, update it",
            )
            self.stop_claiming()
        self._settle(self._slots[claim.runs], Releasing(claim.id, claim.attempt))

    def _begin(self, attempt: Attempt) -> None:
        # Its job's name for whoever looks at the tasks; and making up one would take longer.
        attempt.task = asyncio.Task(
            self._executor.run(attempt, self),
            loop=self._loop,
            name=attempt.claim.id,
            context=self._executor.fresh_variables(),
        )

    def end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """Settle what the attempt came to; the first word on it stands."""
        if attempt.ended:
            return
        attempt.ended = True
        if attempt.claim.crashes:
            self._trials.withdraw(attempt)
        if self._attempts.get(attempt.claim.id) is attempt:
            del self._attempts[attempt.claim.id]
        if attempt.left_behind is not None:
            self.left_behind[attempt.left_behind] = attempt.claim.runs
            attempt.left_behind.add_done_callback(self.left_behind.pop)
        if outcome is None:
            self._settle(self._slots[attempt.claim.runs], None)
            return
        if type(outcome) is not Completed or logger.isEnabledFor(logging.DEBUG):
            _log_outcome(attempt, outcome)
        if attempt.context.has_news or (attempt.meter is not None and attempt in self._reporter.writing):
            # The last progress and checkpoint are refused once the outcome is accepted: they go first.
            self._reporter.add_last(attempt, outcome, then=self._settle_attempt)
        else:
            self._settle(self._slots[attempt.claim.runs], outcome)

    def _settle_attempt(self, attempt: Attempt, outcome: Outcome) -> None:
        self._settle(self._slots[attempt.claim.runs], outcome)

    def _settle(self, slots: Slots, outcome: Outcome | None) -> None:
        slots.free += 1
        if outcome is not None:
            self._outcomes.append(outcome)
        if self._resting:
            self._wake_lane()
        if not self._claiming:
            self._check_quiet()

    def _look_when_due(self, seconds: float | None) -> None:
        if self._due_timer is not None:
            self._due_timer.cancel()
        self._due_timer = None if seconds is None else self._loop.call_later(seconds, self.look)

    async def _rest(self) -> None:
        woken: asyncio.Future[None] = self._loop.create_future()
        self._resting.append(woken)
        await woken

    def _wake_lane(self) -> None:
        while self._resting:
            woken = self._resting.popleft()
            if not woken.done():
                woken.set_result(None)
                return

    def _check_quiet(self) -> None:
        # A lane that holds its lock is calling, or has an answer that is not in `_attempts` yet.
        calling = any(lock.locked() for lock in self._locks)
        waiting = self._outcomes or self._reporter.held_back()
        if not (self._claiming or self._attempts or waiting or calling):
            self._quiet.set()

    # Stopping attempts.

    def _stop_by_id(self, job_id: str, reason: StopReason) -> None:
        attempt = self._attempts.get(job_id)
        if attempt is not None:
            self._stop(attempt, reason)

    def _stop(self, attempt: Attempt, reason: StopReason) -> None:
        if attempt.stopped is not None and reason != "fenced":
            return
        if reason == "fenced":
            event(
                logger,
                logging.WARNING,
                "attempt.fenced",
                job=attempt.claim.id,
                attempt=attempt.claim.attempt,
                runner=self._runner_id,
            )
        attempt.stop(reason)
        if not attempt.begun:
            self.end(attempt, outcome_of_stop(attempt))
            return
        # Handlers get their grace from the executor; this is for those that do not end even then.
        self._loop.call_later(self._stop_grace + 1.0, self._insist, attempt)

    def _insist(self, attempt: Attempt) -> None:
        if not attempt.ended and attempt.task is not None:
            attempt.task.cancel()
            self._loop.call_later(self._stop_grace, self._leave_behind, attempt)

    def _leave_behind(self, attempt: Attempt) -> None:
        if attempt.ended:
            return
        attempt.left_behind = attempt.task
        event(
            logger,
            logging.ERROR,
            "attempt.unstoppable",
            job=attempt.claim.id,
            kind=attempt.claim.kind,
            attempt=attempt.claim.attempt,
        )
        self.end(attempt, outcome_of_stop(attempt))

    def _check_deadlines(self) -> None:
        now = self._loop.time()
        self._deadline_timer = None
        self._next_deadline = float("inf")
        for attempt in list(self._attempts.values()):
            if attempt.deadline <= now:
                self._stop(attempt, "timed_out")
            else:
                self.set_deadline(attempt)


def _log_outcome(attempt: Attempt, outcome: Outcome) -> None:
    level, error, title, delay = logging.INFO, None, None, None
    match outcome:
        case Completed():
            level, name = logging.DEBUG, "attempt.completed"
        case Retrying():
            name, error, delay = "attempt.retried", outcome.error, outcome.delay
        case Failing():
            level, name, error = logging.WARNING, "attempt.failed", outcome.error
        case Crashing():
            # The only title that no handler wrote: others may tell what is in the sender's file.
            level, name, error = logging.WARNING, "attempt.crashed", outcome.error
            title = outcome.error.title
        case Cancelling():
            name = "attempt.cancelled"
        case Releasing():
            name = "attempt.released"
        case _:
            assert_never(outcome)
    event(
        logger,
        level,
        name,
        job=outcome.id,
        kind=attempt.claim.kind,
        attempt=outcome.attempt,
        error=error.type if error else None,
        title=title,
        delay=delay,
    )
