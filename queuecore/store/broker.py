"""All writes: each method is one script, one round trip.

The one place that puts values into arguments and replies into values. What may be read without
changing anything is in `inspector`. Times go in and out as seconds, in Redis they are milliseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from ..model import (
    DEFAULT_MAX_CRASHES,
    MAX_ERROR_CHARS,
    Advance,
    Cancelling,
    Claim,
    Completed,
    Crashing,
    ErrorRecord,
    Failing,
    Heartbeat,
    IdempotencyConflict,
    JobNotFound,
    Line,
    Outcome,
    ProgressReply,
    ProgressUpdate,
    Recovered,
    Releasing,
    Retention,
    Retrying,
    RunnerForgotten,
    RunnerInfo,
    State,
    StateConflict,
    Submitted,
    new_token,
    read_spec,
    split_job_id,
)
from .client import Client
from .connection import Argument
from .keys import LOG_LENGTH, Keys, queues_key

IDEMPOTENCY_WINDOW: Final = 24 * 3600.0  # seconds
LONGEST: Final = 100 * 365 * 86400.0  # seconds; no delay or time to live is longer
NOTHING: Final = Retention(completed=0, failed=0, cancelled=0)

_encode = msgspec.msgpack.Encoder().encode
_to_json = msgspec.json.Encoder().encode


class EntryOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What sets a job apart from a plain one in a normal line; goes to `enqueue` as JSON, times in ms."""

    line: Line = Line.NORMAL
    delay: int = 0
    owner: str = ""
    max_crashes: int = DEFAULT_MAX_CRASHES
    unique: str = ""
    fingerprint: str | None = None
    window: int | None = None


class Entry(msgspec.Struct, frozen=True):
    """A job on its way into Redis: `spec` is msgpack."""

    token: str
    spec: bytes
    options: EntryOptions | None = None


_Call = tuple[str, str, int]  # queue, runner and lane: one call of each may be under way


class Broker:
    """The writing side of the queues behind one Redis.

    Args:
        client: the connection; a worker's has endless patience, a producer's gives up soon.
        prefix: first word of every key, so that several installations can share a server.
    """

    def __init__(self, client: Client, *, prefix: str = "qc") -> None:
        self.client = client
        self.prefix = prefix
        self._keys: dict[str, Keys] = {}
        self._calls: dict[_Call, int] = {}
        self._cut_short: dict[_Call, tuple[list[Outcome], int]] = {}
        self._announced: set[str] = set()

    @classmethod
    def connect(
        cls, url: str, *, prefix: str = "qc", name: str = "worker", patience: float | None = None
    ) -> Broker:
        """A broker on a connection of its own; the connection is made by the first call."""
        return cls(Client(url, name=name, patience=patience), prefix=prefix)

    async def close(self) -> None:
        """Drop the connection."""
        await self.client.close()

    def keys(self, queue: str) -> Keys:
        """The keys of a queue. Raises ValueError for a name that cannot be one."""
        keys = self._keys.get(queue)
        if keys is None:
            keys = self._keys[queue] = Keys(self.prefix, queue)
        return keys

    # What producers do.

    async def enqueue(self, queue: str, entries: Sequence[Entry]) -> list[Submitted | IdempotencyConflict]:
        """Store new jobs at the end of their lines, all in one call.

        Returns: for each entry the job that now stands for it, or a conflict of its idempotency key.
        Raises:
            BrokerUnavailable: not known whether it was stored; the same entries again are safe.
            QueueFull: Redis is at maxmemory.
        """
        if queue not in self._announced:
            await self.announce(queue)
        arguments: list[Argument] = []
        for entry in entries:
            options = _to_json(entry.options).decode() if entry.options else ""
            arguments += (entry.token + options, entry.spec)
        exceptions = await self.client.run("enqueue", self.keys(queue).base, *arguments)
        answers: list[Submitted | IdempotencyConflict] = [
            Submitted(f"{queue}.{entry.token}", created=True) for entry in entries
        ]
        for index, reason, token in zip(exceptions[::3], exceptions[1::3], exceptions[2::3], strict=True):
            job_id = f"{queue}.{token.decode()}"
            answers[index - 1] = (
                IdempotencyConflict(job_id) if reason == b"conflict" else Submitted(job_id, created=False)
            )
        return answers

    async def announce(self, queue: str) -> None:
        """Put a queue's name on the list of all queues."""
        self.keys(queue)
        await self.client.run("announce", queues_key(self.prefix), queue)
        self._announced.add(queue)

    async def cancel(self, job_id: str) -> State:
        """End a waiting job, or ask a running one to end.

        Returns: the state now; `running` means that it was asked.
        Raises:
            JobNotFound, StateConflict: it is completed or failed already.
        """
        before, after = await self._transition("cancel", job_id)
        if before in (State.COMPLETED, State.FAILED):
            raise StateConflict(job_id, before, "cancelled")
        return after

    async def requeue(self, job_id: str) -> State:
        """Give a failed or cancelled job a new series of attempts.

        Raises:
            JobNotFound, StateConflict: it is in another state.
        """
        # The nonce makes a call whose reply was lost the same call when it is sent again.
        before, after = await self._transition("requeue", job_id, new_token())
        if before not in (State.FAILED, State.CANCELLED):
            raise StateConflict(job_id, before, "retried")
        return after

    async def delete(self, job_id: str) -> None:
        """Remove an ended job's record.

        Raises:
            JobNotFound, StateConflict: it has not ended.
        """
        queue, token = split_job_id(job_id)
        if not await self.client.call("EXISTS", self.keys(queue).of("JOB", token)):
            raise JobNotFound(job_id)
        for kept, state in (await self._prune(queue, [token], NOTHING)).items():
            raise StateConflict(f"{queue}.{kept}", state, "deleted")

    # What runners do.

    async def register(self, queue: str, runner: RunnerInfo, *, ttl: float) -> None:
        """Announce a runner; its heartbeat begins with `ttl` seconds to live."""
        await self.announce(queue)
        await self.client.run("register", self.keys(queue).base, runner.id, _to_json(runner), _ms(ttl))

    async def unregister(self, queue: str, runner_id: str) -> int:
        """Take a runner off the list, unless it has jobs. Returns how many it still has."""
        return int(await self.client.run("unregister", self.keys(queue).base, runner_id))

    async def advance(
        self, queue: str, runner_id: str, *, lane: int, outcomes: Sequence[Outcome], slots: int
    ) -> Advance:
        """Settle attempts and claim new jobs, in one round trip.

        Args:
            lane: one call may be under way for each lane of a runner.
            outcomes: what attempts came to.
            slots: how many jobs to claim at most; 0 settles only.

        Returns: the claims, oldest first, and the ids whose outcome was refused. Fewer claims than slots
            mean that nothing is in line: the runner now counts as idle and will be sent `work`.
        Raises:
            RunnerForgotten: the runner was given up; it must not go on. What it wanted to settle was
                refused, job by job.
        """
        call = (queue, runner_id, lane)
        cut_short = self._cut_short.get(call)
        if cut_short is None or cut_short == (outcomes, slots):
            return await self._advance(call, outcomes, slots)
        # A call whose caller went away may have been carried out: its answer is wanted before the next.
        earlier = await self._advance(call, *cut_short)
        rest = [outcome for outcome in outcomes if outcome not in cut_short[0]]
        later = await self._advance(call, rest, max(0, slots - len(earlier.claims)))
        return Advance(earlier.claims + later.claims, earlier.fenced + later.fenced, later.next_due)

    async def progress(self, queue: str, updates: Sequence[ProgressUpdate]) -> ProgressReply:
        """Store what running attempts have to say, all in one call."""
        arguments: list[Argument] = [len(updates)]
        for update in updates:
            arguments += (
                split_job_id(update.id)[1],
                update.attempt,
                _encode(update.progress) if update.progress else b"",
                update.checkpoint or b"",
                len(log := update.log[-LOG_LENGTH:]),
                *log,
            )
        fenced, cancelled = await self.client.run("progress", self.keys(queue).base, *arguments)
        return ProgressReply(_ids(queue, fenced), _ids(queue, cancelled))

    async def reconcile(self, queue: str, runner_id: str, known: Sequence[tuple[str, int]]) -> list[str]:
        """Give back what Redis thinks this runner has but it does not know.

        Args:
            known: (job id, attempt) of everything it knows.

        Returns: the ids of the jobs that were given back.
        """
        arguments: list[Argument] = [runner_id]
        for job_id, attempt in known:
            arguments += (split_job_id(job_id)[1], attempt)
        return _ids(queue, await self.client.run("reconcile", self.keys(queue).base, *arguments))

    @asynccontextmanager
    async def listen(
        self,
        queue: str,
        runner_id: str,
        *,
        work: Callable[[], None],
        take: Callable[[Claim], None],
        cancel: Callable[[str], None],
        missed: Callable[[], None],
    ) -> AsyncIterator[None]:
        """Hear the control messages of a runner; entered once the subscription stands.

        Args:
            work: called when there is something to claim.
            take: called with a job that was claimed for this runner by whoever enqueued it.
            cancel: called with the id of a running job that is to be cancelled.
            missed: called when messages may have been missed.
        """

        def heard(message: bytes) -> None:
            word, *said = message.split(b" ", 2)
            if word == b"work":
                work()
            elif word == b"job":
                take(_claims(queue, said)[0])
            else:
                cancel(f"{queue}.{said[0].decode()}")

        channel = self.keys(queue).of("CONTROL", runner_id)
        async with self.client.subscribe(channel, heard=heard, missed=missed):
            yield

    # What supervisors do.

    async def heartbeat(self, queue: str, runner_ids: Sequence[str], *, ttl: float) -> Heartbeat:
        """Say that these runners live for `ttl` more seconds; promotes what is due on the way."""
        cancels, suspects, blind, forgotten, due, backlog = await self.client.run(
            "heartbeat", self.keys(queue).base, _ms(ttl), *runner_ids
        )
        return Heartbeat(
            cancels=[
                (f"{queue}.{token.decode()}", runner.decode())
                for token, runner in zip(cancels[::2], cancels[1::2], strict=True)
            ],
            suspects=[runner.decode() for runner in suspects],
            blind=blind / 1000,
            forgotten=[runner.decode() for runner in forgotten],
            next_due=due / 1000 if due >= 0 else None,
            backlog=backlog,
        )

    async def recover(
        self, queue: str, runner_id: str, error: ErrorRecord, *, seen_dead: bool
    ) -> list[Recovered]:
        """Put a dead runner's jobs back in line; each exactly once, however many call this.

        Args:
            seen_dead: its death was seen; otherwise only a runner without heartbeat is touched.
        """
        recovered: list[Recovered] = []
        how = "dead" if seen_dead else "silent"
        left = 1
        while left > 0:
            left, *flat = await self.client.run(
                "take_over", self.keys(queue).base, runner_id, how, _error(error), 100
            )
            recovered += [
                Recovered(f"{queue}.{token.decode()}", int(attempt), State(state.decode()))
                for token, attempt, state in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
            ]
        return recovered

    async def sweep(self, queue: str, cursor: int = 0) -> tuple[int, list[str]]:
        """Check some hundred jobs for being where their state says; done when the cursor is 0 again."""
        beginning = self.keys(queue).of("JOB")
        following, found = await self.client.call(
            "SCAN", cursor, "MATCH", f"{_literal(beginning)}*", "COUNT", 500
        )
        if not found:
            return int(following), []
        tokens = [key.decode().removeprefix(beginning) for key in found]
        error = ErrorRecord("lost", "The runner that had this job is not known any more")
        repaired = await self.client.run("sweep", self.keys(queue).base, _error(error), *tokens)
        return int(following), _ids(queue, repaired)

    async def expired(self, queue: str, retention: Retention, *, limit: int = 100) -> list[str]:
        """Ids of ended jobs that have outlived their retention; their files go first, then `prune`."""
        reply = await self.client.run("expired", self.keys(queue).base, *_retention(retention), limit)
        return _ids(queue, reply)

    async def prune(self, queue: str, job_ids: Sequence[str], retention: Retention) -> list[str]:
        """Remove ended jobs that have outlived their retention. Returns the ids of those that are gone."""
        if not job_ids:
            return []
        tokens = [split_job_id(job_id)[1] for job_id in job_ids]
        kept = await self._prune(queue, tokens, retention)
        return [f"{queue}.{token}" for token in tokens if token not in kept]

    # Helpers.

    async def _advance(self, call: _Call, outcomes: Sequence[Outcome], slots: int) -> Advance:
        queue, runner_id, lane = call
        number = self._calls.get(call, 0) + 1
        names: list[str] = []
        results: list[bytes] = []
        others: list[Argument] = []
        skip = len(queue) + 1
        for outcome in outcomes:
            name = outcome.id[skip:] if outcome.attempt == 1 else f"{outcome.id[skip:]}:{outcome.attempt}"
            if type(outcome) is Completed:
                names.append(name)
                results.append(outcome.result)
            else:
                verb, payload = _verb_and_payload(outcome)
                others += (verb, name, payload)
        arguments = (runner_id, lane, number, slots, len(names), *names, *results, *others)
        self._cut_short[call] = (list(outcomes), slots)
        registered, fenced, flat, due = await self.client.run("advance", self.keys(queue).base, *arguments)
        del self._cut_short[call]
        self._calls[call] = number
        refused = _ids(queue, fenced)
        if not registered:
            raise RunnerForgotten(runner_id, refused)
        return Advance(_claims(queue, flat), refused, due / 1000 if due >= 0 else None)

    async def _prune(self, queue: str, tokens: Sequence[str], retention: Retention) -> dict[str, str]:
        """Those tokens that were kept, with the state that keeps them."""
        reply = await self.client.run("prune", self.keys(queue).base, *_retention(retention), *tokens)
        return {
            token.decode(): answer.decode()
            for token, answer in zip(reply[::2], reply[1::2], strict=True)
            if answer != b"gone"
        }

    async def _transition(self, script: str, job_id: str, *more: str) -> tuple[State, State]:
        queue, token = split_job_id(job_id)
        before, after = await self.client.run(script, self.keys(queue).base, token, *more)
        if not before:
            raise JobNotFound(job_id)
        return State(before.decode()), State(after.decode())


def _verb_and_payload(outcome: Outcome) -> tuple[str, bytes]:
    """What advance.lua calls an outcome, and what belongs to it."""
    match outcome:
        case Completed(result=result):
            return "complete", result
        case Retrying(delay=delay, error=error, outcome=word):
            return "retry", b"%s %d %s" % (word.encode(), _ms(delay), _error(error))
        case Failing(error=error, outcome=word):
            return "fail", b"%s %s" % (word.encode(), _error(error))
        case Crashing(error=error):
            return "recover", _error(error)
        case Releasing():
            return "release", b""
        case Cancelling():
            return "stop", b""


def _claims(queue: str, flat: list[Any]) -> list[Claim]:
    """What claim.lua returns: token and spec of each job, and more of one that was claimed before."""
    claims = []
    for token, said in zip(flat[::2], flat[1::2], strict=True):
        job_id = f"{queue}.{token.decode()}"
        if type(said) is bytes:
            spec = read_spec(said)
            claims.append(Claim(job_id, 1, spec.kind, spec.args, 0, 0, None, spec.retries, spec.timeout))
        else:
            packed, attempt, failures, crashes, checkpoint = said
            spec = read_spec(packed)
            claims.append(
                Claim(
                    job_id,
                    int(attempt),
                    spec.kind,
                    spec.args,
                    int(failures or 0),
                    int(crashes or 0),
                    checkpoint or None,
                    spec.retries,
                    spec.timeout,
                )
            )
    return claims


def _ids(queue: str, tokens: Sequence[bytes]) -> list[str]:
    return [f"{queue}.{token.decode()}" for token in tokens]


def _error(error: ErrorRecord) -> bytes:
    """JSON of an error, its texts cut to what is kept."""
    if len(error.title) > MAX_ERROR_CHARS or len(error.detail) > MAX_ERROR_CHARS:
        error = ErrorRecord(
            error.type, error.title[:MAX_ERROR_CHARS], error.detail[:MAX_ERROR_CHARS], error.retryable
        )
    return _to_json(error)


def _retention(retention: Retention) -> tuple[int, int, int]:
    return _ms(retention.completed), _ms(retention.failed), _ms(retention.cancelled)


def _ms(seconds: float) -> int:
    """Milliseconds that Redis can store; what is no sensible time becomes the nearest one, NaN none."""
    return round(min(max(0.0, seconds), LONGEST) * 1000)


def _literal(text: str) -> str:
    """The text as a pattern that matches only itself."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)
