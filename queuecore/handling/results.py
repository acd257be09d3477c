"""What a handler returns: its type is checked when it is declared, each value when it is returned."""

from __future__ import annotations

import inspect
from types import NoneType
from typing import Any, Final, Never, NoReturn

import msgspec

from ..model import HandlerError, InvalidResult, PayloadTooLarge
from .types import Unstorable, annotation, find_loss, is_loose

_PLAIN: Final = (int, str, float, bool, bytes)
_encode: Final = msgspec.msgpack.Encoder().encode


class ResultType:
    """The type of what a kind's handler returns.

    Args:
        kind: whose.
        declared: as annotated; Any where it is not.

    Raises:
        HandlerError: values of it would not come back as what they are.
    """

    def __init__(self, kind: str, declared: Any) -> None:
        self.declared: Any = Any if declared in (Never, NoReturn) else declared
        self._kind = kind
        try:
            self._loose = is_loose(self.declared)
        except Unstorable as error:
            raise HandlerError(f"kind {kind}: what it returns: {error}") from error
        self._decoder = msgspec.msgpack.Decoder(self.declared)
        self._plain = _plain_type(self.declared)

    def encode(self, result: Any, *, limit: int) -> bytes:
        """Return a result as it is stored, in `limit` bytes at most.

        Raises:
            InvalidResult: it cannot be stored, or would not come back as what the handler declares.
            PayloadTooLarge: it is over the limit.
        """
        try:
            encoded = _encode(result)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidResult(self._kind, _why(result, error)) from error
        if len(encoded) > limit:
            raise PayloadTooLarge("result", len(encoded), limit)
        if type(result) is not self._plain:
            self._check(result, encoded)
        return encoded

    def _check(self, result: Any, encoded: bytes) -> None:
        try:
            kept = self._decoder.decode(encoded)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidResult(
                self._kind, f"{error}; it is declared as `{annotation(self.declared)}`"
            ) from error
        if self._loose and (loss := find_loss(result, kept, "it")):
            raise InvalidResult(
                self._kind, f"{loss}: return a text, or declare what it is, such as `-> dict[str, date]`"
            )


def _plain_type(declared: Any) -> type | None:
    """The type whose values need no second look; None where all need one."""
    if declared in _PLAIN:
        return declared  # type: ignore[no-any-return]  # one of those
    return NoneType if declared in (NoneType, Any) else None


def _why(result: Any, error: Exception) -> str:
    if inspect.iscoroutine(result):
        result.close()
        return "it is a coroutine: what is called needs an `await`, or `async def` all the way up"
    return f"{error}; return numbers, texts, dates, lists, mappings, dataclasses or structs"
