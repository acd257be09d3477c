"""The application on a real Redis, with a few kinds of job and a worker whose every step the test decides."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import httpx
import msgspec
from starlette.applications import Starlette

import config
from api import create_app
from api.document.operations import OPERATIONS
from api.service.service import Service
from api.serving.server import ApiServer
from queuecore import ErrorRecord, JobContext, Queue, Registry, handler
from queuecore.model import (
    RUNS,
    Advance,
    Ask,
    Claim,
    Completed,
    Failing,
    Outcome,
    Progress,
    ProgressUpdate,
    RunnerInfo,
    Runs,
)
from storage import Artifact, FileRef

CSV = b"a,b\n1,2\n3,4\n"

TableFile = Annotated[FileRef, msgspec.Meta(title="File", extra={"file_types": [".csv", ".xlsx"]})]


class Counted(msgspec.Struct, frozen=True):
    rows: int
    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()


@handler("rows.count", retries=3)
def count_rows(
    ctx: JobContext,
    file: TableFile,
    delimiter: Literal[",", ";", "\t"] | None = None,
    header: bool = True,
    most: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100,
    share: float = 1.0,
    columns: tuple[str, ...] = (),
) -> Counted:
    """Count the rows of a table."""
    raise AssertionError("no worker runs here")


@handler("bytes.count")
def count_bytes(ctx: JobContext, file: FileRef) -> Counted:
    """Count the bytes of any file."""
    raise AssertionError("no worker runs here")


@handler("demo.wait")
async def wait(
    ctx: JobContext,
    seconds: Annotated[float, msgspec.Meta(ge=0)],
    note: str = "",
    times: int | None = None,
    more: list[int] | None = None,
) -> str:
    """Wait for a while."""
    raise AssertionError("no worker runs here")


class Worker:
    """Claims and settles jobs when the test says so."""

    def __init__(self, queue: Queue) -> None:
        self._broker = queue.broker
        self._jobs = queue.inspector.jobs
        self._space = queue.space
        self._registered = False

    async def claim(self, *classes: Runs) -> Claim:
        """Start the next job, of whichever class of slot or of one."""
        if not self._registered:
            info = RunnerInfo(
                id="runner-1", worker="worker-1", host="here", pid=1, queues=QUEUES, slots={"async": 1}
            )
            await self._broker.claims.register(self._space, info, ttl=30.0)
            self._registered = True
        for runs in classes or RUNS:
            advance = await self._advance([], [Ask(runs, 1, QUEUES)])
            for claim in advance.claims[runs]:
                return claim
        raise AssertionError("no job is in line")

    async def settle(self, outcome: Outcome) -> None:
        """End an attempt."""
        assert (await self._advance([outcome], [])).fenced == []

    async def run(self, job_id: str, result: Any = None) -> None:
        """Claim the job, which is the next, and complete it."""
        claim = await self.claim((await self._jobs.record(job_id)).runs)
        assert claim.id == job_id
        await self.complete(claim, result)

    async def complete(self, claim: Claim, result: Any) -> None:
        """End an attempt with a result."""
        await self.settle(Completed(claim.id, claim.attempt, msgspec.msgpack.encode(result)))

    async def fail(self, job_id: str) -> None:
        """Claim the job, which is the next, and fail it for good."""
        claim = await self.claim((await self._jobs.record(job_id)).runs)
        assert claim.id == job_id
        error = ErrorRecord("not-a-table", "The file is not a table", "Send a CSV file.", retryable=False)
        await self.settle(Failing(claim.id, claim.attempt, error))

    async def report(self, claim: Claim, fraction: float) -> None:
        """Say how far an attempt is."""
        progress = Progress(fraction, fraction * 10, 10, "rows", "reading", None, 5.0, 2.0)
        await self._broker.claims.progress(self._space, [ProgressUpdate(claim.id, claim.attempt, progress)])

    async def _advance(self, outcomes: list[Outcome], asks: list[Ask]) -> Advance:
        return await self._broker.claims.advance(
            self._space, "runner-1", lane=0, outcomes=outcomes, asks=asks
        )


QUEUES = ("default",)


TOKENS = {"alice": "token-of-alice", "bob": "token-of-bob", "olga": "token-of-olga"}


class Site:
    """A running application: its client, its parts and its worker."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.service: Service = app.state.service
        self.worker = Worker(self.service.queue)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """Another client with cookies of its own."""
        return make_client(self.app, headers)

    async def upload(self, client: httpx.AsyncClient | None = None, **options: str) -> dict[str, Any]:
        """Upload a small table and return its job."""
        response = await (client or self.client).post(
            "/api/upload", files={"file": ("data.csv", CSV)}, data={"kind": "rows.count", **options}
        )
        assert response.status_code == 202, response.text
        return response.json()

    async def wait_job(self, client: httpx.AsyncClient | None = None, **args: Any) -> dict[str, Any]:
        """Start a job without a file and return it."""
        body = {"kind": "demo.wait", "args": {"seconds": 1, **args}}
        response = await (client or self.client).post("/api/jobs", json=body)
        assert response.status_code == 202, response.text
        return response.json()

    def files(self) -> list[str]:
        """Every file in the storage but the lock of this process, by its path below it."""
        root = self.service.storage.root
        paths = (path for path in root.rglob("*") if path.is_file() and path.name != "lock")
        return sorted(path.relative_to(root).as_posix() for path in paths)

    async def jobs(self) -> int:
        """How many jobs there are in Redis."""
        return sum(msgspec.structs.astuple(await self.service.queue.inspector.figures.counts()))


def make_client(app: Starlette, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """A client of an application, without a socket, that refuses answers the description does not name."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://localhost:8000",
        headers=headers,
        event_hooks={"response": [_is_described(app)]},
    )


def _is_described(app: Starlette) -> Callable[[httpx.Response], Any]:
    paths = msgspec.json.decode(app.state.openapi)["paths"]

    async def check(response: httpx.Response) -> None:
        method, path = response.request.method.lower(), response.request.url.path
        for template, operations in paths.items():
            parts, wanted = path.split("/"), template.split("/")
            fits = len(parts) == len(wanted) and all(
                b.startswith("{") or a == b for a, b in zip(parts, wanted, strict=True)
            )
            if fits and method in operations:
                assert str(response.status_code) in operations[method]["responses"], (
                    f"{method} {template} answered {response.status_code}, which /openapi.json does not say"
                )

    assert OPERATIONS
    return check


@asynccontextmanager
async def run_app(settings: config.Settings, registry: Registry) -> AsyncIterator[Site]:
    app = create_app(settings, registry)
    async with app.router.lifespan_context(app), make_client(app) as client:
        yield Site(app, client)


class Users(msgspec.Struct):
    alice: httpx.AsyncClient
    bob: httpx.AsyncClient
    olga: httpx.AsyncClient
    nobody: httpx.AsyncClient


async def until(description: str, true: Callable[[], Any]) -> None:
    """Wait until a condition, or a coroutine's answer, is true; fails after five seconds."""
    try:
        async with asyncio.timeout(5):
            while not (await answer if asyncio.iscoroutine(answer := true()) else answer):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it never came true that {description}") from None


class Served(msgspec.Struct):
    """A server on a real socket."""

    site: Site
    server: ApiServer
    port: int
    task: asyncio.Task[None]

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serve(settings: config.Settings, registry: Registry) -> AsyncIterator[Served]:
    app = create_app(settings, registry)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = ApiServer(app, host="127.0.0.1", port=port)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  # uvicorn tells it by this attribute only
            await asyncio.sleep(0.01)
    async with make_client(app) as client:
        try:
            yield Served(Site(app, client), server, port, task)
        finally:
            server.should_exit = True
            await task
