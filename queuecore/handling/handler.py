"""Handlers: the functions that do the work, each with its kind, its options and its signature.

A handler's signature is its schema. It is turned, once, into a struct type that
checks the arguments when a job is enqueued, decodes them when it runs and
describes them, as JSON Schema, to whoever shows a form.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, overload

import msgspec

from ..model import (
    DEFAULT_MAX_CRASHES,
    DEFAULT_QUEUE,
    MOST_RETRIES,
    RUNS,
    SHORTEST_TIMEOUT,
    Backoff,
    Debounce,
    HandlerError,
    InvalidArguments,
    InvalidOption,
    Limit,
    Runs,
    Unique,
    check_limits,
    check_name,
    check_unique,
    seconds,
    show,
    text,
    whole_number,
)
from .context import JobContext
from .declarations import note
from .functions import check_function
from .results import ResultType
from .signature import argument_of_type_error, arguments_type, explain, loose_arguments, parameters_of
from .types import find_loss

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_TIMEOUT: Final = 3600.0
DEFAULT_RETRIES: Final = 3

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")
_LONGEST_KIND = 64


class Decorate(Protocol):
    """What `@handler(...)` returns: it makes a `Handler` of a function."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R]]
    ) -> Handler[P, R]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[JobContext, P], R]) -> Handler[P, R]: ...


def handler(
    kind: str,
    *,
    runs: Runs | None = None,
    queue: str | None = None,
    timeout: float | timedelta | None = DEFAULT_TIMEOUT,
    retries: int = DEFAULT_RETRIES,
    max_crashes: int = DEFAULT_MAX_CRASHES,
    backoff: Backoff | None = None,
    limits: Sequence[Limit] = (),
    unique: Unique | Debounce | None = None,
    title: str | None = None,
) -> Decorate:
    """Make a function the handler of a kind of job.

    The function takes a `JobContext` first, then the job's arguments, each with a type.

    Args:
        kind: the name of the kind, lower case words joined by dots: "file.clean".
        runs: "async" for a coroutine function in the runner's event loop; "thread" for blocking
            input and output; "process" for work on the processor or on files: killable and
            memory-limited. By default "async" for `async def`, else "process".
        queue: the queue it is enqueued to.
        timeout: how long one attempt may take, in seconds or as a timedelta; None for no limit.
        retries: how often a failed attempt is followed by another one.
        max_crashes: how often the job may kill its worker before it is failed.
        backoff: the delays between attempts.
        limits: under which its jobs start, all of them at once; see Limit.
        unique: which of its jobs are the same, so that one of them is there at a time: a
            Unique, or a Debounce that also waits until no more come.
        title: what people read; by default the first line of the docstring.

    Raises:
        HandlerError: the function or an option is not fit; the message says why.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        return Handler(
            kind,
            function,
            runs=runs,
            queue=queue,
            timeout=timeout,
            retries=retries,
            max_crashes=max_crashes,
            backoff=backoff,
            limits=limits,
            unique=unique,
            title=title,
        )

    return decorate


class Handler(Generic[P, R]):
    """A kind of job: its function, its options and the schema of its arguments.

    Attributes:
        kind, title, description, runs, queue, timeout, retries, max_crashes, backoff, limits, unique: as
            decorated.
        function: the function itself.
        Arguments: a frozen struct type with one field for each argument.
        returns: the type of what it returns.
    """

    def __init__(
        self,
        kind: str,
        function: Callable[..., Any],
        *,
        runs: Runs | None,
        queue: str | None,
        timeout: float | timedelta | None,
        retries: int,
        max_crashes: int,
        backoff: Backoff | None,
        limits: Sequence[Limit],
        unique: Unique | Debounce | None = None,
        title: str | None,
    ) -> None:
        _check_kind(kind)
        check_function(kind, function, runs=runs)
        is_coroutine = inspect.iscoroutinefunction(function)
        self.kind = kind
        self.function = function
        self.runs: Runs = runs if runs is not None else "async" if is_coroutine else "process"
        self._check_runs(is_coroutine)
        try:
            self.queue = _queue_of(queue)
            self.timeout = _timeout_of(timeout)
            self.retries = whole_number(retries, name="retries", least=0, most=MOST_RETRIES)
            self.max_crashes = whole_number(max_crashes, name="max_crashes", least=1, most=MOST_RETRIES)
            self.backoff = _backoff_of(backoff)
            self.limits = check_limits(limits)
            self.unique = unique if unique is None else check_unique(unique)
            title = title if title is None else text(title, name="title")
        except InvalidOption as error:
            raise HandlerError(f"kind {kind}: {error}") from error
        headline, self.description = _split_docstring(function)
        self.title = title or headline or kind
        parameters, hints = parameters_of(kind, function)
        self.returns = ResultType(kind, hints.get("return", Any))
        self._loose = loose_arguments(kind, parameters, hints)
        self.Arguments: type[msgspec.Struct] = arguments_type(kind, parameters, hints)
        self._signature = inspect.Signature(parameters)
        self._decoder = msgspec.msgpack.Decoder(self.Arguments)
        self._positional = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self._keyword = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        try:
            self.check_limits(self.limits)
            if self.unique is not None:
                self.check_unique(self.unique)
        except InvalidOption as error:
            raise HandlerError(str(error)) from error
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", kind)
        note(self)

    def __call__(self, ctx: JobContext, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call the function directly, in this process, without any queue."""
        return self.function(ctx, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<Handler {self.kind} ({self.runs})>"

    def encode(self, /, *args: P.args, **kwargs: P.kwargs) -> bytes:
        """Return the arguments of a call as they are stored with the job.

        Raises:
            InvalidArguments: they do not fit the function's signature.
        """
        if not args:
            return self.encode_mapping(kwargs)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidArguments(
                self.kind, str(error), argument=argument_of_type_error(str(error))
            ) from error
        return self.encode_mapping(bound.arguments)

    def encode_mapping(self, arguments: Mapping[str, Any]) -> bytes:
        """Return `arguments`, by name, as they are stored with the job.

        Raises:
            InvalidArguments: one of them is missing, unknown, not of its type, or would come back as another.
        """
        try:
            encoded = msgspec.msgpack.encode(arguments)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidArguments(self.kind, f"cannot be stored: {error}") from error
        decoded = self.decode(encoded)
        for name in self._loose:
            if name in arguments and (loss := find_loss(arguments[name], getattr(decoded, name), name)):
                raise InvalidArguments(
                    self.kind,
                    f"{loss}: send a text, or give the argument a type that says what it is, such as "
                    "dict[str, date] or a dataclass",
                    argument=name,
                )
        return encoded

    def decode(self, encoded: bytes | msgspec.Raw) -> msgspec.Struct:
        """Return stored arguments as an `Arguments` struct.

        Raises:
            InvalidArguments: they do not fit the function's signature.
        """
        try:
            return self._decoder.decode(encoded)
        except msgspec.DecodeError as error:
            raise explain(self.kind, error) from error

    def invoke(self, ctx: JobContext, arguments: msgspec.Struct) -> Any:
        """Call the function with decoded arguments; a coroutine where it is a coroutine function."""
        values = msgspec.structs.astuple(arguments)
        if not self._keyword:
            return self.function(ctx, *values)
        keywords = {name: getattr(arguments, name) for name in self._keyword}
        return self.function(ctx, *(getattr(arguments, name) for name in self._positional), **keywords)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the arguments, as one object.

        Raises:
            TypeError: a type has no JSON Schema; the message names it.
        """
        (reference,), definitions = msgspec.json.schema_components(
            (self.Arguments,), ref_template="#/$defs/{name}"
        )
        own = reference["$ref"].removeprefix("#/$defs/") if "$ref" in reference else None
        schema = dict(definitions.pop(own)) if own is not None else dict(reference)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = self.title
        if self.description:
            schema["description"] = self.description
        if definitions:
            schema["$defs"] = definitions
        return schema

    def check_limits(self, limits: Sequence[Limit]) -> None:
        """Raise InvalidOption if these cannot be limits of this kind's jobs."""
        arguments = frozenset(self.Arguments.__struct_fields__)
        for limit in limits:
            limit.check_arguments(self.kind, arguments)

    def check_unique(self, unique: Unique | Debounce) -> None:
        """Raise InvalidOption if this cannot be a Unique of this kind's jobs."""
        unique.check_arguments(self.kind, frozenset(self.Arguments.__struct_fields__))

    def _check_runs(self, is_coroutine: bool) -> None:
        if self.runs not in RUNS:
            raise HandlerError(
                f"kind {self.kind}: runs={show(self.runs)}, allowed: 'async', 'thread', 'process'"
            )
        if is_coroutine != (self.runs == "async"):
            fit = "async def" if self.runs == "async" else "def"
            raise HandlerError(f"kind {self.kind}: runs={self.runs!r} needs a function made with `{fit}`")


def _check_kind(kind: str) -> None:
    if not isinstance(kind, str) or len(kind) > _LONGEST_KIND or not _KIND.match(kind):
        raise HandlerError(
            f"kind {show(kind)}: a kind is lower case words joined by dots, "
            f"at most {_LONGEST_KIND} characters, such as 'file.clean'"
        )


def _queue_of(queue: str | None) -> str:
    if queue is None:
        return DEFAULT_QUEUE
    check_name(queue, name="queue")
    return queue


def _timeout_of(timeout: float | timedelta | None) -> float | None:
    return None if timeout is None else seconds(timeout, name="timeout", least=SHORTEST_TIMEOUT)


def _backoff_of(backoff: Backoff | None) -> Backoff:
    if backoff is not None and not callable(getattr(backoff, "delay", None)):
        raise InvalidOption("backoff", backoff, "a Backoff, such as Backoff(base=1.0, cap=300.0)")
    return backoff or Backoff()


def _split_docstring(function: Callable[..., Any]) -> tuple[str, str]:
    headline, _, rest = (inspect.getdoc(function) or "").partition("\n")
    return headline.strip().removesuffix("."), rest.strip()
