"""The example of the library in the README, run as a reader would: a worker, and the program beside it."""

import os
import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "redis://localhost:6379/0"


def write_example(directory: Path, redis_url: str) -> Path:
    """Save the example as it says, with another Redis."""
    part = (ROOT / "README.md").read_text("utf-8").partition("## As a library")[2]
    example = re.search(r"```python\n(.*?)```", part, re.DOTALL)
    assert example is not None
    assert ADDRESS in example[1]
    for word in ("Save it as `mail.py`", "`queuecore worker mail`", "`python mail.py`: it prints 15"):
        assert word in part
    path = directory / "mail.py"
    path.write_text(example[1].replace(ADDRESS, redis_url))
    return path


def run_example(
    directory: Path,
    redis_url: str,
    *,
    command: list[str],
    python: str,
    search_path: str = "",
    module: str = "mail",
) -> str:
    """Start the worker with `command`, run the example with `python`; returns what it printed.

    Args:
        search_path: the only directory that is searched besides what is installed and `directory`.
        module: what it was saved as.
    """
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": search_path, "REDIS_URL": redis_url}
    log = directory / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [*command, "worker", module],
            cwd=directory,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 20
        while "runner.ready" not in log.read_text():
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"no runner within 20 s: {log.read_text()}"
            time.sleep(0.05)
        done = subprocess.run(
            [python, f"{module}.py"],
            cwd=directory,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr + log.read_text()
        return done.stdout
    finally:
        worker.terminate()
        assert worker.wait(30) == 0, log.read_text()
