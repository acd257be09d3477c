"""How long queuecore takes to be there: to import, and as a worker from its start until it can claim."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from bench.measures import Values
from bench.processes import wait_until
from bench.server import BenchRedis

IMPORT: Final = (
    "import time; began = time.perf_counter(); import queuecore; print(time.perf_counter() - began)"
)
RUNNERS: Final = "qc:{default}:runners"


def import_and_start(redis: BenchRedis, directory: Path) -> Values:
    """Milliseconds of `import queuecore`, and seconds from starting `worker.py` to a registered runner."""
    printed = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    ).stdout
    redis.empty()
    environment = {
        **os.environ,
        "REDIS_URL": redis.url,
        "DATA_DIR": str(directory / "data"),
        "WORKERS": "1",
        "QUEUECORE_LOG_LEVEL": "warning",
    }
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "worker.py"], env=environment, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: redis.wire.call("HLEN", RUNNERS) > 0, "a registered runner")
        seconds = time.monotonic() - began
    finally:
        process.terminate()
        process.wait()
    return {"import_ms": float(printed) * 1e3, "ready_s": seconds}
