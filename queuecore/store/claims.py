"""What runners write: claims and outcomes in one call, progress, their own coming and going."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from ..model import (
    RUNS,
    Advance,
    Ask,
    BrokerRefused,
    Cancelling,
    Claim,
    Completed,
    Crashing,
    Failing,
    Outcome,
    ProgressReply,
    ProgressUpdate,
    Releasing,
    Retrying,
    RunnerForgotten,
    RunnerInfo,
    Runs,
    read_spec,
    split_job_id,
)
from .client import Client
from .connection import Argument
from .keys import LOG_LENGTH, Keys
from .wire import error_json, job_ids, to_json, to_ms

encode = msgspec.msgpack.Encoder().encode

_CLASSES: Final[dict[bytes, Runs]] = {runs.encode(): runs for runs in RUNS}

_Call = tuple[str, str, int]  # space, runner and lane: one call of each may be under way


class Claims:
    """The writes of runners."""

    def __init__(self, client: Client, keys: Callable[[str], Keys]) -> None:
        self._client = client
        self._keys = keys
        self._calls: dict[_Call, int] = {}
        self._cut_short: dict[_Call, tuple[list[Outcome], Sequence[Ask]]] = {}

    async def register(self, space: str, runner: RunnerInfo, *, ttl: float) -> None:
        """Announce a runner; its heartbeat begins with `ttl` seconds to live."""
        await self._client.run("register", self._keys(space).base, runner.id, to_json(runner), to_ms(ttl))

    async def unregister(self, space: str, runner_id: str) -> int:
        """Take a runner off the list, unless it has jobs. Returns how many it still has."""
        return int(await self._client.run("unregister", self._keys(space).base, runner_id))

    async def advance(
        self, space: str, runner_id: str, *, lane: int, outcomes: Sequence[Outcome], asks: Sequence[Ask]
    ) -> Advance:
        """Settle attempts and claim new jobs, in one round trip.

        Args:
            lane: one call may be under way for each lane of a runner.
            outcomes: what attempts came to.
            asks: how many jobs to claim at most, one for a class of slot; none settles only. Zero slots say
                that the runner takes no more of these.

        Returns: the claims and the ids whose outcome was refused. Fewer claims than slots mean that
            nothing is in line: the runner now counts as idle and will be sent `work`.
        Raises:
            RunnerForgotten: the runner was given up; it must not go on. What it wanted to settle was
                refused, job by job.
        """
        call = (space, runner_id, lane)
        cut_short = self._cut_short.get(call)
        if cut_short is None or cut_short == (outcomes, asks):
            return await self._advance(call, outcomes, asks)
        # A call whose caller went away may have been carried out: its answer is wanted before the next.
        earlier = await self._advance(call, *cut_short)
        rest = [outcome for outcome in outcomes if outcome not in cut_short[0]]
        had = {runs: len(claims) for runs, claims in earlier.claims.items()}
        left = [Ask(ask.runs, max(0, ask.slots - had.get(ask.runs, 0)), ask.queues) for ask in asks]
        later = await self._advance(call, rest, left)
        claims = {
            runs: earlier.claims.get(runs, []) + later.claims.get(runs, [])
            for runs in (*earlier.claims, *later.claims)
        }
        return Advance(claims, earlier.fenced + later.fenced, later.next_due)

    async def progress(self, space: str, updates: Sequence[ProgressUpdate]) -> ProgressReply:
        """Store what running attempts have to say, all in one call."""
        arguments: list[Argument] = [len(updates)]
        for update in updates:
            arguments += (
                split_job_id(update.id)[1],
                update.attempt,
                encode(update.progress) if update.progress else b"",
                update.checkpoint or b"",
                len(log := update.log[-LOG_LENGTH:]),
                *log,
            )
        fenced, cancelled = await self._client.run("progress", self._keys(space).base, *arguments)
        return ProgressReply(job_ids(space, fenced), job_ids(space, cancelled))

    async def reconcile(self, space: str, runner_id: str, known: Sequence[tuple[str, int]]) -> list[str]:
        """Give back what Redis thinks this runner has but it does not know.

        Args:
            known: (job id, attempt) of everything it knows.

        Returns: the ids of the jobs that were given back.
        """
        arguments: list[Argument] = [runner_id]
        for job_id, attempt in known:
            arguments += (split_job_id(job_id)[1], attempt)
        return job_ids(space, await self._client.run("reconcile", self._keys(space).base, *arguments))

    @asynccontextmanager
    async def listen(
        self,
        space: str,
        runner_id: str,
        *,
        work: Callable[[Runs], None],
        take: Callable[[Claim], None],
        cancel: Callable[[str], None],
        missed: Callable[[], None],
    ) -> AsyncIterator[None]:
        """Hear the control messages of a runner; entered once the subscription stands.

        Args:
            work: called with a class of slot when there is something to claim for it.
            take: called with a job that was claimed for this runner by whoever enqueued it.
            cancel: called with the id of a running job that is to be cancelled.
            missed: called when messages may have been missed.
        """

        def heard(message: bytes) -> None:
            word, said = message.split(b" ", 1)
            if word == b"work":
                work(_CLASSES[said])
            elif word == b"job":
                runs, token, spec = said.split(b" ", 2)
                take(_claims(space, _CLASSES[runs], [token, spec])[0])
            else:
                cancel(f"{space}.{said.decode()}")

        channel = self._keys(space).of("CONTROL", runner_id)
        async with self._client.subscribe(channel, heard=heard, missed=missed):
            yield

    async def _advance(self, call: _Call, outcomes: Sequence[Outcome], asks: Sequence[Ask]) -> Advance:
        space, runner_id, lane = call
        number = self._calls.get(call, 0) + 1
        wanted: list[Argument] = []
        for ask in asks:
            wanted += (ask.runs, ask.slots, len(ask.queues), *ask.queues)
        names: list[str] = []
        results: list[bytes] = []
        others: list[Argument] = []
        skip = len(space) + 1
        for outcome in outcomes:
            name = outcome.id[skip:] if outcome.attempt == 1 else f"{outcome.id[skip:]}:{outcome.attempt}"
            if type(outcome) is Completed and not outcome.tied:
                names.append(name)
                results.append(outcome.result)
            else:
                verb, payload = _verb_and_payload(outcome)
                others += (verb, name, payload)
        arguments = (runner_id, lane, number, len(names), len(asks), *wanted, *names, *results, *others)
        self._cut_short[call] = (list(outcomes), list(asks))
        try:
            registered, fenced, flat, due = await self._client.run(
                "advance", self._keys(space).base, *arguments
            )
        except BrokerRefused:
            del self._cut_short[call]  # it was answered: with an error
            raise
        del self._cut_short[call]
        self._calls[call] = number
        refused = job_ids(space, fenced)
        if not registered:
            raise RunnerForgotten(runner_id, refused)
        claims = {
            ask.runs: _claims(space, ask.runs, found) if found else []
            for ask, found in zip(asks, flat or [()] * len(asks), strict=True)
        }
        return Advance(claims, refused, due / 1000 if due >= 0 else None)


def _verb_and_payload(outcome: Outcome) -> tuple[str, bytes]:
    """What advance.lua calls an outcome, and what belongs to it."""
    match outcome:
        case Completed(result=result):
            return "complete", result
        case Retrying(delay=delay, error=error, outcome=word):
            return "retry", b"%s %d %s" % (word.encode(), to_ms(delay), error_json(error))
        case Failing(error=error, outcome=word):
            return "fail", b"%s %s" % (word.encode(), error_json(error))
        case Crashing(error=error):
            return "recover", error_json(error)
        case Releasing():
            return "release", b""
        case Cancelling():
            return "stop", b""


def _claims(space: str, runs: Runs, flat: list[Any]) -> list[Claim]:
    """What claim.lua returns: token and spec of each job, and more of a tied one or one claimed before."""
    claims = []
    for token, said in zip(flat[::2], flat[1::2], strict=True):
        job_id = f"{space}.{token.decode()}"
        if type(said) is bytes:
            spec = read_spec(said)
            claims.append(
                Claim(
                    job_id, 1, spec.kind, spec.args, 0, 0, None, spec.retries, spec.timeout, runs, spec.schema
                )
            )
        else:
            packed, attempt, failures, crashes, checkpoint, mark = said
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
                    runs,
                    spec.schema,
                    bool(mark),
                )
            )
    return claims
