"""How long queuecore takes to be there: to import, and as a worker from its start until it can claim."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.measures import Values
from bench.processes import wait_until
from bench.server import BenchRedis

IMPORT: Final = (
    "import time; began = time.perf_counter(); import queuecore; print(time.perf_counter() - began)"
)
IMPORTS: Final = 6
RUNNERS: Final = "qc:{default}:runners"


def import_and_start(redis: BenchRedis, directory: Path) -> Values:
    """Milliseconds of `import queuecore`, and seconds from starting `worker.py` to a registered runner."""
    # As users run it: the first import of all compiles, and leaves the bytecode for the others.
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    printed = [
        float(
            subprocess.run(
                [sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, check=True, env=usual
            ).stdout
        )
        for _ in range(IMPORTS)
    ]
    redis.empty()
    environment = {
        **usual,
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
    return {"import_ms": median(printed[1:]) * 1e3, "ready_s": seconds}
