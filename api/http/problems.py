"""Every way in which the API says no, as RFC 9457 problem documents.

Each type has a stable URI, `/problems/<name>`, which is also the address of a page that explains it.
"""

import html
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

MOST_DETAIL = 1_000  # characters: what was sent is not sent back in full length
MEDIA_TYPE = "application/problem+json"


class ProblemType(msgspec.Struct, frozen=True):
    """One kind of refusal.

    Attributes:
        name: the stable word for programs, last part of the URI.
        status: the HTTP status.
        title: what is wrong, as a person reads it, without a full stop.
        advice: what to do.
    """

    name: str
    status: int
    title: str
    advice: str

    @property
    def uri(self) -> str:
        return f"/problems/{self.name}"


class Problem(Exception):
    """Ends a request with a problem document.

    Args:
        type: which one.
        detail: what was wrong this time, in full sentences; the advice of the type follows it.
        headers: to be sent with it.
        members: further members of the document, for programs.
    """

    def __init__(
        self,
        type: ProblemType,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.type = type
        self.detail = detail if len(detail) <= MOST_DETAIL else f"{detail[:MOST_DETAIL]} …"
        super().__init__(f"{type.name}: {self.detail or type.title}")
        self.headers = dict(headers or {})
        self.members = members


BAD_REQUEST = ProblemType(
    "bad-request",
    400,
    "The request cannot be understood",
    "Compare it with the description in /openapi.json.",
)
NOT_HTTP = ProblemType(
    "not-http", 400, "What was sent is not HTTP/1.1", "Use a client for HTTP, and http:// in its address."
)
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large",
    431,
    "The headers are larger than this service accepts",
    "Send fewer or shorter ones; of cookies only ours is needed.",
)
BAD_PARAMETER = ProblemType(
    "bad-parameter", 400, "A parameter of the address has a value that is not allowed", "Correct the value."
)
BAD_CURSOR = ProblemType(
    "bad-cursor",
    400,
    "The cursor is not one that this list gave out",
    "Use next_cursor as it was given, with the same filters, or begin again without a cursor.",
)
BAD_IDEMPOTENCY_KEY = ProblemType(
    "bad-idempotency-key",
    400,
    "The Idempotency-Key cannot be used",
    "Send 1 to 200 printable ASCII characters, for example a new UUID for every new job.",
)
BODY_NOT_JSON = ProblemType(
    "body-not-json", 400, "The body is not the JSON that was expected", 'Send {"kind": …, "args": {…}}.'
)
FORM_UNREADABLE = ProblemType(
    "form-unreadable",
    400,
    "The form cannot be read",
    "Send multipart/form-data as browsers and `curl -F` do, or the bare file with its name in the address.",
)
UPLOAD_INCOMPLETE = ProblemType(
    "upload-incomplete", 400, "The upload ended before its end", "Send the file again."
)
FILE_NAME_MISSING = ProblemType(
    "file-name-missing",
    400,
    "The file has no name",
    "Give it one: `filename` in a form, `?name=` with a bare file.",
)
FILE_NAME_NOT_ALLOWED = ProblemType(
    "file-name-not-allowed",
    400,
    "The file cannot be taken under this name",
    "Rename the file and send it again.",
)
SIGN_IN = ProblemType(
    "sign-in",
    401,
    "This service is for people it knows",
    "Send `Authorization: Bearer <token>`, or sign in on the page.",
)
TOKEN_UNKNOWN = ProblemType(
    "token-unknown",
    401,
    "The token is not known here",
    "Check it for missing characters, or ask the operator.",
)
CROSS_ORIGIN = ProblemType(
    "cross-origin",
    403,
    "Another site's page wanted to change something here",
    "Open this service's own page. Programs must not send an Origin that is not this service's.",
)
NOT_FOUND = ProblemType(
    "not-found", 404, "There is nothing at this address", "The addresses are listed in /openapi.json."
)
JOB_NOT_FOUND = ProblemType(
    "job-not-found",
    404,
    "There is no such job",
    "Check the id. A job is removed some time after its end, or by its owner.",
)
ARTIFACT_NOT_FOUND = ProblemType(
    "artifact-not-found", 404, "The job has no such file", "The files of a job are listed in its `artifacts`."
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed", 405, "This address does not take this method", "`Allow` names those it takes."
)
TOO_SLOW = ProblemType(
    "too-slow", 408, "The body of the request came too slowly", "Try again over a better connection."
)
WRONG_STATE = ProblemType(
    "wrong-state", 409, "The job is in a state that does not allow this", "`state` is the job's true state."
)
NOT_UNIQUE = ProblemType(
    "not-unique",
    409,
    "The same work is being done already",
    "Wait for the end of that job, or cancel it. If it is yours, `job` is its id, `status_url` its address.",
)
RESULT_NOT_READY = ProblemType(
    "result-not-ready", 409, "There is no result to download", "Wait until the job is completed."
)
REQUEST_IN_PROGRESS = ProblemType(
    "request-in-progress",
    409,
    "A request with this Idempotency-Key is being worked on",
    "Wait for its answer, or repeat the request in a moment.",
)
FILE_GONE = ProblemType(
    "file-gone", 410, "The file is no longer there", "Send the original file again as a new job."
)
FILE_TOO_LARGE = ProblemType(
    "file-too-large",
    413,
    "The upload is larger than this service accepts",
    "Split the file, or ask the operator.",
)
FIELD_TOO_LARGE = ProblemType(
    "field-too-large",
    413,
    "The request has a field or a body that is too large",
    "Only the file itself may be large; send it as `file`.",
)
FILE_TYPE_NOT_ACCEPTED = ProblemType(
    "file-type-not-accepted",
    415,
    "This kind of job does not take files of this type",
    "Send one of the accepted types, under a name that ends accordingly.",
)
CONTENT_TYPE_NOT_ACCEPTED = ProblemType(
    "content-type-not-accepted", 415, "The body has a type that is not taken here", "Send application/json."
)
CONTENT_ENCODING_NOT_ACCEPTED = ProblemType(
    "content-encoding-not-accepted", 415, "The body is compressed", "Send it as it is."
)
RANGE_NOT_SATISFIABLE = ProblemType(
    "range-not-satisfiable", 416, "The file has no such range", "Content-Range gives its size."
)
WRONG_HOST = ProblemType(
    "wrong-host",
    421,
    "This service does not answer under this name",
    "Use the address that was printed at the start.",
)
FILE_MISSING = ProblemType(
    "file-missing",
    422,
    "There is no file in the request",
    "Send it as the form field `file`, or as the body.",
)
FILE_EMPTY = ProblemType("file-empty", 422, "The file is empty", "Send a file with content.")
KIND_MISSING = ProblemType(
    "kind-missing",
    422,
    "The request does not say what is to be done",
    "Add `kind`; GET /api/kinds lists them.",
)
UNKNOWN_KIND = ProblemType(
    "unknown-kind", 422, "This kind of job does not exist here", "GET /api/kinds lists those that do."
)
FILE_NOT_WANTED = ProblemType(
    "file-not-wanted", 422, "This kind of job takes no file", "Start it with POST /api/jobs."
)
FILE_NEEDED = ProblemType(
    "file-needed", 422, "This kind of job needs a file", "Start it with POST /api/upload."
)
WRONG_OPTION = ProblemType(
    "wrong-option", 422, "An option has a value that is not allowed", "Correct the value of the option."
)
UNKNOWN_OPTION = ProblemType(
    "unknown-option",
    422,
    "This kind of job has no such option",
    "GET /api/kinds lists the options of each kind.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    422,
    "This Idempotency-Key was used for another request",
    "Use a new key for a new job, and the same key only to repeat the same request.",
)
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests",
    429,
    "Too many files or jobs were sent in a short time",
    "Wait for the seconds in Retry-After, then send the rest.",
)
TOO_MANY_JOBS = ProblemType(
    "too-many-jobs",
    429,
    "You have as many unfinished jobs as are allowed at one time",
    "Wait until some of them have ended, or cancel some, and send the rest then.",
)
TOO_MUCH_STORED = ProblemType(
    "too-much-stored",
    429,
    "Your files take up all the room that is allowed",
    "Delete jobs that you no longer need, or wait until they go by themselves.",
)
INTERNAL = ProblemType(
    "internal",
    500,
    "Something went wrong in the service",
    "Try again; if it stays, tell the operator the time.",
)
QUEUE_UNAVAILABLE = ProblemType(
    "queue-unavailable",
    503,
    "The queue cannot be reached just now",
    "Nothing is lost. Try again after the time in Retry-After.",
)
TOO_BUSY = ProblemType(
    "too-busy", 503, "The service has too many requests to hold them all", "Try again in a moment."
)
TOO_MANY_CONNECTIONS = ProblemType(
    "too-many-connections",
    503,
    "Too many connections are open",
    "Try again in a moment, and keep fewer open at one time.",
)
NOT_READY = ProblemType("not-ready", 503, "The service is not ready", "Try again in a moment.")
QUEUE_FULL = ProblemType(
    "queue-full", 507, "The queue has no room for another job", "Try again later, or tell the operator."
)
STORAGE_FULL = ProblemType(
    "storage-full", 507, "There is no room left for the file", "Try again later, or tell the operator."
)
STORAGE_BROKEN = ProblemType(
    "storage-broken",
    507,
    "The service cannot write to its data directory",
    "Nothing is wrong with the file. Tell the operator, and try again later.",
)

TYPES: Mapping[str, ProblemType] = {
    value.name: value for value in list(globals().values()) if isinstance(value, ProblemType)
}

_encoder = msgspec.json.Encoder()


def problem_response(problem: Problem) -> Response:
    """Write a problem as a response."""
    type = problem.type
    document = {
        "type": type.uri,
        "title": type.title,
        "status": type.status,
        "detail": f"{problem.detail} {type.advice}".strip(),
        **problem.members,
    }
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **problem.headers}
    return Response(_encoder.encode(document), type.status, headers, media_type=MEDIA_TYPE)


_STYLE = (
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}"
    ":root{color-scheme:light dark}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_PAGE_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=3600"}


async def show_problem(request: Request) -> Response:
    """The page that explains one problem type."""
    type = TYPES.get(request.path_params["name"])
    if type is None:
        raise Problem(NOT_FOUND)
    body = (
        f"<h1>{html.escape(type.title)}</h1><p>{html.escape(type.advice)}</p>"
        f"<p>HTTP status {type.status}, problem type <code>{type.uri}</code>. "
        f'<a href="/problems">All problems</a></p>'
    )
    return _page(type.title, body)


async def list_problems(request: Request) -> Response:
    """The page that lists all problem types."""
    rows = "".join(
        f'<li>{type.status} <a href="{type.uri}">{html.escape(type.title)}</a></li>'
        for type in sorted(TYPES.values(), key=lambda type: (type.status, type.name))
    )
    return _page("Problems", f"<h1>Problems</h1><ul>{rows}</ul>")


def _page(title: str, body: str) -> Response:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>{body}</html>'
    )
    return Response(text, headers=_PAGE_HEADERS, media_type="text/html")
