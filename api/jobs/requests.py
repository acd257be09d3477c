"""What can be done with jobs: which kinds there are, making one without a file, cancel, retry, delete."""

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.http import (
    BODY_NOT_JSON,
    CONTENT_TYPE_NOT_ACCEPTED,
    FILE_GONE,
    FILE_NEEDED,
    IDEMPOTENCY_KEY_REUSED,
    NOT_UNIQUE,
    REQUEST_IN_PROGRESS,
    Problem,
    decode_json,
    read_body,
    read_idempotency_key,
    read_preferred_wait,
    reply,
)
from api.jobs.admission import admit
from api.jobs.status import find_job, retry_after
from api.jobs.waiting import wait_for_end
from api.kinds import check_arguments
from api.service import Service, service_of
from api.shown import file_of, view_job
from queuecore import (
    IdempotencyConflict,
    JobNotFound,
    JobRequest,
    NotUnique,
    State,
    StateConflict,
    Submitted,
)
from queuecore.log import event
from storage import FileMissing

logger = logging.getLogger(__name__)


class NewJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What POST /api/jobs takes."""

    kind: str
    args: dict[str, Any] = {}


async def list_kinds(request: Request, caller: Caller) -> Response:
    """GET /api/kinds"""
    return reply(service_of(request).kinds.views, headers={"Cache-Control": "private, no-cache"})


async def create_job(request: Request, caller: Caller) -> Response:
    """POST /api/jobs"""
    service = service_of(request)
    key = read_idempotency_key(request)
    wanted = await _read_new_job(request, service)
    kind = service.kinds.get(wanted.kind)
    if kind.file is not None and kind.file.required:
        raise Problem(FILE_NEEDED, argument=kind.file.parameter)
    arguments = check_arguments(kind, wanted.args, None)
    fingerprint = hashlib.sha256(msgspec.json.encode(wanted, order="deterministic")).hexdigest()
    admission = await admit(request, caller, key)
    with claim_key(service, caller, key):
        try:
            submitted = await service.queue.submit(
                JobRequest(
                    kind=wanted.kind,
                    args=arguments,
                    owner=caller.owner,
                    idempotency_key=key,
                    fingerprint=fingerprint,
                    bounds=admission.bounds(),
                )
            )
        except IdempotencyConflict as error:
            raise Problem(IDEMPOTENCY_KEY_REUSED) from error
        except NotUnique as error:
            raise await not_unique(service, caller, error.job_id) from error
    if submitted.created:
        event(logger, logging.INFO, "job.accepted", id=submitted.id, kind=wanted.kind)
    else:
        admission.give_back()
    await check_own(service, caller, submitted)
    return await answer_accepted(request, submitted)


async def check_own(service: Service, caller: Caller, submitted: Submitted) -> None:
    """Raise a Problem if the job that stands for a request is somebody else's: nothing is told of it."""
    if not submitted.created and submitted.conflict and not await _is_own(service, caller, submitted.id):
        raise Problem(NOT_UNIQUE, "The job is not yours.")


async def not_unique(service: Service, caller: Caller, job_id: str) -> Problem:
    """What is said of a request whose unique key this job holds."""
    if not await _is_own(service, caller, job_id):
        return Problem(NOT_UNIQUE, "The job is not yours.")
    url = f"/api/check-status/{job_id}"
    said = f"It is the job {job_id}."
    return Problem(NOT_UNIQUE, said, headers={"Location": url}, job=job_id, status_url=url)


async def _is_own(service: Service, caller: Caller, job_id: str) -> bool:
    # Not whom may_see lets in: who does not know an id is not to learn it here.
    if caller.role == "operator":
        return True
    try:
        return (await service.queue.inspector.jobs.record(job_id)).owner == caller.owner
    except JobNotFound:
        return False


async def answer_accepted(request: Request, submitted: Submitted) -> Response:
    """Answer a request that made a job: 202 and where to ask for it; 200 where its end was waited for, or
    where another job stands for it."""
    service, job_id = service_of(request), submitted.id
    is_existing = not submitted.created and submitted.conflict is not None
    replayed = not (submitted.created or is_existing)
    wait = read_preferred_wait(request, longest=service.settings.http.max_wait)
    job = await wait_for_end(service, job_id, timeout=wait)
    headers = {"Location": f"/api/check-status/{job_id}", **retry_after(job)}
    if wait:
        headers["Preference-Applied"] = f"wait={wait:g}"
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    position = await service.queue.inspector.jobs.position(job)
    status = 200 if is_existing or (wait and job.state.final) else 202
    return reply(view_job(job, service.kinds, position=position), status=status, headers=headers)


@contextmanager
def claim_key(service: Service, caller: Caller, key: str | None) -> Iterator[None]:
    """While inside, refuse other requests of this caller with the same idempotency key."""
    if key is None:
        yield
        return
    claimed = (caller.owner, key)
    if claimed in service.in_flight:
        raise Problem(REQUEST_IN_PROGRESS, headers={"Retry-After": "1"})
    service.in_flight.add(claimed)
    try:
        yield
    finally:
        service.in_flight.discard(claimed)


async def cancel_job(request: Request, caller: Caller) -> Response:
    """POST /api/jobs/{id}/cancel"""
    service = service_of(request)
    job = await find_job(service, caller, request.path_params["id"])
    state = await service.queue.cancel(job.id)
    event(logger, logging.INFO, "job.cancel_asked", id=job.id, state=state)
    # A running job is only asked: 202 until its attempt has ended.
    return await _show(service, job.id, status=200 if state is State.CANCELLED else 202)


async def retry_job(request: Request, caller: Caller) -> Response:
    """POST /api/jobs/{id}/retry"""
    service = service_of(request)
    job = await find_job(service, caller, request.path_params["id"])
    file = file_of(job)
    if file is not None:
        try:
            await asyncio.to_thread(service.storage.check, file)
        except FileMissing as error:
            raise Problem(FILE_GONE, f"{file.name} is no longer there.") from error
    bounds = (await admit(request, caller)).bounds()
    await service.queue.check_bounds(bounds)
    try:
        await service.queue.requeue(job.id, bounds=bounds)
    except NotUnique as error:
        raise await not_unique(service, caller, error.job_id) from error
    event(logger, logging.INFO, "job.retry_asked", id=job.id)
    return await _show(service, job.id, status=202)


async def delete_job(request: Request, caller: Caller) -> Response:
    """DELETE /api/jobs/{id}"""
    service = service_of(request)
    job = await find_job(service, caller, request.path_params["id"])
    if not job.state.final:
        raise StateConflict(job.id, job.state, "deleted")
    # Held first: should this process die in between, the queue's word decides what becomes of the files.
    await asyncio.to_thread(service.storage.hold, job.id)
    try:
        await service.queue.delete(job.id)
    except StateConflict:
        await asyncio.to_thread(service.storage.release, job.id)
        raise
    except JobNotFound:
        pass
    await asyncio.to_thread(service.storage.delete, job.id)
    event(logger, logging.INFO, "job.deleted", id=job.id)
    return Response(status_code=204)


async def _show(service: Service, job_id: str, *, status: int) -> Response:
    job = await service.queue.inspector.jobs.record(job_id)
    position = await service.queue.inspector.jobs.position(job)
    headers = {"Location": f"/api/check-status/{job_id}", **retry_after(job)}
    return reply(view_job(job, service.kinds, position=position), status=status, headers=headers)


async def _read_new_job(request: Request, service: Service) -> NewJob:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(CONTENT_TYPE_NOT_ACCEPTED)
    body = await read_body(request, service.memory)
    try:
        wanted: NewJob = decode_json(body, NewJob)
    except ValueError as error:
        raise Problem(BODY_NOT_JSON, f"{error}.") from error
    return wanted
