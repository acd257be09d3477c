"""The application: its routes, its start and its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import config
from api.access import Caller
from api.document import openapi
from api.http import Problem, problem_response, problems
from api.jobs import downloads, explain_bound, listing, status
from api.jobs import requests as jobs
from api.ops import health
from api.service import Service, service_of
from api.serving import Guard
from api.sessions import session
from api.uploads import keep_in_step
from api.uploads import receiving as uploads
from api.web import pages as web
from queuecore import (
    BoundReached,
    BrokerRefused,
    BrokerUnavailable,
    InvalidArguments,
    InvalidOption,
    JobNotFound,
    PayloadTooLarge,
    Queue,
    QueueFull,
    Registry,
    StateConflict,
)
from storage import FileMissing, LocalStorage, StorageBroken, StorageFull

PATIENCE = 1.0  # seconds that a request waits for a Redis that is away

Endpoint = Callable[[Request], Awaitable[Response]]
OwnEndpoint = Callable[[Request, Caller], Awaitable[Response]]


def create_app(settings: config.Settings, registry: Registry | None = None) -> Starlette:
    """Make the application.

    Args:
        settings: as `config.load` gives them; `redis_url` must be set.
        registry: the kinds of job; by default those of the configured handlers.
    """
    registry = registry or Registry.load(settings.worker.handlers)
    queue = Queue.connect(
        settings.redis_url,
        registry=registry,
        prefix=settings.redis_prefix,
        space=settings.redis_space,
        name="api",
        patience=PATIENCE,
        idempotency_window=settings.jobs.idempotency_window,
        max_arguments_bytes=settings.jobs.max_arguments_bytes,
    )
    storage = LocalStorage(settings.data_dir / "files")
    service = Service(settings, registry=registry, queue=queue, storage=storage)
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, service=service)],
        exception_handlers={
            Problem: _answer_problem,
            HTTPException: _answer_http_error,
            JobNotFound: _answer_problem,
            StateConflict: _answer_problem,
            BrokerUnavailable: _answer_problem,
            BrokerRefused: _answer_problem,
            QueueFull: _answer_problem,
            BoundReached: _answer_problem,
            StorageFull: _answer_problem,
            StorageBroken: _answer_problem,
            FileMissing: _answer_problem,
            InvalidArguments: _answer_problem,
            InvalidOption: _answer_problem,
            PayloadTooLarge: _answer_problem,
            Exception: _answer_crash,
        },
        lifespan=_lifespan,
    )
    # `/jobs/` is not `/jobs`: a redirect would repeat an upload.
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.web = web.Web()
    app.state.openapi = openapi.describe(service.kinds)
    return app


def _routes() -> list[Route]:
    return [
        _own("/api/check-status/{id}", status.check_status),
        _own("/api/upload", uploads.upload, "POST", "PUT"),
        _own("/api/jobs", listing.list_jobs),
        _own("/api/jobs", jobs.create_job, "POST"),
        _own("/api/jobs/{id}", status.check_status),
        _own("/api/jobs/{id}", jobs.delete_job, "DELETE"),
        _own("/api/jobs/{id}/cancel", jobs.cancel_job, "POST"),
        _own("/api/jobs/{id}/retry", jobs.retry_job, "POST"),
        _own("/api/jobs/{id}/result", downloads.send_result),
        _own("/api/jobs/{id}/artifacts/{index}", downloads.send_artifact),
        _own("/api/kinds", jobs.list_kinds),
        _open("/api/session", session.show_session),
        _open("/api/session", session.sign_in, "POST"),
        _open("/api/session", session.sign_out, "DELETE"),
        _open("/health", health.show_health),
        _open("/health/live", health.show_live),
        _open("/health/ready", health.show_ready),
        _open("/openapi.json", openapi.show),
        _open("/problems", problems.list_problems),
        _open("/problems/{name}", problems.show_problem),
        _open("/", web.show_page),
        _open("/static/{path:path}", web.send_static),
    ]


def _own(path: str, endpoint: OwnEndpoint, *methods: str) -> Route:
    """A route for callers that are known; it gets the caller."""
    name = getattr(endpoint, "__name__", path)
    return Route(path, _Identified(endpoint), methods=list(methods) or ["GET"], name=name)


class _Identified:
    """An endpoint as ASGI: around a function Starlette would catch exceptions, which the application does."""

    def __init__(self, endpoint: OwnEndpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        caller = service_of(request).authority.identify(request)
        response = await self._endpoint(request, caller)
        await response(scope, receive, send)


def _open(path: str, endpoint: Endpoint, *methods: str) -> Route:
    """A route for everybody."""
    return Route(path, endpoint, methods=list(methods) or ["GET"])


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    service: Service = app.state.service
    async with service.queue, asyncio.TaskGroup() as group:
        upkeep = group.create_task(keep_in_step(service))
        followed = group.create_task(service.signed_out.follow())
        yield
        service.close()
        upkeep.cancel()
        followed.cancel()


async def _answer_problem(request: Request, error: Exception) -> Response:
    return problem_response(_explain(error))


def _explain(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case JobNotFound():
            return Problem(problems.JOB_NOT_FOUND)
        case StateConflict(state=state, wanted=wanted):
            return Problem(problems.WRONG_STATE, f"It is {state}, so it cannot be {wanted}.", state=state)
        case BrokerUnavailable(retry_after=seconds):
            return Problem(problems.QUEUE_UNAVAILABLE, headers={"Retry-After": str(max(1, round(seconds)))})
        case BrokerRefused():
            return Problem(problems.QUEUE_UNAVAILABLE, headers={"Retry-After": "30"})
        case BoundReached():
            return explain_bound(error)
        case QueueFull():
            return Problem(problems.QUEUE_FULL, headers={"Retry-After": "30"})
        case StorageFull():
            return Problem(problems.STORAGE_FULL, headers={"Retry-After": "60"})
        case StorageBroken(reason=reason):
            return Problem(problems.STORAGE_BROKEN, f"{reason}.", headers={"Retry-After": "60"})
        case FileMissing():
            return Problem(problems.FILE_GONE)
        case InvalidArguments(reason=reason, argument=argument):
            return Problem(problems.WRONG_OPTION, f"{argument or 'arguments'}: {reason}.", argument=argument)
        case InvalidOption(option=option):
            return Problem(problems.WRONG_OPTION, f"{error}.", argument=option)
        case PayloadTooLarge(what=what, limit=limit):
            return Problem(problems.FIELD_TOO_LARGE, f"The {what} may have {limit} bytes at most.")
        case _:
            return Problem(problems.INTERNAL)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    types = {404: problems.NOT_FOUND, 405: problems.METHOD_NOT_ALLOWED}
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return problem_response(Problem(types.get(error.status_code, problems.BAD_REQUEST), headers=headers))


def _methods_at(request: Request) -> set[str]:
    # A path may stand in several routes, one a method.
    path = request.scope["path"]
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


async def _answer_crash(request: Request, error: Exception) -> Response:
    return problem_response(Problem(problems.INTERNAL))
