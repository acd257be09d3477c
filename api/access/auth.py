"""Who asks: an owner, known by a token, by a signed cookie, or by nothing.

Where no token is required, the signed cookie of a browser is the owner of its jobs, and whoever knows the id
of a job, 128 random bits, may see it. Where one is, a request without it is nobody's, and other people's jobs
do not exist for it, whatever it knows. Which tokens there are never decides whether one is required.
"""

import hmac
import secrets

import msgspec
from starlette.requests import Request

import config
from api.access.signed_out import SignedOut
from api.access.signing import Signer
from api.http import SIGN_IN, TOKEN_UNKNOWN, Problem, read_header

ANONYMOUS_SECONDS = 400 * 86_400  # the longest that browsers keep a cookie
SIGNED_IN_SECONDS = 30 * 86_400


class Caller(msgspec.Struct, frozen=True):
    """Who makes a request.

    Attributes:
        owner: whose jobs it makes and lists; empty for nobody's.
        role: `operator` sees the jobs of all.
        signed_in: whether a token says so; otherwise knowing an id is the right to its job.
    """

    owner: str
    role: config.Role = "user"
    signed_in: bool = False

    def may_see(self, owner: str) -> bool:
        """Whether a job of `owner` exists for this caller, who knows its id."""
        return not self.signed_in or self.role == "operator" or self.owner == owner


class Authority:
    """Tells callers from each other.

    Attributes:
        tokens_needed: whether a caller without a token is refused.

    Args:
        secret: the key that signs the cookies.
        auth: whether a token is required, and which are accepted.
        signed_out: sessions that were ended before their cookie.
    """

    def __init__(self, secret: bytes, auth: config.Auth, signed_out: SignedOut) -> None:
        self._signed_out = signed_out
        self.tokens_needed = auth.required
        self._tokens = auth.tokens
        self._anonymous = Signer(secret, "anonymous cookie")
        self._signed_in = Signer(secret, "session cookie", seconds=SIGNED_IN_SECONDS)

    def identify(self, request: Request) -> Caller:
        """Say who makes a request.

        Raises:
            Problem: tokens are needed, and there is none or one that is not known.
        """
        caller = self.recognise(request)
        if caller is None:
            raise Problem(SIGN_IN, headers={"WWW-Authenticate": 'Bearer realm="queuecore"'})
        return caller

    def recognise(self, request: Request) -> Caller | None:
        """Say who makes a request; None where nobody is known and somebody must be.

        Raises:
            Problem: it has a token that is not known.
        """
        if not self.tokens_needed:
            return Caller(owner=self._anonymous_owner(request))
        scheme, _, given = (read_header(request, b"authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            return _caller_of(self.check_token(given.strip()))
        token = self._token_of_session(request)
        return None if token is None else _caller_of(token)

    def check_token(self, given: str) -> config.Token:
        """Find the configured token that `given` is.

        Raises:
            Problem: it is none.
        """
        token = self._find(config.hash_token(given))
        if token is None:
            headers = {"WWW-Authenticate": 'Bearer realm="queuecore", error="invalid_token"'}
            raise Problem(TOKEN_UNKNOWN, headers=headers)
        return token

    def sign_in(self, token: config.Token) -> str:
        """Write the cookie of a browser that showed `token`."""
        # Two sessions of one token and second are two, and end apart.
        return self._signed_in.sign(f"{token.sha256}:{secrets.token_urlsafe(8)}".encode())

    async def sign_out(self, request: Request) -> None:
        """End the session of a browser's cookie, and of every copy of it."""
        if self._token_of_session(request) is not None:
            await self._signed_out.add(read_cookie(request))

    def new_owner(self) -> tuple[str, str]:
        """Make a new anonymous owner: its name and its cookie."""
        owner = f"anon-{secrets.token_urlsafe(12)}"
        return owner, self._anonymous.sign(owner.encode())

    def _anonymous_owner(self, request: Request) -> str:
        payload = self._anonymous.read(read_cookie(request))
        return payload.decode() if payload else ""

    def _token_of_session(self, request: Request) -> config.Token | None:
        cookie = read_cookie(request)
        payload = self._signed_in.read(cookie)
        if payload is None or cookie in self._signed_out:
            return None
        # Looked up again every time: a token that was taken out of the configuration ends its sessions.
        return self._find(payload.decode().partition(":")[0])

    def _find(self, sha256: str) -> config.Token | None:
        found = None
        for token in self._tokens:
            # All are compared, so that the time taken tells nothing.
            if hmac.compare_digest(token.sha256.encode(), sha256.encode()):
                found = token
        return found


def cookie_name(request: Request) -> str:
    """Return the name of our cookie; over https with the prefix that no other host can set."""
    return "__Host-queuecore" if request.scope.get("scheme") == "https" else "queuecore"


def read_cookie(request: Request) -> str:
    """Return the text of our cookie, empty where there is none."""
    wanted = cookie_name(request)
    for pair in (read_header(request, b"cookie") or "").split(";"):
        name, _, value = pair.partition("=")
        # As it stands: ours is never quoted, and to unquote takes time with the square of the length.
        if name.strip() == wanted:
            return value.strip()
    return ""


def cookie_header(request: Request, value: str, *, seconds: int) -> str:
    """Write the header that sets our cookie; `seconds=0` removes it."""
    secure = "; Secure" if request.scope.get("scheme") == "https" else ""
    return f"{cookie_name(request)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def _caller_of(token: config.Token) -> Caller:
    return Caller(owner=token.owner, role=token.role, signed_in=True)
