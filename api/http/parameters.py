"""Parameters of addresses and headers, checked."""

import math
import re

from starlette.requests import Request

from api.http.problems import BAD_IDEMPOTENCY_KEY, BAD_PARAMETER, CONTENT_ENCODING_NOT_ACCEPTED, Problem

_KEY = re.compile(r"[\x20-\x7e]{1,200}\Z")
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)


def read_header(request: Request, name: bytes) -> str | None:
    """Read a header by its name in small letters; of several, the first.

    A poll has few headers, and `request.headers` costs as much as the poll's call of Redis.
    """
    for given, value in request.scope["headers"]:
        if given == name:
            return bytes(value).decode("latin-1")
    return None


def check_not_encoded(request: Request) -> None:
    """Refuse a body that is compressed or else not what it will be stored as.

    Raises:
        Problem: it has another Content-Encoding than `identity`, or a Transfer-Encoding besides `chunked`.
    """
    for header, plain in (("content-encoding", "identity"), ("transfer-encoding", "chunked")):
        for codings in request.headers.getlist(header):
            if any(coding.strip().lower() not in ("", plain) for coding in codings.split(",")):
                raise Problem(CONTENT_ENCODING_NOT_ACCEPTED, f"{header} is {codings[:80]!r}.")


def read_wait(request: Request, *, longest: float) -> float:
    """Read `?wait=`, in seconds, at most `longest`; 0 where there is none."""
    # Most polls have no query, and reading one takes as long as looking up the job's version.
    text = request.query_params.get("wait") if request.scope["query_string"] else None
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise Problem(BAD_PARAMETER, f"wait={text[:40]!r} is not a number of seconds.", parameter="wait")
    return min(seconds, longest)


def read_preferred_wait(request: Request, *, longest: float) -> float:
    """Read the `wait` of a Prefer header (RFC 7240), at most `longest`; 0 where there is none."""
    found = _WAIT.search(",".join(request.headers.getlist("prefer")))
    return min(float(found[1]), longest) if found else 0.0


def read_limit(request: Request, *, default: int, most: int) -> int:
    """Read `?limit=`; more than `most` is taken for `most`."""
    text = request.query_params.get("limit")
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise Problem(
            BAD_PARAMETER, f"limit={text[:40]!r} is not a number from 1 to {most}.", parameter="limit"
        )
    return min(int(text), most)


def read_idempotency_key(request: Request) -> str | None:
    """Read the Idempotency-Key, which may be quoted as the draft says or bare as everybody sends it."""
    text = read_header(request, b"idempotency-key")
    if text is None:
        return None
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    if not _KEY.match(text):
        raise Problem(BAD_IDEMPOTENCY_KEY)
    return text
