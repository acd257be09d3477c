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
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.access import Caller
from api.http import (
    BAD_PARAMETER,
    CONTENT_ENCODING_NOT_ACCEPTED,
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
    read_idempotency_key,
    reply,
)
from api.jobs import answer_accepted, claim_key
from api.kinds import Kind, check_arguments, read_options
from api.service import Service, service_of
from api.shown import Accepted, view_job
from api.uploads.form import Form, boundary_of, read_form
from queuecore import BrokerUnavailable, IdempotencyConflict, JobRequest, Submitted
from queuecore.log import event
from queuecore.model import new_token
from storage import FileRef, Journal, Receiver

logger = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds that an upload which has arrived waits for a Redis that is away
FORM_OVERHEAD_BYTES = 1 << 20  # what a form may have besides its files


class Incoming(msgspec.Struct):
    """One file on its way in."""

    token: str
    receiver: Receiver
    name: str = ""
    job_id: str = ""
    has_job: bool = False


class Upload:
    """One request: its files, its kind and its options.

    Args:
        service: the service.
        caller: whose jobs they become.
        key: the idempotency key.
    """

    def __init__(self, service: Service, caller: Caller, key: str | None) -> None:
        self._service = service
        self._caller = caller
        self._key = key
        self._incoming: list[Incoming] = []
        self._limit = service.settings.http.max_upload_bytes

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
            incoming.job_id = f"{self._service.queue.space}.{incoming.token}"
        files = [await incoming.receiver.finish(incoming.name) for incoming in self._incoming]
        fingerprint = _fingerprint(kind, options, files)
        journals = [
            self._journal(incoming, kind, options, file, index, fingerprint)
            for index, (incoming, file) in enumerate(zip(self._incoming, files, strict=True))
        ]
        for incoming, journal in zip(self._incoming, journals, strict=True):
            await incoming.receiver.commit(journal)
        submitted = []
        for incoming, journal in zip(self._incoming, journals, strict=True):
            submitted.append(await self._submit(journal))
            incoming.has_job = True
        return submitted

    async def abort(self) -> None:
        """Leave nothing behind of what has no job."""
        for incoming in self._incoming:
            await incoming.receiver.abort()
            if incoming.job_id and not incoming.has_job:
                await asyncio.to_thread(self._service.storage.delete, incoming.job_id)

    async def hold(self) -> None:
        """Leave the files to the reconciler: whether the queue took the job will be known when it is back."""
        for incoming in self._incoming:
            await asyncio.to_thread(self._service.storage.hold, incoming.job_id)

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
        token = new_token()
        receiver = self._service.storage.receive(token, expected=expected)
        self._incoming.append(Incoming(token, receiver, name))
        return receiver

    def _check_size(self, receiver: Receiver) -> None:
        if sum(incoming.receiver.size for incoming in self._incoming) > self._limit:
            raise _too_large(self._limit)

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
        index: int,
        fingerprint: str,
    ) -> Journal:
        check_arguments(kind, options, file)
        assert kind.file is not None
        # The files of one request share its key: the fingerprint of all decides already at the first.
        key = self._key if index == 0 or self._key is None else f"{self._key}/{index}"
        return Journal(
            job_id=incoming.job_id,
            kind=kind.view.kind,
            arguments=options,
            parameter=kind.file.parameter,
            file=file,
            owner=self._caller.owner,
            received_ms=time.time_ns() // 1_000_000,
            idempotency_key=key,
            fingerprint=fingerprint,
        )

    async def _submit(self, journal: Journal) -> Submitted:
        submitted = await self._keep_submitting(request_of(journal))
        if submitted.id != journal.job_id:
            await asyncio.to_thread(self._service.storage.delete, journal.job_id)
        else:
            event(
                logger,
                logging.INFO,
                "job.accepted",
                id=journal.job_id,
                kind=journal.kind,
                size=journal.file.size,
            )
        # Not `created`: the reconciler may have been quicker with this very journal.
        return Submitted(submitted.id, submitted.id == journal.job_id)

    async def _keep_submitting(self, request: JobRequest) -> Submitted:
        # A file was sent, so Redis gets longer to come back than for a mere question.
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._service.queue.submit(request)
            except BrokerUnavailable:
                if time.monotonic() > deadline or self._service.closing.is_set():
                    raise
                await asyncio.sleep(0.2)


def request_of(journal: Journal) -> JobRequest:
    """Return the job that an upload's journal asks for."""
    return JobRequest(
        kind=journal.kind,
        args={**journal.arguments, journal.parameter: journal.file},
        id=journal.job_id,
        owner=journal.owner,
        idempotency_key=journal.idempotency_key,
        fingerprint=journal.fingerprint,
    )


async def upload(request: Request, caller: Caller) -> Response:
    """POST and PUT /api/upload"""
    service = service_of(request)
    key = read_idempotency_key(request)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(CONTENT_ENCODING_NOT_ACCEPTED)
    boundary = boundary_of(request.headers.get("content-type", ""))
    _check_announced(request, service.settings.http.max_upload_bytes, is_form=boundary is not None)
    # Asked before the body is read: nobody should send a gigabyte to be told that the queue is away.
    await service.queue.inspector.figures.ping()
    with claim_key(service, caller, key), service.memory.share() as hold:
        submitted = await _receive(request, Upload(service, caller, key), boundary, hold)
    if len(submitted) == 1:
        return await answer_accepted(request, submitted[0].id, replayed=not submitted[0].created)
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
    except BrokerUnavailable:
        await upload.hold()
        raise
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
    if not any(each.created for each in submitted):
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
