"""What each route takes and answers, as a table: the source of /openapi.json.

Tests hold it against the routes of the application and against the statuses that it answers with.
"""

from typing import Any

import msgspec

from api.http import ProblemType, problems
from api.jobs import NewJob
from api.kinds import KindList
from api.ops import health
from api.sessions import SessionView, SignIn
from api.shown import JobList, JobView
from queuecore import State

Answer = tuple[str, type | None, str]  # what it means, the struct, the media type

JSON = "application/json"
FILE = "application/octet-stream"

PARAMETERS: dict[str, dict[str, Any]] = {
    "wait": {
        "in": "query",
        "description": "Hold the request open until the job changes, for so many seconds at most. "
        "With If-None-Match: until it differs from that tag.",
        "schema": {"type": "number", "minimum": 0},
    },
    "state": {
        "in": "query",
        "description": "Only jobs in this state.",
        "schema": {"enum": [*map(str, State)]},
    },
    "kind": {"in": "query", "description": "The kind of job.", "schema": {"type": "string"}},
    "q": {
        "in": "query",
        "description": "Only jobs with this text in their file's name, kind, id or error.",
        "schema": {"type": "string"},
    },
    "limit": {
        "in": "query",
        "description": "How many jobs at most; fewer where they have much in them.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 25},
    },
    "cursor": {
        "in": "query",
        "description": "`next_cursor` of the page before.",
        "schema": {"type": "string"},
    },
    "name": {"in": "query", "description": "The name of a bare file.", "schema": {"type": "string"}},
    "artifact": {
        "in": "query",
        "description": "Which of the job's files, counted from 0.",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
    },
    "If-None-Match": {
        "in": "header",
        "description": "An ETag; 304 while it still holds.",
        "schema": {"type": "string"},
    },
    "Range": {"in": "header", "description": "One range of bytes.", "schema": {"type": "string"}},
    "If-Range": {
        "in": "header",
        "description": "The ETag for which Range is meant.",
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "in": "header",
        "description": "A new text for every new job. The same request with the same key "
        "makes no second job.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    "Prefer": {
        "in": "header",
        "description": "`wait=N`: answer with 200 and the ended job, should it end within N seconds.",
        "schema": {"type": "string"},
    },
}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        summary: what it does.
        answers: what is answered when all is well, by status.
        refusals: how it may say no, besides what every route may say.
        parameters: names in the table above.
        body: the request's body, an OpenAPI request body object.
        open: whether it needs no token, even where tokens are configured.
        asks_queue: whether it needs Redis.
        any_host: whether it is answered under any name of this machine.
    """

    summary: str
    answers: dict[int, Answer]
    refusals: tuple[ProblemType, ...] = ()
    parameters: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    open: bool = False
    asks_queue: bool = True
    any_host: bool = False


_JOB = (problems.JOB_NOT_FOUND,)
_PACED = (problems.TOO_MANY_REQUESTS, problems.TOO_MANY_JOBS)
UPLOAD_REFUSALS = (
    problems.BAD_PARAMETER,
    problems.BAD_IDEMPOTENCY_KEY,
    problems.FORM_UNREADABLE,
    problems.UPLOAD_INCOMPLETE,
    problems.FILE_NAME_MISSING,
    problems.FILE_NAME_NOT_ALLOWED,
    problems.TOO_SLOW,
    problems.REQUEST_IN_PROGRESS,
    problems.TOO_BUSY,
    problems.FILE_TOO_LARGE,
    problems.FIELD_TOO_LARGE,
    problems.FILE_TYPE_NOT_ACCEPTED,
    problems.CONTENT_ENCODING_NOT_ACCEPTED,
    problems.FILE_MISSING,
    problems.FILE_EMPTY,
    problems.KIND_MISSING,
    problems.UNKNOWN_KIND,
    problems.FILE_NOT_WANTED,
    problems.WRONG_OPTION,
    problems.UNKNOWN_OPTION,
    problems.IDEMPOTENCY_KEY_REUSED,
    problems.NOT_UNIQUE,
    problems.QUEUE_FULL,
    problems.TOO_MANY_REQUESTS,
    problems.TOO_MANY_JOBS,
    problems.TOO_MUCH_STORED,
    problems.STORAGE_FULL,
    problems.STORAGE_BROKEN,
)
ACCEPTED: dict[int, Answer] = {
    200: (
        "It was waited for (Prefer: wait) and has ended, or the same work had a job",
        JobView,
        JSON,
    ),
    202: ("It is in line; Location says where to ask for it", JobView, JSON),
}
_DOWNLOAD = Operation(
    summary="Download a file that the job made",
    parameters=("Range", "If-Range", "If-None-Match"),
    answers={
        200: ("The file", None, FILE),
        206: ("A part of the file", None, FILE),
        304: ("It has not changed", None, ""),
    },
    refusals=(
        *_JOB,
        problems.ARTIFACT_NOT_FOUND,
        problems.RESULT_NOT_READY,
        problems.FILE_GONE,
        problems.RANGE_NOT_SATISFIABLE,
    ),
)
_STATUS = Operation(
    summary="What the job is now, or at its next change",
    parameters=("wait", "If-None-Match"),
    answers={200: ("The job, in whatever state", JobView, JSON), 304: ("It has not changed", None, "")},
    refusals=(*_JOB, problems.BAD_PARAMETER),
)

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("get", "/api/check-status/{id}"): _STATUS,
    ("get", "/api/jobs/{id}"): _STATUS,
    ("get", "/api/jobs"): Operation(
        summary="The caller's jobs, newest first",
        parameters=("state", "kind", "q", "limit", "cursor"),
        answers={200: ("A page of jobs", JobList, JSON)},
        refusals=(problems.BAD_PARAMETER, problems.BAD_CURSOR),
    ),
    ("post", "/api/jobs"): Operation(
        summary="Start a job that needs no file",
        parameters=("Idempotency-Key", "Prefer"),
        body={"required": True, "content": {JSON: {"schema": NewJob}}},
        answers=ACCEPTED,
        refusals=(
            problems.BODY_NOT_JSON,
            problems.CONTENT_ENCODING_NOT_ACCEPTED,
            problems.BAD_IDEMPOTENCY_KEY,
            problems.UPLOAD_INCOMPLETE,
            problems.TOO_SLOW,
            problems.REQUEST_IN_PROGRESS,
            problems.TOO_BUSY,
            problems.FIELD_TOO_LARGE,
            problems.CONTENT_TYPE_NOT_ACCEPTED,
            problems.UNKNOWN_KIND,
            problems.FILE_NEEDED,
            problems.WRONG_OPTION,
            problems.UNKNOWN_OPTION,
            problems.IDEMPOTENCY_KEY_REUSED,
            problems.TOO_MANY_REQUESTS,
            problems.TOO_MANY_JOBS,
            problems.NOT_UNIQUE,
            problems.QUEUE_FULL,
        ),
    ),
    ("delete", "/api/jobs/{id}"): Operation(
        summary="Remove an ended job and its files",
        answers={204: ("It is removed", None, "")},
        refusals=(*_JOB, problems.WRONG_STATE, problems.STORAGE_FULL, problems.STORAGE_BROKEN),
    ),
    ("post", "/api/jobs/{id}/cancel"): Operation(
        summary="Cancel a job; cancelling it again changes nothing",
        answers={
            200: ("It is cancelled", JobView, JSON),
            202: ("It runs and was asked to end", JobView, JSON),
        },
        refusals=(*_JOB, problems.WRONG_STATE),
    ),
    ("post", "/api/jobs/{id}/retry"): Operation(
        summary="Put a failed or cancelled job in line again, under the same id",
        answers={202: ("It is in line", JobView, JSON)},
        refusals=(*_JOB, problems.WRONG_STATE, problems.NOT_UNIQUE, problems.FILE_GONE, *_PACED),
    ),
    ("get", "/api/jobs/{id}/result"): msgspec.structs.replace(
        _DOWNLOAD, parameters=("artifact", *_DOWNLOAD.parameters)
    ),
    ("get", "/api/jobs/{id}/artifacts/{index}"): _DOWNLOAD,
    ("get", "/api/kinds"): Operation(
        summary="What can be asked for, with the JSON Schema of the options",
        answers={200: ("All kinds", KindList, JSON)},
        asks_queue=False,
    ),
    ("get", "/api/session"): Operation(
        summary="Who this browser is",
        answers={200: ("The session", SessionView, JSON)},
        refusals=(problems.TOKEN_UNKNOWN,),
        open=True,
        asks_queue=False,
    ),
    ("post", "/api/session"): Operation(
        summary="Sign in with a token; the answer sets an HttpOnly cookie",
        body={"required": True, "content": {JSON: {"schema": SignIn}}},
        answers={200: ("The session", SessionView, JSON)},
        refusals=(
            problems.TOKEN_UNKNOWN,
            problems.BODY_NOT_JSON,
            problems.CONTENT_ENCODING_NOT_ACCEPTED,
            problems.FIELD_TOO_LARGE,
            problems.UPLOAD_INCOMPLETE,
            problems.TOO_SLOW,
            problems.TOO_BUSY,
        ),
        open=True,
        asks_queue=False,
    ),
    ("delete", "/api/session"): Operation(
        summary="Sign out",
        answers={204: ("The cookie is removed", None, "")},
        open=True,
        asks_queue=False,
    ),
    ("get", "/health"): Operation(
        summary="The state of the service and of its parts",
        answers={
            200: ("It works; `warn` where something should be looked at", health.Health, health.MEDIA_TYPE),
            503: ("It does not work", health.Health, health.MEDIA_TYPE),
        },
        open=True,
        asks_queue=False,
        any_host=True,
    ),
    ("get", "/health/live"): Operation(
        summary="Whether this process turns; never asks Redis",
        answers={200: ("It does", None, health.MEDIA_TYPE)},
        open=True,
        asks_queue=False,
        any_host=True,
    ),
    ("get", "/health/ready"): Operation(
        summary="Whether requests can be taken now",
        answers={200: ("They can", None, health.MEDIA_TYPE)},
        refusals=(problems.NOT_READY,),
        open=True,
        asks_queue=False,
        any_host=True,
    ),
    ("get", "/openapi.json"): Operation(
        summary="This document", answers={200: ("OpenAPI 3.1", None, JSON)}, open=True, asks_queue=False
    ),
}
