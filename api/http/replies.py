"""JSON in and out."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.http.memory import Memory
from api.http.problems import FIELD_TOO_LARGE, UPLOAD_INCOMPLETE, Problem

_encoder = msgspec.json.Encoder()

MAX_BODY_BYTES = 1 << 20


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
        Problem: it is larger than `limit` bytes or was cut, or all that are being read are too large.
    """
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
