"""The queue in a hundred lines: what every call is to do, without Redis, numbers or scripts."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from queuecore.model import LINES, Ask, SlotClass, State, line_name, split_line_name
from queuecore.model.states import FINAL

Attempt = tuple[str, int]  # job id, number


@dataclass
class ModelJob:
    line: str  # its full name
    owner: str
    max_crashes: int
    state: State
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    runner: str = ""
    cancel: bool = False


@dataclass
class ModelRunner:
    """`known` is what the runner itself thinks it runs; `lost` attempts were taken from it."""

    registered: bool = True
    silent: bool = False
    known: set[Attempt] = field(default_factory=set)


class Model:
    """All jobs, the lines as lists, and the counters."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.due: list[str] = []  # scheduled jobs whose time has come, in the order of their times
        self.runners: dict[str, ModelRunner] = {}
        self.count: Counter[str] = Counter()

    def enqueue(self, job_id: str, job: ModelJob) -> None:
        self.jobs[job_id] = job
        if job.state is State.QUEUED:
            self.lines[job.line].append(job_id)
        self.count["enqueued"] += 1

    def hand_over(self, job_id: str, runner: str) -> None:
        """A job that was just enqueued does not stand in line, it runs."""
        job = self.jobs[job_id]
        self.lines[job.line].remove(job_id)
        job.state, job.runner, job.attempt = State.RUNNING, runner, 1

    def promote(self) -> None:
        for job_id in self.due:
            self._to_back(job_id)
        self.due.clear()

    def claim(self, runner: str, ask: Ask) -> list[Attempt]:
        """The jobs that come for one class of slot: queue by queue, in each the most urgent first."""
        claims: list[Attempt] = []
        for queue in ask.queues:
            for urgency in LINES:
                line = self.lines[line_name(queue, ask.runs, urgency)]
                while line and len(claims) < ask.slots:
                    job_id = line.pop(0)
                    job = self.jobs[job_id]
                    job.state, job.runner = State.RUNNING, runner
                    job.attempt += 1
                    claims.append((job_id, job.attempt))
        return claims

    def owns(self, attempt: Attempt) -> bool:
        job = self.jobs.get(attempt[0])
        return job is not None and job.state is State.RUNNING and job.attempt == attempt[1]

    def complete(self, attempt: Attempt) -> None:
        self.jobs[attempt[0]].state = State.COMPLETED
        self.count["completed"] += 1

    def retry(self, attempt: Attempt, *, delayed: bool) -> None:
        job = self.jobs[attempt[0]]
        if self._cancelled(job):
            return
        job.failures += 1
        self.count["retried"] += 1
        if delayed:
            job.state = State.SCHEDULED
        else:
            self._to_back(attempt[0])

    def fail(self, attempt: Attempt) -> None:
        job = self.jobs[attempt[0]]
        if not self._cancelled(job):
            job.failures += 1
            self._end(job, State.FAILED)

    def stop(self, attempt: Attempt) -> None:
        self._end(self.jobs[attempt[0]], State.CANCELLED)

    def release(self, attempts: Iterable[Attempt], *, to: SlotClass | None = None) -> list[str]:
        """Returns the ids of those that are to go to the front, see `to_front`."""
        back = [attempt[0] for attempt in attempts if not self._cancelled(self.jobs[attempt[0]])]
        for job_id in back:
            self._change_class(job_id, to)
        self.count["released"] += len(back)
        return back

    def crash(self, attempts: Iterable[Attempt], *, suspected: bool) -> list[str]:
        """Returns the ids of those that are to go to the front, see `to_front`."""
        back = []
        for job_id, _ in attempts:
            job = self.jobs[job_id]
            job.crashes += 1
            self.count["crashed"] += 1
            if self._cancelled(job):
                continue
            if job.crashes >= job.max_crashes:
                self._end(job, State.FAILED)
            else:
                back.append(job_id)
                if (suspected or job.crashes + 1 >= job.max_crashes) and ":process:" not in job.line:
                    self._change_class(job_id, "alone")
        return back

    def to_front(self, job_ids: list[str]) -> None:
        """Jobs, in their order, to the front of their lines."""
        for job_id in reversed(job_ids):
            job = self.jobs[job_id]
            job.state = State.QUEUED
            self.lines[job.line].insert(0, job_id)

    def cancel(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if job.state is State.RUNNING:
            job.cancel = True
        elif job.state not in FINAL:
            if job.state is State.QUEUED:
                self.lines[job.line].remove(job_id)
            elif job_id in self.due:
                self.due.remove(job_id)
            self._end(job, State.CANCELLED)

    def requeue(self, job_id: str) -> None:
        job = self.jobs[job_id]
        job.failures = job.crashes = 0
        self._to_back(job_id)
        self.count["requeued"] += 1

    def remove(self, job_id: str) -> None:
        del self.jobs[job_id]
        self.count["pruned"] += 1

    def running(self, runner: str) -> list[Attempt]:
        return [
            (job_id, job.attempt)
            for job_id, job in self.jobs.items()
            if job.state is State.RUNNING and job.runner == runner
        ]

    def _change_class(self, job_id: str, runs: SlotClass | None) -> None:
        job = self.jobs[job_id]
        if runs is not None:
            queue, _, line = split_line_name(job.line)
            job.line = line_name(queue, runs, line)

    def _to_back(self, job_id: str) -> None:
        job = self.jobs[job_id]
        job.state = State.QUEUED
        self.lines[job.line].append(job_id)

    def _cancelled(self, job: ModelJob) -> bool:
        if job.cancel:
            self._end(job, State.CANCELLED)
        return job.cancel or job.state is State.CANCELLED

    def _end(self, job: ModelJob, state: State) -> None:
        job.state, job.cancel = state, False
        self.count[state] += 1
