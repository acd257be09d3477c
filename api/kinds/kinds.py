"""What can be asked for: the handlers, as the API and its forms see them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from api.http import FILE_TYPE_NOT_ACCEPTED, UNKNOWN_KIND, Problem, extension
from queuecore import Debounce, Handler, HandlerError, Registry
from storage import FileRef


class FileNeed(msgspec.Struct, frozen=True):
    """That a kind takes a file.

    Attributes:
        parameter: the name of the handler's argument.
        required: whether it cannot do without.
        types: endings of the names it takes, `.csv`; empty for any.
    """

    parameter: str
    required: bool
    types: tuple[str, ...]

    def check(self, name: str) -> None:
        """Refuse a file of a type that the kind does not take."""
        if self.types and extension(name) not in self.types:
            raise Problem(
                FILE_TYPE_NOT_ACCEPTED,
                f"{name} is not one of: {', '.join(self.types)}.",
                accepted=list(self.types),
            )


class KindView(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of job as it is shown. `schema` is JSON Schema of its options, without the file."""

    kind: str
    title: str
    description: str
    needs_file: bool
    file_types: tuple[str, ...]
    runs: str
    queue: str
    timeout: float | None
    retries: int
    schema: dict[str, Any]


class KindList(msgspec.Struct, frozen=True):
    """All kinds, by name."""

    items: tuple[KindView, ...]


class Kind:
    """One kind of job.

    Attributes:
        handler: its handler.
        file: the file it takes, None where it takes none.
        options: the types of its other arguments by name.
        view: how it is shown.
    """

    def __init__(self, handler: Handler[Any, Any]) -> None:
        self.handler = handler
        self.file: FileNeed | None = None
        self.options: dict[str, msgspec.inspect.Type] = {}
        description = msgspec.inspect.type_info(handler.Arguments)
        assert isinstance(description, msgspec.inspect.StructType)
        for field in description.fields:
            if self.file is None and (types := _file_types(field.type)) is not None:
                self.file = FileNeed(field.name, field.required, types)
            else:
                self.options[field.name] = field.type
        if self.file is not None and isinstance(handler.unique, Debounce):
            raise HandlerError(
                f"kind {handler.kind} takes a file, which belongs to one job: a Debounce cannot give it to "
                "another one; write Unique(..., on_conflict='replace')"
            )
        self.view = KindView(
            kind=handler.kind,
            title=handler.title,
            description=handler.description,
            needs_file=self.file is not None and self.file.required,
            file_types=self.file.types if self.file else (),
            runs=handler.runs,
            queue=handler.queue,
            timeout=handler.timeout,
            retries=handler.retries,
            schema=self._schema(),
        )

    def _schema(self) -> dict[str, Any]:
        schema = self.handler.json_schema()
        if self.file is None:
            return schema
        name = self.file.parameter
        schema["properties"] = {key: value for key, value in schema["properties"].items() if key != name}
        schema["required"] = [key for key in schema.get("required", ()) if key != name]
        definitions = {key: value for key, value in schema.pop("$defs", {}).items() if key != "FileRef"}
        return schema | ({"$defs": definitions} if definitions else {})


class Kinds:
    """All kinds of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._kinds = {kind: Kind(registry[kind]) for kind in registry.kinds()}
        self.views = KindList(tuple(kind.view for kind in self._kinds.values()))

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def find(self, kind: str) -> Kind | None:
        """Return a kind, None where no handler is known for it."""
        return self._kinds.get(kind)

    def get(self, kind: str) -> Kind:
        """Return a kind, or refuse the request that names an unknown one."""
        if (found := self._kinds.get(kind)) is None:
            known = sorted(self._kinds)
            raise Problem(UNKNOWN_KIND, f"{kind[:80]!r} is not one of: {', '.join(known)}.", known=known)
        return found

    def queues(self) -> list[str]:
        """Return the queues that these kinds use by default."""
        return sorted({kind.handler.queue for kind in self})


def _file_types(type: msgspec.inspect.Type) -> tuple[str, ...] | None:
    """Return the endings that a file argument takes, None where it is no file argument."""
    match type:
        case msgspec.inspect.Metadata():
            inner = _file_types(type.type)
            wanted = (type.extra or {}).get("file_types", ())
            return None if inner is None else tuple(ending.lower() for ending in wanted) or inner
        case msgspec.inspect.UnionType():
            found = [types for each in type.types if (types := _file_types(each)) is not None]
            return found[0] if found else None
        case msgspec.inspect.StructType() if type.cls is FileRef:
            return ()
        case _:
            return None
