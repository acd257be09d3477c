"""/api/session: who the browser is, signing in with a token, signing out."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import ANONYMOUS_SECONDS, SIGNED_IN_SECONDS, cookie_header
from api.http import BODY_NOT_JSON, Problem, decode_json, read_body, reply
from api.service import service_of

# Each is remembered for as long as its cookie would have lived; beyond that only the cookie is removed.
SIGN_OUTS_A_MINUTE = 10


class SessionView(msgspec.Struct, frozen=True):
    """Who makes the requests of this browser."""

    owner: str | None
    role: str | None
    auth_required: bool
    signed_in: bool


class SignIn(msgspec.Struct, frozen=True):
    """What POST /api/session takes."""

    token: str


async def show_session(request: Request) -> Response:
    """GET /api/session; a browser that is nobody yet becomes somebody, where no token is needed."""
    authority = service_of(request).authority
    caller = authority.recognise(request)
    if authority.tokens_needed:
        view = SessionView(
            owner=caller.owner if caller else None,
            role=caller.role if caller else None,
            auth_required=True,
            signed_in=caller is not None,
        )
        return reply(view)
    if caller is not None and caller.owner:
        return reply(SessionView(caller.owner, caller.role, auth_required=False, signed_in=False))
    owner, cookie = authority.new_owner()
    headers = {"Set-Cookie": cookie_header(request, cookie, seconds=ANONYMOUS_SECONDS)}
    return reply(SessionView(owner, "user", auth_required=False, signed_in=False), headers=headers)


async def sign_in(request: Request) -> Response:
    """POST /api/session"""
    service = service_of(request)
    authority = service.authority
    body = await read_body(request, service.memory, limit=4096)
    try:
        wanted: SignIn = decode_json(body, SignIn)
    except ValueError as error:
        raise Problem(BODY_NOT_JSON, f'{error}. Here it is {{"token": "…"}}.') from error
    token = authority.check_token(wanted.token.strip())
    headers = {
        "Set-Cookie": cookie_header(request, authority.sign_in(token), seconds=SIGNED_IN_SECONDS),
    }
    return reply(SessionView(token.owner, token.role, auth_required=True, signed_in=True), headers=headers)


async def sign_out(request: Request) -> Response:
    """DELETE /api/session; an anonymous browser stays who it is, or its jobs would be lost to it."""
    service = service_of(request)
    authority = service.authority
    if not authority.tokens_needed:
        return Response(status_code=204)
    caller = authority.recognise(request)
    if caller is not None and not service.pace.take(f"sign-out/{caller.owner}", SIGN_OUTS_A_MINUTE):
        await authority.sign_out(request)
    return Response(status_code=204, headers={"Set-Cookie": cookie_header(request, "", seconds=0)})
