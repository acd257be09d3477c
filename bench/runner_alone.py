"""What a runner's Python costs a job, without Redis: its feed and executor on answers that were made before.

Packing the calls and parsing the answers is included, sockets are not. The best of several rounds: other
processes can only make it worse.
"""

import asyncio
import contextlib
import gc
import time
from typing import Any, Final

import hiredis
import msgspec
import uvloop

from queuecore import JobContext, Registry, handler
from queuecore.execution import Executor, PoolOptions, ProcessPool, Threads
from queuecore.model import SCHEMA, Spec, new_tokens, parse_queues
from queuecore.store import Broker
from queuecore.worker.feed import Feed
from queuecore.worker.runner import GARBAGE_THRESHOLD
from queuecore.worker.trials import Trials

JOBS: Final = 20_000
CLAIMS: Final = 50  # a call, as a feed of 100 slots asks for
ROUNDS: Final = 10


@handler("alone.noop")
async def noop(ctx: JobContext, number: int) -> int:
    """Nothing."""
    return number


def microseconds() -> float:
    """Microseconds of the processor a job."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)
    return min(uvloop.run(_run()) for _ in range(ROUNDS)) / JOBS * 1e6


class _Answers:
    """A client whose every call is answered at once: with jobs, as long as there are any."""

    def __init__(self) -> None:
        self.all_settled = asyncio.Event()
        self._settled = 0
        self._reader = hiredis.Reader()
        starts = range(0, JOBS, CLAIMS)
        self._answers = [_answer([_job() for _ in range(CLAIMS)]) for _ in starts]

    async def run(self, script: str, base: str, *arguments: Any) -> Any:
        assert script == "advance"
        hiredis.pack_command(("EVALSHA", "0" * 40, 1, base, *arguments))  # type: ignore[arg-type]  # as in Connection.call
        await asyncio.sleep(0)
        completed, asks = int(arguments[3]), int(arguments[4])
        slots = asks and int(arguments[6])
        self._settled += completed
        if self._settled == JOBS:
            self.all_settled.set()
        self._reader.feed(self._answers.pop() if slots and self._answers else _answer([]))
        return self._reader.gets()


async def _run() -> float:
    """Seconds of the processor for all jobs."""
    answers = _Answers()
    options = PoolOptions(
        size=1,
        recycle=1,
        memory_bytes=1 << 30,
        handlers=(),
        search_path=(),
        stop_grace=1.0,
        log_level="INFO",
        log_format="text",
    )
    executor = Executor(
        Registry.load([__name__]),
        processes=ProcessPool(options),
        alone=ProcessPool(options),
        threads=Threads(),
        stop_grace=1.0,
    )
    feed = Feed(
        Broker(answers),  # type: ignore[arg-type]  # all that a feed needs of a client
        executor,
        Trials(lambda waiting: None),
        space="main",
        subscription=parse_queues(["default"]),
        runner_id="alone.1",
        slots={"async": 2 * CLAIMS},
        stop_grace=1.0,
        begun=lambda: None,
        forgotten=lambda: None,
    )
    began = time.process_time()
    task = asyncio.create_task(feed.run())
    await answers.all_settled.wait()
    seconds = time.process_time() - began
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return seconds


def _job() -> bytes:
    spec = msgspec.msgpack.encode(Spec(SCHEMA, noop.kind, msgspec.Raw(noop.encode(number=0))))
    return _text(new_tokens(1)[0].encode()) + _text(spec)


def _answer(jobs: list[bytes]) -> bytes:
    """What `advance` replies: registered, nothing refused, these jobs for the one ask, none scheduled."""
    return b"*4\r\n:1\r\n*0\r\n*1\r\n*%d\r\n%s:-1\r\n" % (2 * len(jobs), b"".join(jobs))


def _text(content: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(content), content)
