"""`python -m api` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


class Process:
    """Started at once, on a free port, with a few kinds of job."""

    def __init__(
        self,
        directory: Path,
        redis_url: str,
        *,
        handlers: str = "handlers.demo_sleep",
        open_files: int | None = None,
    ) -> None:
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("QUEUECORE_")},
            "REDIS_URL": redis_url,
            "DATA_DIR": str(directory),
            "PORT": "0",
            "QUEUECORE_WORKER_HANDLERS": handlers,
        }
        self.process = subprocess.Popen(
            [*_limited(open_files), sys.executable, "-m", "api"],
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, text: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return line
        raise AssertionError(f"the process ended without saying {text!r}")

    def wait_for_address(self) -> str:
        return self.wait_for("running on").partition("running on ")[2].split(" ")[0]

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def _limited(open_files: int | None) -> list[str]:
    if open_files is None:
        return []
    return ["sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh"]
