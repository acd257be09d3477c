"""What a job process costs a job, without Redis: handed over, run, answered. The best of several rounds."""

import sys
import time
from typing import Final

import msgspec
import uvloop

from queuecore import JobContext, handler
from queuecore.execution import PoolOptions, ProcessPool
from queuecore.model import Claim

JOBS: Final = 2_000
ROUNDS: Final = 5


@handler("alone.process_noop", runs="process")
def noop(ctx: JobContext, number: int) -> int:
    """Nothing."""
    return number


def microseconds() -> float:
    """Microseconds from handing a job to a warm process until its result is here."""
    return uvloop.run(_run()) * 1e6


async def _run() -> float:
    options = PoolOptions(
        size=1,
        recycle=JOBS * (ROUNDS + 1),
        memory_bytes=1 << 30,
        handlers=(__name__,),
        search_path=tuple(sys.path),
        stop_grace=1.0,
        log_level="INFO",
        log_format="text",
    )
    pool = ProcessPool(options)
    claim = Claim("process.alone", 1, noop.kind, msgspec.Raw(noop.encode(number=0)))
    try:
        await pool.run(claim, started=lambda: None, heard=lambda news: None)  # the process is warm
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(JOBS):
                await pool.run(claim, started=lambda: None, heard=lambda news: None)
            best = min(best, (time.perf_counter() - began) / JOBS)
    finally:
        await pool.close()
    return best
