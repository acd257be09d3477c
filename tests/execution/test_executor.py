"""What an attempt comes to in the event loop and in threads, whatever its handler does."""

import asyncio
import contextvars
import decimal
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from queuecore import JobContext, PayloadTooLarge, Permanent, Registry, Retry, Step, handler
from queuecore.execution import Attempt, Executor, PoolOptions, ProcessPool, Threads
from queuecore.model import Backoff, Claim, Completed, Failing, Outcome, Retrying
from tests.worker.worker_process import eventually

Body = Callable[[JobContext], Any]
Try = Callable[..., Any]
MODES = ("async", "thread")
SETTING: contextvars.ContextVar[str] = contextvars.ContextVar("SETTING", default="unset")


class Owner:
    """Notes what an attempt came to."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

    def set_deadline(self, attempt: Attempt) -> None: ...

    def hear(self, context: JobContext) -> None: ...

    def end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        self.outcome.set_result(outcome)


@pytest.fixture
async def attempt() -> AsyncIterator[Try]:
    """Run a function as the handler of a job: `await attempt("thread", body)`."""
    pool = ProcessPool(
        PoolOptions(
            size=1,
            recycle=1,
            memory_bytes=0,
            handlers=(),
            search_path=(),
            stop_grace=0.5,
            log_level="INFO",
            log_format="text",
        )
    )
    threads = Threads()

    async def attempt(mode: str, body: Body) -> Outcome | None:
        executor = Executor(Registry([_handler(mode, body)]), processes=pool, threads=threads, stop_grace=0.5)
        owner = Owner()
        claim = Claim("default.1", 1, "test.body", msgspec.Raw(b"\x80"))
        running = executor.accept(claim, owner=owner)
        running.task = asyncio.create_task(executor.run(running, owner), context=executor.fresh_variables())
        outcome = await asyncio.wait_for(owner.outcome, 5)
        await running.task
        return outcome

    yield attempt
    await pool.close()


def _handler(mode: str, body: Body) -> Any:
    backoff = Backoff(base=0.0)
    if mode == "async":

        @handler("test.body", backoff=backoff)
        async def in_loop(ctx: JobContext) -> Any:
            return body(ctx)

        return in_loop

    @handler("test.body", runs="thread", backoff=backoff)
    def in_thread(ctx: JobContext) -> Any:
        return body(ctx)

    return in_thread


class Hostile(Exception):
    """An exception that ends whoever asks it anything."""

    def __str__(self) -> str:
        raise SystemExit("from __str__")

    def __repr__(self) -> str:
        raise SystemExit("from __repr__")


class Silent(Permanent):
    """A subclass that does not call its parent."""

    def __init__(self, number: int) -> None:
        self.number = number


class Nonsense(Retry):
    """A subclass that puts anything anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.delay = "soon"  # type: ignore[assignment]
        self.reason = 7  # type: ignore[assignment]


def _raise(error: BaseException) -> Any:
    raise error


def _raise_from_hostile(ctx: JobContext) -> None:
    try:
        raise Hostile
    except Hostile as error:
        raise ExceptionGroup("both", [error, ValueError("x")]) from error


RAISED: dict[str, tuple[Body, str, str]] = {
    "permanent with an error": (lambda ctx: _raise(Permanent(ValueError("no rows"))), "permanent", "no rows"),
    "permanent without detail": (lambda ctx: _raise(Permanent("x", None)), "permanent", "x"),
    "permanent of a numbered type": (lambda ctx: _raise(Permanent("x", type=7)), "7", "x"),
    "permanent that is hostile": (lambda ctx: _raise(Permanent(Hostile())), "permanent", "cannot be read"),
    "permanent of its own kind": (lambda ctx: _raise(Silent(1)), "permanent", "cannot be done"),
    "retry with a timedelta": (lambda ctx: _raise(Retry(delay=timedelta(minutes=2))), "retry-asked", "asked"),
    "retry without a delay": (lambda ctx: _raise(Retry(delay=None)), "retry-asked", "asked"),
    "retry with an error": (lambda ctx: _raise(Retry(reason=ValueError("busy"))), "retry-asked", "busy"),
    "retry with a text": (lambda ctx: _raise(Retry(delay="5")), "unexpected-error", "InvalidOption"),
    "retry without end": (lambda ctx: _raise(Retry(delay=float("inf"))), "unexpected-error", "InvalidOption"),
    "retry of nonsense": (lambda ctx: _raise(Nonsense()), "unexpected-error", "cannot be shown"),
    "hostile": (lambda ctx: _raise(Hostile()), "unexpected-error", "Hostile"),
    "hostile in a group": (_raise_from_hostile, "unexpected-error", "ExceptionGroup"),
    "exit": (lambda ctx: _raise(SystemExit(3)), "unexpected-error", "SystemExit"),
    "interrupt": (lambda ctx: _raise(KeyboardInterrupt()), "unexpected-error", "KeyboardInterrupt"),
    "cancel": (lambda ctx: _raise(asyncio.CancelledError()), "unexpected-error", "CancelledError"),
    "iteration": (lambda ctx: _raise(StopIteration(1)), "unexpected-error", "RuntimeError"),
    "a text that is too long": (lambda ctx: _raise(ValueError("x" * 10_000_000)), "unexpected-error", ""),
    "a step without a name": (
        lambda ctx: ctx.progress(1, step=Step(None, 1, 1)),  # type: ignore[arg-type]
        "unexpected-error",
        "TypeError",
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("body", "type", "said"), RAISED.values(), ids=RAISED)
async def test_whatever_is_raised_ends_the_attempt_in_words(
    attempt: Try, mode: str, body: Body, type: str, said: str
) -> None:
    outcome = await attempt(mode, body)

    assert isinstance(outcome, Failing | Retrying)
    assert outcome.error.type == type
    assert said in outcome.error.title
    assert len(outcome.error.detail) <= 2_000
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(outcome)) is not None


async def test_a_retry_waits_as_long_as_it_says(attempt: Try) -> None:
    outcome = await attempt("async", lambda ctx: _raise(Retry(delay=timedelta(minutes=2))))
    by_backoff = await attempt("async", lambda ctx: _raise(Retry(delay=None)))

    assert outcome.delay == 120.0
    assert by_backoff.delay == 0.0


async def test_an_attempt_ends_also_when_its_backoff_does_not_work(
    attempt: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: "soon")

    outcome = await attempt("async", lambda ctx: _raise(ValueError()))

    assert isinstance(outcome, Retrying)
    assert outcome.delay == 1.0


@pytest.mark.parametrize("mode", MODES)
async def test_context_variables_begin_afresh_with_each_attempt(attempt: Try, mode: str) -> None:
    def set_and_tell(ctx: JobContext) -> list[Any]:
        found = [SETTING.get(), decimal.getcontext().prec]
        SETTING.set("left behind")
        decimal.getcontext().prec = 3
        return found

    outcomes = [await attempt(mode, set_and_tell) for _ in range(3)]

    assert all(isinstance(outcome, Completed) for outcome in outcomes)
    assert [msgspec.msgpack.decode(outcome.result) for outcome in outcomes] == [["unset", 28]] * 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", ["checkpoint", "raise", "constant", "group"])
async def test_what_a_failed_handler_had_in_hand_is_let_go_at_once(
    attempt: Try, mode: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What pytest captures of the log holds on to the tracebacks in it.
    monkeypatch.setattr(logging.getLogger("queuecore.handler"), "disabled", True)

    class Load:
        """What weighs."""

    held: list[weakref.ref[Load]] = []
    constant = ValueError("raised again and again")

    def fail(ctx: JobContext) -> None:
        load = Load()
        held.append(weakref.ref(load))
        match how:
            case "checkpoint":
                ctx.checkpoint("x" * 1_000_000)
            case "raise":
                raise ValueError
            case "constant":
                raise constant
            case "group":
                try:
                    raise ValueError
                except ValueError as error:
                    raise ExceptionGroup("all", [error]) from error

    gc.collect()
    gc.disable()
    try:
        outcomes = [await attempt(mode, fail) for _ in range(3)]
        # The thread that ran it has a last line to do.
        await eventually(lambda: not any(each() for each in held), "it is let go", within=1.0)
    finally:
        gc.enable()

    assert all(isinstance(outcome, Failing | Retrying) for outcome in outcomes)
    assert len(held) == 3


async def test_a_checkpoint_that_is_too_large_fails_in_the_call(attempt: Try) -> None:
    def save(ctx: JobContext) -> str:
        try:
            ctx.checkpoint("x" * 1_000_000)
        except PayloadTooLarge as error:
            return str(error)
        return ""

    outcome = await attempt("thread", save)

    assert "checkpoint" in msgspec.msgpack.decode(outcome.result)
