"""POST and PUT /api/upload: a file comes in, a job goes into line, the answer says where to ask for it.

The order is what makes the answer a promise: the file is received, its content and journal are made durable
under their final name, the job is enqueued, and only then is it answered. What is refused on the way leaves
nothing behind.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.access import Caller
from api.http import (
    BAD_PARAMETER,
    FILE_EMPTY,
    FILE_MISSING,
    FILE_NAME_MISSING,
    FILE_NOT_WANTED,
    FILE_TOO_LARGE,
    FORM_UNREADABLE,
    IDEMPOTENCY_KEY_REUSED,
    KIND_MISSING,
    UPLOAD_INCOMPLETE,
    Problem,
    check_name,
    check_not_encoded,
    read_idempotency_key,
    reply,
)
from api.jobs import Admission, admit, answer_accepted, check_own, claim_key, not_unique
from api.kinds import Kind, check_arguments, read_options
from api.service import Service, service_of
from api.shown import Accepted, view_job
from api.uploads.form import Form, boundary_of, read_form
from queuecore import (
    Bound,
    BoundReached,
    BrokerUnavailable,
    IdempotencyConflict,
    JobRequest,
    NotUnique,
    QueueFull,
    Submitted,
)
from queuecore.log import event
from queuecore.model import TOKEN_LENGTH, new_job_id, split_job_id
from storage import FileRef, Journal, Receiver, Standing

logger = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds that an upload which has arrived waits for a Redis that is away
FORM_OVERHEAD_BYTES = 1 << 20  # what a form may have besides its files


class Incoming(msgspec.Struct):
    """One file on its way in."""

    job_id: str
    receiver: Receiver
    name: str = ""


class Upload:
    """One request: its files, its kind and its options. All of its files become jobs, or none does.

    The first file has the request's idempotency key, and the ids of the others follow from its id: so the
    jobs of an earlier request with the same key are found without keys of our own beside those of users.

    Args:
        service: the service.
        caller: whose jobs they become.
        key: the idempotency key.
        admission: what its client may have.
    """

    def __init__(self, service: Service, caller: Caller, key: str | None, admission: Admission) -> None:
        self._admission = admission
        self._service = service
        self._caller = caller
        self._key = key
        self._incoming: list[Incoming] = []
        self._first_id = new_job_id(service.queue.space)
        self._asked = False  # the queue, which has not said no
        self._limit = largest_upload(service)

    async def receive_form(
        self, request: Request, boundary: bytes, hold: Callable[[int], None]
    ) -> tuple[Kind, dict[str, Any]]:
        """Take everything of a form; returns what is to be done with its files."""
        query = request.query_params.multi_items()
        form = await read_form(
            request.stream(),
            boundary,
            open_file=self._open_part(dict(query)),
            took=self._check_size,
            hold=hold,
        )
        fields = [*query, *form.fields]
        for part, incoming in zip(form.files, list(self._incoming), strict=True):
            if part.name is None and part.receiver.size == 0:
                # What a browser sends for a form in which no file was chosen.
                await part.receiver.abort()
                self._incoming.remove(incoming)
            elif part.name is None:
                raise Problem(FILE_NAME_MISSING)
            else:
                incoming.name = check_name(part.name)
        kind = self._kind_of(fields)
        return kind, read_options(kind, _options_in(fields))

    async def receive_body(self, request: Request) -> tuple[Kind, dict[str, Any]]:
        """Take the body as the file; everything that can be refused is refused before it is read."""
        query = request.query_params.multi_items()
        kind = self._kind_of(query)
        options = read_options(kind, [(name, text) for name, text in _options_in(query) if name != "name"])
        name = check_name(request.query_params.get("name", ""))
        self._check_type(kind, name)
        check_arguments(kind, options, FileRef(name=name, size=0, sha256="", key=""))
        receiver = self._open(name, expected=announced_length(request) or 0)
        async for chunk in request.stream():
            if chunk:
                await receiver.write(chunk)
                self._check_size(receiver)
        return kind, options

    async def enqueue(self, kind: Kind, options: dict[str, Any]) -> list[Submitted]:
        """Make the files durable and their jobs with them."""
        if not self._incoming:
            raise Problem(FILE_MISSING)
        for incoming in self._incoming:
            self._check_type(kind, incoming.name)
            if incoming.receiver.size == 0:
                raise Problem(FILE_EMPTY, f"{incoming.name} has no content.")
        files = [await incoming.receiver.finish(incoming.name) for incoming in self._incoming]
        fingerprint = _fingerprint(kind, options, files)
        journals = [
            self._journal(incoming, kind, options, file, fingerprint)
            for incoming, file in zip(self._incoming, files, strict=True)
        ]
        # Should this process die among several, none of them is to stay alone: the queue's word decides.
        standing: Standing = "live" if len(journals) == 1 else "held"
        for incoming, journal in zip(self._incoming, journals, strict=True):
            await incoming.receiver.commit(journal, standing)
        submitted = await self._submit(
            [request_of(journal, self._admission.bounds(journal.file.size)) for journal in journals]
        )
        first = submitted[0]
        if first.id != self._first_id and first.conflict is None:
            await self._in_storage(self._service.storage.delete)
            return [
                Submitted(self._sibling_of(first.id, index), created=False) for index in range(len(journals))
            ]
        for journal, answer in zip(journals, submitted, strict=True):
            if answer.conflict == "existing":  # its own file is the one that counts
                await asyncio.to_thread(self._service.storage.delete, journal.job_id)
                continue
            if standing == "held":
                await asyncio.to_thread(self._service.storage.release, journal.job_id)
            size = journal.file.size
            event(logger, logging.INFO, "job.accepted", id=journal.job_id, kind=journal.kind, size=size)
        # Not `created`: the reconciler may have been quicker with these very journals.
        return [answer if answer.conflict else Submitted(answer.id, created=True) for answer in submitted]

    async def abort(self) -> None:
        """Leave nothing behind, but what the queue may have taken: that will be known when it is back."""
        for incoming in self._incoming:
            await incoming.receiver.abort()
        storage = self._service.storage
        await self._in_storage(storage.hold if self._asked else storage.delete)

    def _open_part(self, query: dict[str, str]) -> Any:
        async def open_part(field: str, name: str | None, form: Form) -> Receiver:
            if field != "file":
                raise Problem(
                    FORM_UNREADABLE, f"The file must be in the field `file`, not in {field[:80]!r}."
                )
            if name is not None:
                name = check_name(name)
                wanted = (query | dict(form.fields)).get("kind")
                if wanted is not None:
                    self._check_type(self._service.kinds.get(wanted), name)
            return self._open(name or "", expected=0)

        return open_part

    def _open(self, name: str, *, expected: int) -> Receiver:
        # A part without a name is never kept: it must not shift the ids of those that are.
        place = sum(bool(incoming.name) for incoming in self._incoming)
        job_id = self._sibling_of(self._first_id, place) if name else new_job_id(self._service.queue.space)
        if place:
            self._admission.take_file()
        receiver = self._service.storage.receive(job_id, expected=expected)
        self._incoming.append(Incoming(job_id, receiver, name))
        return receiver

    def _sibling_of(self, first_id: str, place: int) -> str:
        if place == 0:
            return first_id
        space, token = split_job_id(first_id)
        return f"{space}.{self._service.siblings.mark(f'{token}/{place}', length=TOKEN_LENGTH)}"

    def _check_size(self, receiver: Receiver) -> None:
        size = sum(incoming.receiver.size for incoming in self._incoming)
        if size > self._limit:
            raise _too_large(self._limit)
        self._admission.take_bytes(size)

    def _check_type(self, kind: Kind, name: str) -> None:
        if kind.file is None:
            raise Problem(FILE_NOT_WANTED)
        kind.file.check(name)

    def _kind_of(self, fields: list[tuple[str, str]]) -> Kind:
        kinds = [text for name, text in fields if name == "kind" and text]
        if not kinds:
            raise Problem(KIND_MISSING, argument="kind")
        if len(set(kinds)) > 1:
            raise Problem(BAD_PARAMETER, "`kind` is given more than once.", parameter="kind")
        return self._service.kinds.get(kinds[0])

    def _journal(
        self,
        incoming: Incoming,
        kind: Kind,
        options: dict[str, Any],
        file: FileRef,
        fingerprint: str,
    ) -> Journal:
        check_arguments(kind, options, file)
        assert kind.file is not None
        return Journal(
            job_id=incoming.job_id,
            kind=kind.view.kind,
            arguments=options,
            parameter=kind.file.parameter,
            file=file,
            owner=self._caller.owner,
            received_ms=time.time_ns() // 1_000_000,
            idempotency_key=self._key if incoming.job_id == self._first_id else None,
            fingerprint=fingerprint,
            client=self._admission.client,
        )

    async def _submit(self, requests: list[JobRequest]) -> list[Submitted]:
        # Files were sent, so Redis gets longer to come back than for a mere question.
        deadline = time.monotonic() + PATIENCE
        self._asked = True
        while True:
            try:
                return await self._service.queue.submit_together(requests)
            except BrokerUnavailable:
                if time.monotonic() > deadline or self._service.closing.is_set():
                    raise
                await asyncio.sleep(0.2)
            except (IdempotencyConflict, NotUnique, QueueFull, BoundReached):
                self._asked = False
                raise

    async def _in_storage(self, do: Callable[[str], None]) -> None:
        for incoming in self._incoming:
            await asyncio.to_thread(do, incoming.job_id)


def request_of(journal: Journal, bounds: tuple[Bound, ...]) -> JobRequest:
    """Return the job that an upload's journal asks for, under some bounds."""
    return JobRequest(
        kind=journal.kind,
        args={**journal.arguments, journal.parameter: journal.file},
        id=journal.job_id,
        owner=journal.owner,
        idempotency_key=journal.idempotency_key,
        fingerprint=journal.fingerprint,
        bounds=bounds,
    )


def largest_upload(service: Service) -> int:
    """Return how many bytes one request may bring by itself."""
    settings = service.settings
    return min(settings.http.max_upload_bytes, settings.bounds.stored_bytes or settings.http.max_upload_bytes)


async def upload(request: Request, caller: Caller) -> Response:
    """POST and PUT /api/upload"""
    service = service_of(request)
    key = read_idempotency_key(request)
    check_not_encoded(request)
    boundary = boundary_of(request.headers.get("content-type", ""))
    _check_announced(request, largest_upload(service), is_form=boundary is not None)
    admission = await admit(request, caller, key)
    # Asked before the body is read: nobody should send a gigabyte to be told that the queue is away, or that
    # there is no room for it.
    await admission.check_room(0 if boundary is not None else announced_length(request) or 0)
    with closing(admission), claim_key(service, caller, key), service.memory.share() as hold:
        try:
            submitted = await _receive(request, Upload(service, caller, key, admission), boundary, hold)
        except NotUnique as error:
            raise await not_unique(service, caller, error.job_id) from error
    if not any(each.created for each in submitted):
        admission.give_back()
    for each in submitted:
        await check_own(service, caller, each)
    if len(submitted) == 1:
        return await answer_accepted(request, submitted[0])
    return await _answer_several(service, submitted)


async def _receive(
    request: Request, upload: Upload, boundary: bytes | None, hold: Callable[[int], None]
) -> list[Submitted]:
    try:
        if boundary is not None:
            kind, options = await upload.receive_form(request, boundary, hold)
        else:
            kind, options = await upload.receive_body(request)
        return await upload.enqueue(kind, options)
    except ClientDisconnect as error:
        await upload.abort()
        raise Problem(UPLOAD_INCOMPLETE) from error
    except IdempotencyConflict as error:
        await upload.abort()
        raise Problem(IDEMPOTENCY_KEY_REUSED) from error
    except BaseException:
        await upload.abort()
        raise


async def _answer_several(service: Service, submitted: list[Submitted]) -> Response:
    jobs = await service.queue.inspector.jobs.records([each.id for each in submitted])
    items = [
        view_job(job, service.kinds, position=await service.queue.inspector.jobs.position(job))
        for job in jobs
    ]
    headers = {"Retry-After": "1"}
    if not any(each.created or each.conflict for each in submitted):
        headers["Idempotency-Replayed"] = "true"
    return reply(Accepted(items), status=202, headers=headers)


def announced_length(request: Request) -> int | None:
    """Return the Content-Length of a request, None where there is none."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _check_announced(request: Request, limit: int, *, is_form: bool) -> None:
    length = announced_length(request)
    if length is not None and length > limit + (FORM_OVERHEAD_BYTES if is_form else 0):
        raise _too_large(limit)


def _too_large(limit: int) -> Problem:
    return Problem(FILE_TOO_LARGE, f"At most {limit} bytes are accepted in one request.", limit=limit)


def _options_in(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in fields if name != "kind"]


def _fingerprint(kind: Kind, options: dict[str, Any], files: list[FileRef]) -> str:
    whole = [kind.view.kind, options, [(file.name, file.sha256) for file in files]]
    return hashlib.sha256(msgspec.json.encode(whole, order="deterministic")).hexdigest()
