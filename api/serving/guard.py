"""What holds for every request, before any route: names, origins, patience, headers of answers.

Pure ASGI, one pass over the headers: this runs for every poll.
"""

import asyncio
import functools
import re
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import (
    BAD_PARAMETER,
    BAD_REQUEST,
    CROSS_ORIGIN,
    TOO_MANY_CONNECTIONS,
    TOO_SLOW,
    WRONG_HOST,
    Problem,
    client_at,
    is_in,
    problem_response,
)
from api.service import Service

# Headers that a request has once: of two, each reader on the way may take another.
SINGLE = frozenset(
    {
        b"authorization",
        b"content-type",
        b"idempotency-key",
        b"if-range",
        b"origin",
        b"range",
        b"sec-fetch-site",
    }
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes name a machine by its address, or not at all.
PROBED = frozenset({"/health", "/health/live", "/health/ready"})
PAUSE = 30.0  # seconds for which a body may stand still, or be behind its rate

# Sent with every answer; a route's own header of the same name goes first.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)

_SECURITY_NAMES = frozenset(name for name, _ in SECURITY_HEADERS)

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?\Z")


class Guard:
    """Wraps the application.

    Args:
        app: what is guarded.
        service: whose settings hold.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._under_way: Counter[str] = Counter()  # requests, by client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_security_headers(send)
        try:
            _check(scope, local_only=self._is_local_only())
            client = self._begin(scope)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        if scope["method"] not in SAFE_METHODS:
            receive = PacedReceive(receive, self._service.settings.http.min_body_rate)
        try:
            await self._app(scope, receive, send)
        finally:
            self._end(client)

    def _begin(self, scope: Scope) -> str:
        """Count a request that is under way, and refuse one too many of one client; returns the client.

        Clients behind a proxy are told from each other by their requests, since the connections are the
        proxy's. For all others the bound on connections decides earlier.
        """
        http = self._service.settings.http
        address = scope["client"][0] if scope.get("client") else ""
        client = "" if is_in(address, http.trusted_proxies) else client_at(address)
        if client and self._under_way[client] >= http.max_connections_per_client:
            raise Problem(TOO_MANY_CONNECTIONS, headers={"Retry-After": "5"})
        self._under_way[client] += 1
        return client

    def _end(self, client: str) -> None:
        self._under_way[client] -= 1
        if not self._under_way[client]:
            del self._under_way[client]

    def _is_local_only(self) -> bool:
        # Whoever needs no token and listens for this machine only must not be reached by a page that has
        # its own name point to this machine (DNS rebinding). With tokens, such a page has none.
        return not self._service.authority.tokens_needed and is_local(self._service.settings.http.host)


class PacedReceive:
    """Receives a body as long as it comes at a tolerable rate.

    Only the time that is spent waiting for the client counts, so that a slow disk is not its fault. What came
    quickly at first buys no more than a pause: over whatever time, as much comes as the rate asks of all of
    it but `PAUSE` seconds.

    Args:
        receive: where the body comes from.
        rate: bytes a second; with 0 the body must only not stand still.
    """

    def __init__(self, receive: Receive, rate: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._receive = receive
        self._rate = rate
        self._clock = clock
        self._allowed = PAUSE  # seconds of waiting
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        begun = self._clock()
        try:
            async with asyncio.timeout(max(self._allowed, 0.0)):
                message = await self._receive()
        except TimeoutError:
            detail = f"For {PAUSE:g} seconds it was behind {self._rate} bytes a second."
            # The rest of the body would be taken for the next request.
            raise Problem(TOO_SLOW, detail, headers={"Connection": "close"}) from None
        earned = len(message.get("body", b"")) / self._rate if self._rate else PAUSE
        self._allowed = min(self._allowed - (self._clock() - begun) + earned, PAUSE)
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message


@functools.lru_cache(maxsize=256)
def is_local(host: str) -> bool:
    """Whether a host name means this machine, as seen from itself."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check(scope: Scope, *, local_only: bool) -> None:
    host = origin = site = ""
    hosts = 0
    single: set[bytes] = set()
    for name, value in scope["headers"]:
        if name in SINGLE:
            if name in single:
                raise Problem(BAD_REQUEST, f"It has {name.decode()} more than once.")
            single.add(name)
        if name == b"host":
            host = value.decode("latin-1")
            hosts += 1
        elif name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"sec-fetch-site":
            site = value.decode("latin-1")
    if scope["path"] not in PROBED:
        match = _HOST.match(host)
        if match is None or hosts != 1 or (local_only and not is_local(match[1] or match[2])):
            raise Problem(WRONG_HOST, f"{host[:100]!r} is not a name of this service.")
    if scope["method"] not in SAFE_METHODS and _is_foreign(site, origin, host):
        raise Problem(CROSS_ORIGIN)
    if scope["query_string"]:
        _check_query(scope["query_string"])


def _check_query(query: bytes) -> None:
    # Read later, what is not UTF-8 would quietly become U+FFFD.
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise Problem(BAD_PARAMETER, "The address has something in it that is not UTF-8.") from None


def _is_foreign(site: str, origin: str, host: str) -> bool:
    """Whether a browser says that another site's page makes the request; programs say nothing."""
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and origin.partition("://")[2].lower() != host.lower()


def _with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            own = {name for name, _ in headers}
            added = SECURITY_HEADERS
            if not own.isdisjoint(_SECURITY_NAMES):
                added = tuple(pair for pair in added if pair[0] not in own)
            message["headers"] = (*headers, *added)
        await send(message)

    return send_with_headers
