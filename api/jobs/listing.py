"""GET /api/jobs: the caller's jobs, newest first, a page at a time."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.http import BAD_CURSOR, BAD_PARAMETER, Problem, read_limit, reply
from api.service import Service, service_of
from api.shown import JobList, JobView, file_of, view_job
from queuecore import JobRecord, State
from queuecore.store import Cursor

DEFAULT_LIMIT = 25
MOST = 200
MOST_LOOKED_AT = 2_000  # jobs that one request goes through in search of those that match
MOST_BYTES = 1 << 20  # of the jobs on a page; the last one may go beyond
LONGEST_SEARCH = 200  # characters
_BLOCK = 25  # jobs read at once


class Filter(msgspec.Struct, frozen=True):
    """Which jobs are wanted. An empty field takes all."""

    state: str = ""
    kind: str = ""
    q: str = ""

    def takes(self, job: JobRecord) -> bool:
        """Whether the job is one of those wanted."""
        if (self.state and job.state != self.state) or (self.kind and job.kind != self.kind):
            return False
        if not self.q:
            return True
        file = file_of(job)
        texts = (job.id, job.kind, file.name if file else "", job.error.title if job.error else "")
        return any(self.q.lower() in text.lower() for text in texts)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a list goes on: behind a job, and for an operator, how far the list of all jobs was read."""

    before: Cursor
    offset: int = 0


async def list_jobs(request: Request, caller: Caller) -> Response:
    """GET /api/jobs"""
    service = service_of(request)
    limit = read_limit(request, default=DEFAULT_LIMIT, most=MOST)
    wanted = _read_filter(request)
    bound_to = f"{caller.owner}\n{caller.role}\n{msgspec.json.encode(wanted).decode()}"
    place = _read_cursor(service, request, bound_to)
    found: list[tuple[JobRecord, JobView]] = []
    size = 0
    following: Place | None = None
    last: Place | None = None
    looked_at = 0
    async for job, here in _walk(service, caller, place):
        if len(found) == limit or size >= MOST_BYTES or looked_at == MOST_LOOKED_AT:
            following = last
            break
        looked_at += 1
        last = here
        if wanted.takes(job):
            view = view_job(job, service.kinds)
            size += len(msgspec.json.encode(view))
            found.append((job, view))
    items = await asyncio.gather(*(_with_position(service, job, view) for job, view in found))
    cursor = service.cursors.sign(msgspec.json.encode(following), bound_to=bound_to) if following else None
    return reply(JobList(items, cursor), headers=_next_link(request, cursor))


async def _with_position(service: Service, job: JobRecord, view: JobView) -> JobView:
    if job.state is not State.QUEUED:
        return view
    return msgspec.structs.replace(view, position=await service.queue.inspector.jobs.position(job))


async def _walk(
    service: Service, caller: Caller, place: Place | None
) -> AsyncIterator[tuple[JobRecord, Place]]:
    walk = _walk_all if caller.signed_in and caller.role == "operator" else _walk_owned
    async for job, here in walk(service, caller, place):
        yield job, here


async def _walk_owned(
    service: Service, caller: Caller, place: Place | None
) -> AsyncIterator[tuple[JobRecord, Place]]:
    before = place.before if place else None
    # Nobody's jobs are in no list: their ids are all that their makers have.
    while caller.owner:
        block = await service.queue.inspector.listings.owned(caller.owner, before=before, limit=_BLOCK)
        for job in block:
            before = Cursor(job.created_ms, job.id)
            yield job, Place(before)
        if len(block) < _BLOCK:
            return


async def _walk_all(
    service: Service, caller: Caller, place: Place | None
) -> AsyncIterator[tuple[JobRecord, Place]]:
    """Go through all jobs, newest first.

    The list grows at its newest end, so what stood at an offset stands further on now: what is not behind
    the place yet is passed over.
    """
    before = place.before if place else None
    offset = place.offset if place else 0
    while block := await service.queue.inspector.listings.recent(offset=offset, limit=_BLOCK):
        for job in block:
            if before is None or job.created_ms < before.created_ms:
                before = None
                yield job, Place(Cursor(job.created_ms, job.id), offset)
            elif job.id == before.id:
                before = None
        offset += _BLOCK


def _read_filter(request: Request) -> Filter:
    state = request.query_params.get("state", "")
    if state and state not in set(State):
        known = ", ".join(State)
        raise Problem(BAD_PARAMETER, f"state={state[:40]!r} is not one of: {known}.", parameter="state")
    q = request.query_params.get("q", "").strip()
    if len(q) > LONGEST_SEARCH:
        raise Problem(
            BAD_PARAMETER,
            f"q has {len(q)} characters; at most {LONGEST_SEARCH} are looked for.",
            parameter="q",
        )
    return Filter(state, request.query_params.get("kind", ""), q)


def _read_cursor(service: Service, request: Request, bound_to: str) -> Place | None:
    text = request.query_params.get("cursor")
    if not text:
        return None
    payload = service.cursors.read(text, bound_to=bound_to)
    if payload is None:
        raise Problem(BAD_CURSOR)
    return msgspec.json.decode(payload, type=Place)


def _next_link(request: Request, cursor: str | None) -> dict[str, str]:
    if cursor is None:
        return {}
    parameters = {**request.query_params, "cursor": cursor}
    return {"Link": f'</api/jobs?{urlencode(parameters)}>; rel="next"'}
