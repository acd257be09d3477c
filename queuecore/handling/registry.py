"""Handlers: the functions that do the work, and how the kinds of a project are found.

A handler's signature is its schema. It is turned, once, into a struct type that
checks the arguments when a job is enqueued, decodes them when it runs and
describes them, as JSON Schema, to whoever shows a form.
"""

import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

import msgspec

from ..model import (
    DEFAULT_MAX_CRASHES,
    DEFAULT_QUEUE,
    NAME,
    Backoff,
    HandlerError,
    InvalidArguments,
    Runs,
    UnknownKind,
)
from .context import JobContext

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_TIMEOUT = 3600.0
DEFAULT_RETRIES = 3

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")
_LONGEST_KIND = 64


class Decorate(Protocol):
    """What `@handler(...)` returns: it makes a `Handler` of a function."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R]]
    ) -> "Handler[P, R]": ...

    @overload
    def __call__(self, function: Callable[Concatenate[JobContext, P], R]) -> "Handler[P, R]": ...


def handler(
    kind: str,
    *,
    runs: Runs | None = None,
    queue: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    retries: int = DEFAULT_RETRIES,
    max_crashes: int = DEFAULT_MAX_CRASHES,
    backoff: Backoff | None = None,
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
        timeout: how long one attempt may take, in seconds; None for no limit.
        retries: how often a failed attempt is followed by another one.
        max_crashes: how often the job may kill its worker before it is failed.
        backoff: the delays between attempts.
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
            backoff=backoff or Backoff(),
            title=title,
        )

    return decorate


class Handler(Generic[P, R]):
    """A kind of job: its function, its options and the schema of its arguments.

    Attributes:
        kind, title, description, runs, queue, timeout, retries, max_crashes, backoff: as decorated.
        function: the function itself.
        Arguments: a frozen struct type with one field for each argument.
        returns: the annotated return type.
    """

    def __init__(
        self,
        kind: str,
        function: Callable[..., Any],
        *,
        runs: Runs | None,
        queue: str | None,
        timeout: float | None,
        retries: int,
        max_crashes: int,
        backoff: Backoff,
        title: str | None,
    ) -> None:
        is_coroutine = inspect.iscoroutinefunction(function)
        self.kind = kind
        self.function = function
        self.runs: Runs = runs or ("async" if is_coroutine else "process")
        self.queue = queue or DEFAULT_QUEUE
        self.timeout = timeout
        self.retries = retries
        self.max_crashes = max_crashes
        self.backoff = backoff
        self._check_options(is_coroutine)
        headline, self.description = _split_docstring(function)
        self.title = title or headline or kind
        parameters, hints = _parameters(kind, function)
        self.returns: Any = hints.get("return", Any)
        self.Arguments: type[msgspec.Struct] = _arguments_type(kind, parameters, hints)
        self._signature = inspect.Signature(parameters)
        self._decoder = msgspec.msgpack.Decoder(self.Arguments)
        self._positional = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self._keyword = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", kind)

    def __call__(self, ctx: JobContext, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call the function directly, in this process, without any queue."""
        return self.function(ctx, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<Handler {self.kind} ({self.runs})>"

    def encode(self, *args: P.args, **kwargs: P.kwargs) -> bytes:
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
                self.kind, str(error), argument=_argument_of_type_error(str(error))
            ) from error
        return self.encode_mapping(bound.arguments)

    def encode_mapping(self, arguments: Mapping[str, Any]) -> bytes:
        """Return `arguments`, by name, as they are stored with the job.

        Raises:
            InvalidArguments: one of them is missing, unknown or not of its type.
        """
        try:
            encoded = msgspec.msgpack.encode(arguments)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidArguments(self.kind, f"cannot be stored: {error}") from error
        self.decode(encoded)
        return encoded

    def decode(self, encoded: bytes | msgspec.Raw) -> msgspec.Struct:
        """Return stored arguments as an `Arguments` struct.

        Raises:
            InvalidArguments: they do not fit the function's signature.
        """
        try:
            return self._decoder.decode(encoded)
        except msgspec.DecodeError as error:
            raise _explain(self.kind, error) from error

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

    def _check_options(self, is_coroutine: bool) -> None:
        if len(self.kind) > _LONGEST_KIND or not _KIND.match(self.kind):
            raise HandlerError(
                f"kind {self.kind!r}: a kind is lower case words joined by dots, "
                f"at most {_LONGEST_KIND} characters, such as 'file.clean'"
            )
        if self.runs not in typing.get_args(Runs):
            raise HandlerError(f"kind {self.kind}: runs={self.runs!r}, allowed: 'async', 'thread', 'process'")
        if is_coroutine != (self.runs == "async"):
            fit = "async def" if self.runs == "async" else "def"
            raise HandlerError(f"kind {self.kind}: runs={self.runs!r} needs a function made with `{fit}`")
        if not NAME.fullmatch(self.queue):
            raise HandlerError(
                f"kind {self.kind}: queue {self.queue!r} is not a queue's name: lower case letters, "
                "digits and underscores, at most 32 characters, a letter first"
            )
        if self.timeout is not None and not self.timeout > 0:
            raise HandlerError(f"kind {self.kind}: timeout={self.timeout!r}, it must be more than 0 or None")
        if self.retries < 0 or self.max_crashes < 1:
            raise HandlerError(
                f"kind {self.kind}: retries={self.retries!r} must be at least 0, "
                f"max_crashes={self.max_crashes!r} at least 1"
            )


class Registry:
    """The kinds of job that a process knows.

    Raises:
        HandlerError: two handlers have the same kind.
    """

    def __init__(self, handlers: Iterable[Handler[..., Any]] = ()) -> None:
        self._handlers: dict[str, Handler[..., Any]] = {}
        for each in handlers:
            self._add(each)

    @classmethod
    def load(cls, modules: Iterable[str]) -> "Registry":
        """Import modules, and the submodules of packages, and collect their handlers.

        Args:
            modules: names as in an import statement: ["handlers"].

        Raises:
            ImportError: a module cannot be imported.
            HandlerError: two handlers have the same kind.
        """
        registry = cls()
        for name in modules:
            for module in _import_with_submodules(name):
                for value in vars(module).values():
                    if isinstance(value, Handler):
                        registry._add(value)
        return registry

    def __getitem__(self, kind: str) -> Handler[..., Any]:
        try:
            return self._handlers[kind]
        except KeyError:
            raise UnknownKind(kind, tuple(self.kinds())) from None

    def get(self, kind: str) -> Handler[..., Any] | None:
        """Return the handler of `kind`, None where there is none."""
        return self._handlers.get(kind)

    def __contains__(self, kind: object) -> bool:
        return kind in self._handlers

    def __iter__(self) -> Iterator[Handler[..., Any]]:
        return iter([self._handlers[kind] for kind in self.kinds()])

    def __len__(self) -> int:
        return len(self._handlers)

    def kinds(self) -> list[str]:
        """Return the names of all kinds, sorted."""
        return sorted(self._handlers)

    def queues(self) -> list[str]:
        """Return the queues that the handlers are enqueued to by default, sorted."""
        return sorted({each.queue for each in self._handlers.values()})

    def _add(self, new: Handler[..., Any]) -> None:
        known = self._handlers.setdefault(new.kind, new)
        if known is not new:
            raise HandlerError(
                f"kind {new.kind!r} has two handlers: {_place(known.function)} and {_place(new.function)}"
            )


def _import_with_submodules(name: str) -> Iterator[ModuleType]:
    module = importlib.import_module(name)
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), prefix=f"{name}."):
        # A package's command-line entry is run, not imported.
        if found.name.rpartition(".")[2] != "__main__":
            yield from _import_with_submodules(found.name)


def _parameters(kind: str, function: Callable[..., Any]) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    parameters = list(inspect.signature(function).parameters.values())
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise HandlerError(
            f"kind {kind}: {error} where {_place(function)} is read; the types of a handler's "
            "arguments must be imported when it runs, not only under TYPE_CHECKING"
        ) from error
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise HandlerError(f"kind {kind}: {_place(function)} must take a JobContext first")
    for parameter in parameters[1:]:
        if parameter.kind not in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            raise HandlerError(
                f"kind {kind}: argument {parameter} of {_place(function)} has no name to be stored by"
            )
        if parameter.name not in hints:
            raise HandlerError(f"kind {kind}: argument {parameter.name} of {_place(function)} has no type")
    return parameters[1:], hints


def _arguments_type(
    kind: str, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in parameters:
        if parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    name = "".join(word.capitalize() for word in re.split(r"[._]", kind)) + "Arguments"
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


def _split_docstring(function: Callable[..., Any]) -> tuple[str, str]:
    headline, _, rest = (inspect.getdoc(function) or "").partition("\n")
    return headline.strip().removesuffix("."), rest.strip()


def _explain(kind: str, error: msgspec.DecodeError) -> InvalidArguments:
    text = str(error)
    if found := re.search(r"missing required field `([^`]*)`$", text):
        return InvalidArguments(kind, "is missing", argument=found[1])
    if found := re.search(r"unknown field `([^`]*)`$", text):
        return InvalidArguments(kind, "is not an argument of this kind", argument=found[1])
    if found := re.search(r" - at `\$\.([A-Za-z0-9_]+)([^`]*)`$", text):
        where = f" (at {found[1]}{found[2]})" if found[2] else ""
        return InvalidArguments(kind, text[: found.start()] + where, argument=found[1])
    return InvalidArguments(kind, text)


def _argument_of_type_error(text: str) -> str | None:
    found = re.search(r"'([^']*)'", text)
    return found[1] if found else None


def _place(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"
