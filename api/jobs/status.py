"""GET /api/check-status/{id}: what a job is, now or at its next change."""

import re
import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.http import read_header, read_wait, reply
from api.jobs.waiting import LOOK_AT_PLACE, wait_for_change
from api.service import Service, service_of
from api.shown import JobView
from queuecore import JobNotFound, JobRecord, State

_TAG = re.compile(r'"(?P<version>\d{1,15})(?P<rest>f|q\d{1,9})?(?:-(?P<mark>[A-Za-z0-9_-]{12}))?"')


class Tag(msgspec.Struct, frozen=True):
    """The entity tag of a job: its version, and what else of its JSON changes without one.

    Attributes:
        version: of the job.
        final: whether it has ended.
        position: its place in line while it is queued.
        mark: proof that the job was shown to this owner before; empty where ids are the right to see.
    """

    version: int
    final: bool = False
    position: int | None = None
    mark: str = ""

    def __str__(self) -> str:
        rest = "f" if self.final else f"q{self.position}" if self.position is not None else ""
        return f'"{self.version}{rest}{"-" if self.mark else ""}{self.mark}"'


class Look(msgspec.Struct, frozen=True):
    """A job as a caller sees it at one moment."""

    job: JobRecord
    view: JobView
    tag: Tag


async def check_status(request: Request, caller: Caller) -> Response:
    """GET /api/check-status/{id}"""
    service = service_of(request)
    job_id = request.path_params["id"]
    wait = read_wait(request, longest=service.settings.http.max_wait)
    mark = _mark(service, caller, job_id)
    seen = _read_tag(request, mark)
    if seen is not None and seen.position is None and (not wait or seen.final):
        # The common case of a poll: nothing is read but the version.
        if await service.queue.inspector.jobs.version(job_id) == seen.version:
            return _not_modified(seen)
        wait = 0.0
    look = await _look(service, caller, job_id, mark)
    deadline = time.monotonic() + wait
    since = seen or look.tag
    while (
        wait
        and look.tag == since
        and not look.job.state.final
        and (left := deadline - time.monotonic()) > 0
        and not service.closing.is_set()
    ):
        turn = left if look.tag.position is None else min(left, LOOK_AT_PLACE)
        await wait_for_change(service, job_id, since=look.job.version, timeout=turn)
        look = await _look(service, caller, job_id, mark)
    if look.tag == seen:
        return _not_modified(seen)
    return reply(look.view, headers=_headers(look.tag, look.job))


async def find_job(service: Service, caller: Caller, job_id: str) -> JobRecord:
    """Return a job that the caller may see; for all others, and for all callers, it is not there.

    Raises:
        JobNotFound: it is not, or not for this caller.
    """
    job = await service.queue.inspector.jobs.record(job_id)
    if not caller.may_see(job.owner):
        raise JobNotFound(job_id)
    return job


def retry_after(job: JobRecord) -> dict[str, str]:
    """Return the header that says when to ask again; none where nothing will change."""
    if job.state.final:
        return {}
    seconds = 1
    if job.state is State.SCHEDULED and job.due_ms is not None:
        seconds = min(max(1, round(job.due_ms / 1000 - time.time())), 60)
    return {"Retry-After": str(seconds)}


async def _look(service: Service, caller: Caller, job_id: str, mark: str) -> Look:
    inspector = service.queue.inspector
    shown = service.views.show(await inspector.jobs.stored(job_id))
    job, view = shown.job, shown.view
    if not caller.may_see(job.owner):
        raise JobNotFound(job_id)
    position = None
    if job.state is State.QUEUED:
        position = await inspector.jobs.position(job)
        view = msgspec.structs.replace(view, position=position)
    return Look(job, view, Tag(job.version, job.state.final, position, mark))


def _mark(service: Service, caller: Caller, job_id: str) -> str:
    if not caller.signed_in or caller.role == "operator":
        return ""
    return service.tags.mark(f"{job_id} {caller.owner}")


def _read_tag(request: Request, mark: str) -> Tag | None:
    header = read_header(request, b"if-none-match")
    if header is None:
        return None
    for found in _TAG.finditer(header):
        if (found["mark"] or "") != mark:
            continue
        rest = found["rest"] or ""
        position = int(rest[1:]) if rest.startswith("q") else None
        return Tag(int(found["version"]), rest == "f", position, mark)
    return None


def _headers(tag: Tag, job: JobRecord) -> dict[str, str]:
    return {"ETag": str(tag), "Cache-Control": "private, no-cache", **retry_after(job)}


def _not_modified(tag: Tag) -> Response:
    headers = {"ETag": str(tag), "Cache-Control": "private, no-cache"}
    if not tag.final:
        headers["Retry-After"] = "1"
    return Response(status_code=304, headers=headers)
