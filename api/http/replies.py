"""Small bodies in, JSON in and out."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.http.memory import Memory
from api.http.parameters import check_not_encoded
from api.http.problems import FIELD_TOO_LARGE, UPLOAD_INCOMPLETE, Problem

_encoder = msgspec.json.Encoder()

MAX_BODY_BYTES = 1 << 20
LARGEST_WHOLE = 2.0**53  # above it not every whole number is a float


def reply(
    value: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """Answer with a value as JSON; `Cache-Control: no-store` unless the headers say otherwise."""
    return Response(
        _encoder.encode(value), status, {"Cache-Control": "no-store", **(headers or {})}, media_type
    )


async def read_body(request: Request, memory: Memory, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """Read a small body.

    Raises:
        Problem: it is larger than `limit` bytes, compressed, or was cut, or all that are being read are too
            large.
    """
    check_not_encoded(request)
    body = bytearray()
    with memory.share() as take:
        try:
            async for chunk in request.stream():
                take(len(chunk))
                body += chunk
                if len(body) > limit:
                    raise Problem(FIELD_TOO_LARGE, f"At most {limit} bytes are read here.")
        except ClientDisconnect as error:
            raise Problem(UPLOAD_INCOMPLETE) from error
    return bytes(body)


def decode_json(body: bytes, type: Any) -> Any:
    """Read JSON. Where any type is taken, a whole number is an int however it is written: `4.0`, `4e0`.

    Raises:
        ValueError: it is no JSON, or not of the type; the text says what is wrong.
    """
    try:
        return msgspec.json.Decoder(type, float_hook=_read_number).decode(body)
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        bad = _first_bad_byte(body)
        raise ValueError(f"Byte {bad} of it is not UTF-8" if bad else str(error)) from error
    except RecursionError as error:
        raise ValueError("It is nested too deeply") from error


def _read_number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= LARGEST_WHOLE else number


def _first_bad_byte(body: bytes) -> int:
    """Return where it stops to be UTF-8, counted from 1; 0 where it is. The parser counts inside a text."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start + 1
    return 0
