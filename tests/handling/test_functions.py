"""Which functions can be handlers: the others are refused where they are declared, with what to write."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from queuecore import Handler, HandlerError, JobContext, handler


class Mailer:
    async def send(self, ctx: JobContext, to: str) -> None: ...

    @staticmethod
    async def post(ctx: JobContext, to: str) -> None: ...

    def __call__(self, ctx: JobContext) -> None: ...


async def send(ctx: JobContext, to: str) -> str:
    return to


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def nameless(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def generator(ctx: JobContext) -> Iterator[int]:
    yield 1


async def generator_of_the_loop(ctx: JobContext) -> AsyncIterator[int]:
    yield 1


def without_context() -> None: ...
def context_of_another_type(to: str) -> None: ...
def context_without_a_type(to) -> None: ...  # type: ignore[no-untyped-def]  # that is the point
def context_late(ctx: JobContext, job: JobContext) -> None: ...
def unreadable(ctx: JobContext, to: "no such type") -> None: ...  # type: ignore[syntax]  # noqa: F722 - that is the point


REFUSED: list[tuple[Any, str]] = [
    (Mailer().send, "is a method of <.*Mailer object.*: write a function of a module"),
    (Mailer.send, r"Mailer\.send is made in the class Mailer, .*: write a function of the module"),
    (Mailer.post, r"Mailer\.post is made in the class Mailer, .*: write a function of the module"),
    (staticmethod(send), "is a method of a class: write a function"),
    (classmethod(send), "is a method of a class: write a function"),  # type: ignore[arg-type]  # that is the point
    (Mailer, "is a class: write a function"),
    (Mailer(), "is no function: write a function"),
    (functools.partial(send, to="ann"), "is a partial: write a function"),
    (print, "is no function"),
    (None, "None is no function"),
    ("mail.send", "'mail.send' is no function"),
    (handler("mail.send")(send), r"<Handler mail\.send \(async\)> is no function"),
    (
        plain(send),
        "a plain function is wrapped around the coroutine function .*send: write the wrapper with `async",
    ),
    (nameless(send), r"must take a JobContext first: def wrapper\(ctx: JobContext, \.\.\.\)"),
    (generator, "is a generator, .*: return a list"),
    (generator_of_the_loop, "is a generator, .*: return a list"),
    (without_context, r"must take a JobContext first: def without_context\(ctx: JobContext, \.\.\.\)"),
    (context_of_another_type, "must take a JobContext first"),
    (context_without_a_type, "must take a JobContext first"),
    (context_late, "has a JobContext as job: it comes first"),
    (unreadable, "the annotations of .*unreadable cannot be read"),
]


@pytest.mark.parametrize(("function", "said"), REFUSED, ids=[said[:30] for _, said in REFUSED])
def test_what_cannot_be_a_handler_is_refused_where_it_is_declared(function: Any, said: str) -> None:
    with pytest.raises(HandlerError, match=said) as refused:
        handler("a.kind")(function)

    assert str(refused.value).startswith("kind a.kind: ")


@pytest.mark.parametrize("runs", ["thread", "process"])
def test_a_plain_function_may_run_a_coroutine_to_its_end(runs: Any) -> None:
    @functools.wraps(send)
    def wrapper(*args: Any, **kwargs: Any) -> str:
        return asyncio.run(send(*args, **kwargs))

    decorated: Handler[..., Any] = handler("a.kind", runs=runs)(wrapper)

    assert decorated(JobContext.detached(), to="ann") == "ann"


async def test_a_coroutine_function_may_be_wrapped_in_one() -> None:
    @functools.wraps(send)
    async def wrapper(*args: Any, **kwargs: Any) -> str:
        return await send(*args, **kwargs)

    decorated: Handler[..., Any] = handler("a.kind")(wrapper)

    assert decorated.runs == "async"
    assert await decorated(JobContext.detached(), to="ann") == "ann"


def test_the_context_may_have_another_name_and_no_type() -> None:
    def untyped(ctx, to: str) -> None: ...  # type: ignore[no-untyped-def]  # that is the point
    def renamed(job: JobContext, to: str) -> None: ...
    def optional(job: JobContext | None, to: str) -> None: ...
    def anything(job: Any, to: str) -> None: ...

    for function in (untyped, renamed, optional, anything):
        assert handler("a.kind")(function).encode(to="ann")  # type: ignore[arg-type,call-arg]  # as above


@pytest.mark.parametrize("name", ["self", "handler", "args", "kwargs", "function", "kind", "request"])
def test_an_argument_may_have_any_name(name: str) -> None:
    names: dict[str, Any] = {"JobContext": JobContext}
    exec(f"def function(ctx: JobContext, {name}: int) -> int:\n    return {name}", names)
    decorated: Handler[..., Any] = handler("a.kind")(names["function"])

    encoded = decorated.encode(**{name: 5})

    assert decorated.invoke(JobContext.detached(), decorated.decode(encoded)) == 5
    assert decorated(JobContext.detached(), **{name: 5}) == 5
