"""Files that jobs made, sent to their owners: whole or in part, always as an attachment."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.access import Caller
from api.http import ARTIFACT_NOT_FOUND, RANGE_NOT_SATISFIABLE, RESULT_NOT_READY, Problem, content_disposition
from api.jobs.status import find_job, retry_after
from api.service import service_of
from api.shown import artifacts_of
from queuecore import State
from storage import Artifact, FileMissing

_BLOCK = 128 << 10  # bytes read at a time: two of them are in memory while a slow client reads
_LONGEST_RANGE = 80  # characters of one range
_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*\Z")


async def send_result(request: Request, caller: Caller) -> Response:
    """GET /api/jobs/{id}/result"""
    return await _send(request, caller, request.query_params.get("artifact", "0"))


async def send_artifact(request: Request, caller: Caller) -> Response:
    """GET /api/jobs/{id}/artifacts/{index}"""
    return await _send(request, caller, request.path_params["index"])


async def _send(request: Request, caller: Caller, index: str) -> Response:
    service = service_of(request)
    job = await find_job(service, caller, request.path_params["id"])
    if job.state is not State.COMPLETED:
        raise Problem(RESULT_NOT_READY, f"The job is {job.state}.", headers=retry_after(job), state=job.state)
    artifacts = artifacts_of(job)
    if not re.fullmatch(r"[0-9]{1,4}", index) or int(index) >= len(artifacts):
        raise Problem(ARTIFACT_NOT_FOUND)
    artifact = artifacts[int(index)]
    headers = _headers(artifact)
    if _matches(request.headers.get("if-none-match"), artifact.sha256):
        return Response(status_code=304, headers=headers)
    file = await asyncio.to_thread(_open, service.storage.path(artifact), artifact)
    try:
        return _respond(request, file, artifact, headers)
    except BaseException:
        file.close()
        raise


def _respond(request: Request, file: BinaryIO, artifact: Artifact, headers: dict[str, str]) -> Response:
    part = _wanted_part(request, artifact)
    first, last = part or (0, artifact.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{artifact.size}"
    if request.method == "HEAD":
        file.close()
        return Response(status_code=206 if part else 200, headers=headers)
    body = _read(file, first, last - first + 1)
    return StreamingResponse(body, 206 if part else 200, headers)


def _headers(artifact: Artifact) -> dict[str, str]:
    return {
        "Content-Type": artifact.media_type,
        "Content-Disposition": content_disposition(artifact.name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Accept-Ranges": "bytes",
        "ETag": f'"{artifact.sha256}"',
        "Cache-Control": "private, no-cache",
    }


def _matches(header: str | None, sha256: str) -> bool:
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or f'"{sha256}"' in tags


def _wanted_part(request: Request, artifact: Artifact) -> tuple[int, int] | None:
    """Return the first and last byte that are wanted; None for the whole file.

    Several ranges are answered with the whole file, which RFC 9110 allows and which costs the least.
    """
    header = request.headers.get("range")
    condition = request.headers.get("if-range")
    if (
        header is None
        or len(header) > _LONGEST_RANGE
        or (condition is not None and condition != f'"{artifact.sha256}"')
    ):
        return None
    found = _RANGE.match(header)
    if found is None or found[1] == found[2] == "":
        return None
    size = artifact.size
    if found[1] == "":
        first, last = max(size - int(found[2]), 0), size - 1
        satisfiable = int(found[2]) > 0 and size > 0
    else:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        if found[2] and int(found[2]) < first:
            return None
        satisfiable = first < size
    if not satisfiable:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(RANGE_NOT_SATISFIABLE, f"It has {size} bytes.", headers=headers)
    return first, last


def _open(path: Path, artifact: Artifact) -> BinaryIO:
    """Open a file that is there and of its size; from then on its deletion does not disturb us."""
    try:
        file = path.open("rb")
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise FileMissing(artifact.key, "it does not exist") from error
    if size != artifact.size:
        file.close()
        raise FileMissing(artifact.key, f"it has {size} bytes instead of {artifact.size}")
    return file


async def _read(file: BinaryIO, first: int, length: int) -> AsyncIterator[bytes]:
    try:
        await asyncio.to_thread(file.seek, first)
        while length > 0:
            block = await asyncio.to_thread(file.read, min(_BLOCK, length))
            if not block:
                raise FileMissing("", "it became shorter while it was sent")
            length -= len(block)
            yield block
    finally:
        file.close()
