"""What the service is compared with: a Starlette route that answers with one HGETALL, nothing around it.

It has the event loop, HTTP parser, JSON encoder, Redis connection and garbage collector's settings of the
service, so that what differs is what the service does. `python -m bench.bare_route REDIS_URL PORT`
"""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.__main__ import COLLECT_AFTER
from queuecore.model import split_job_id
from queuecore.store.client import Client
from queuecore.store.keys import Keys

encode = msgspec.json.Encoder().encode


def make_app(url: str) -> Starlette:
    client = Client(url, name="bare", patience=1.0)

    async def show(request: Request) -> Response:
        space, token = split_job_id(request.path_params["id"])
        flat = await client.call("HGETALL", Keys("qc", space).of("JOB", token))
        fields = {
            name.decode(): value.decode("latin1") for name, value in zip(flat[::2], flat[1::2], strict=True)
        }
        return Response(encode(fields), media_type="application/json")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await client.close()

    return Starlette(routes=[Route("/bare/{id}", show)], lifespan=lifespan)


if __name__ == "__main__":
    app = make_app(sys.argv[1])
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
    )
