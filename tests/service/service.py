"""The whole service as real processes, to be killed, stopped and starved: Redis, the API, workers."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from launch.private_redis import PrivateRedis
from queuecore import Queue, Registry

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = ("handlers", "tests.service.kinds")
# A heartbeat's life is waited for in many tests; those of the promised times set the defaults themselves.
SHORT_HEARTBEAT = {"WORKER_HEARTBEAT_INTERVAL": "0.3", "WORKER_HEARTBEAT_TTL": "1.5"}

Job = dict[str, Any]
T = TypeVar("T")


class Service:
    """A running service and a client of it.

    Args:
        directory: where data and logs go.
        settings: by the names of their variables without `QUEUECORE_`, such as `{"WORKER_SLOTS": "2"}`.
        redis: directives of the private Redis, such as `{"maxmemory": "20mb"}`.
        workers: how many workers to start.
        environ: further variables of the environment.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        redis: Mapping[str, str] | None = None,
        workers: int = 1,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.port = _free_port()
        self.redis = PrivateRedis(directory / "redis", configuration=redis)
        self.registry = Registry.load(HANDLERS)
        self.settings = {
            "DATA_DIR": str(self.data_dir),
            "REDIS_URL": self.redis.url,
            "HTTP_PORT": str(self.port),
            "WORKER_HANDLERS": ",".join(HANDLERS),
            "WORKER_PROCESSES": "1",
            "WORKER_JOB_PROCESSES": "2",
            **(settings or {}),
        }
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self.workers: list[Worker] = []
        self.api: Process | None = None
        self._first_workers = workers
        self._further_environ = dict(environ or {})

    def __enter__(self) -> Self:
        try:
            self.redis.start()
            for _ in range(self._first_workers):
                self.start_worker(ready=False)
            self.start_api()
            for worker in self.workers:
                worker.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_api(self, **settings: str) -> None:
        """Start the API and wait until it is ready."""
        self.api = self._start("api", [sys.executable, "-m", "api"], settings)
        wait_until(self.is_ready, "the API is ready", within=30)

    def start_worker(self, *options: str, ready: bool = True, **settings: str) -> "Worker":
        """Start one more worker, and wait until it claims jobs unless `ready=False`."""
        name = f"worker-{len(self.workers)}"
        process = self._start(name, [sys.executable, "worker.py", *options], settings)
        worker = Worker(process)
        self.workers.append(worker)
        if ready:
            worker.wait_until_ready()
        return worker

    def run_command(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project that is expected to end by itself."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self._environ(settings),
            capture_output=True,
            text=True,
            timeout=30,
        )

    def stop(self) -> None:
        """Stop everything, print the logs for a test that fails, leave no process behind."""
        for process in [*(worker.process for worker in self.workers), *([self.api] if self.api else [])]:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        # They are given their time only where a test asks for it: here everything ends at once.
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in [*(worker.process for worker in self.workers), *([self.api] if self.api else [])]:
            process.popen.wait()
        self.client.close()
        if self.redis.poll() is None:
            self.redis.stop()
        print(self.logs())
        wait_until(lambda: not self.processes(), "no process is left", within=5)

    def logs(self) -> str:
        """The last lines of all logs."""
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{_last_lines(log, 150)}" for log in logs)

    def processes(self) -> list[int]:
        """All living processes that belong to this service, whoever their parent is by now."""
        mark = f"QUEUECORE_DATA_DIR={self.data_dir}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and is_alive(int(entry.name)):
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes() + b"\0":
                        found.append(int(entry.name))
        return found

    def is_ready(self) -> bool:
        """Whether the API says that it can take requests."""
        if self.api is None or self.api.popen.poll() is not None:
            raise AssertionError("the API ended: see its log below")
        try:
            return self.client.get("/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    # Jobs, through the API.

    def start(self, kind: str, **args: Any) -> Job:
        """Make a job that needs no file."""
        return accepted(self.client.post("/api/jobs", json={"kind": kind, "args": args}))

    def upload(self, name: str, content: bytes, kind: str, **options: str) -> Job:
        """Make a job with a file."""
        form = {"kind": kind, **options}
        return accepted(self.client.post("/api/upload", data=form, files={"file": (name, content)}))

    def job(self, job_id: str) -> Job:
        """What check-status says of a job."""
        answer = self.client.get(f"/api/check-status/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def wait_for(self, job_id: str, condition: Callable[[Job], object], what: str, within: float = 20) -> Job:
        """Poll a job until a condition holds."""

        def look() -> Job | None:
            job = self.job(job_id)
            return job if condition(job) else None

        return wait_until(look, lambda: f"{what}; it is {self.job(job_id)}", within=within)

    def wait_for_state(self, job_id: str, state: str, within: float = 20) -> Job:
        """Poll a job until it is in a state; fails at once when it ended in another."""

        def condition(job: Job) -> bool:
            if job["state"] in ("completed", "failed", "cancelled") and state != job["state"]:
                raise AssertionError(f"the job is {job['state']} instead of {state}: {job}")
            return bool(job["state"] == state)

        return self.wait_for(job_id, condition, f"the job is {state}", within)

    def completed(self, job_id: str, within: float = 20) -> Job:
        """Wait for a job's end, which must be a good one."""
        return self.wait_for_state(job_id, "completed", within)

    def wait_for_end(self, job_id: str, within: float = 20) -> Job:
        """Wait for a job's end, whatever it is."""
        return self.wait_for(job_id, lambda job: job["finished_at"], "the job has ended", within)

    def running(self, job_id: str, attempt: int = 1, within: float = 20) -> Job:
        """Wait until an attempt runs and has reported something."""
        return self.wait_for(
            job_id,
            lambda job: job["state"] == "running" and job["attempt"] >= attempt and job["progress"],
            f"attempt {attempt} of the job runs and has told its progress",
            within,
        )

    # Beside the API.

    def with_queue(self, act: Callable[[Queue], Awaitable[T]]) -> T:
        """Do something with the queue itself, as a producer of a program does."""
        prefix = self.settings.get("REDIS_PREFIX", "qc")
        space = self.settings.get("REDIS_SPACE", "main")

        async def run() -> T:
            async with Queue.connect(
                self.redis.url, registry=self.registry, prefix=prefix, space=space, patience=10.0
            ) as queue:
                return await act(queue)

        return asyncio.run(run())

    def statistics(self) -> dict[str, int]:
        """The counters of the space."""
        return self.with_queue(lambda queue: queue.inspector.figures.statistics())

    def worker_of(self, runner_id: str) -> "Worker":
        """The worker that has a runner of this id."""
        for worker in self.workers:
            if f"runner.ready runner={runner_id}" in worker.log():
                return worker
        raise AssertionError(f"no worker knows the runner {runner_id}")

    def runner_pid(self, runner_id: str) -> int:
        """The process id of a registered runner."""

        async def find(queue: Queue) -> int:
            for runner in await queue.inspector.figures.runners():
                if runner.id == runner_id:
                    return runner.pid
            raise AssertionError(f"{runner_id} is not registered")

        return self.with_queue(find)

    def _start(self, name: str, command: list[str], settings: Mapping[str, str]) -> "Process":
        return Process(command, self.directory / f"{name}.log", self._environ(settings))

    def _environ(self, settings: Mapping[str, str]) -> dict[str, str]:
        own = {name for name in os.environ if name.startswith("QUEUECORE_")}
        own |= {"HOST", "PORT", "DATA_DIR", "REDIS_URL", "WORKERS"}
        environ = {name: value for name, value in os.environ.items() if name not in own}
        given = {f"QUEUECORE_{name}": value for name, value in {**self.settings, **settings}.items()}
        return environ | given | self._further_environ


class Process:
    """A process in a group of its own, with its log."""

    def __init__(self, command: list[str], log_file: Path, environ: Mapping[str, str]) -> None:
        self.log_file = log_file
        with log_file.open("ab") as log:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal(self, number: signal.Signals) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def wait(self, within: float = 30) -> int:
        """The exit code."""
        return self.popen.wait(timeout=within)

    def log(self) -> str:
        """What it has logged by now, with all that it started."""
        return self.log_file.read_text("utf-8", "replace")


class Worker:
    """A worker: a supervisor, its runners and their job processes."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def runners(self) -> list[int]:
        """The process ids of the runners, that of the job processes included."""
        return children(self.process.pid)

    def job_processes(self) -> list[int]:
        """The process ids of the job processes."""
        return [child for runner in self.runners() for child in children(runner)]

    def family(self) -> list[int]:
        """The process ids of all, the supervisor first."""
        return [self.process.pid, *self.runners(), *self.job_processes()]

    def kill_all(self) -> None:
        """Kill the supervisor and everything under it, as the loss of a machine does."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def log(self) -> str:
        return self.process.log()

    def wait_until_ready(self) -> None:
        """Wait until it claims jobs."""

        def ready() -> bool:
            assert self.process.popen.poll() is None, "the worker ended: see its log below"
            return all(re.search(f"runner.ready.*{runs}", self.log()) for runs in ("async", "process"))

        wait_until(ready, "the worker is ready", within=30)


def accepted(answer: httpx.Response) -> Job:
    """The job in a 202."""
    assert answer.status_code == 202, answer.text
    return answer.json()  # type: ignore[no-any-return]


def wait_until(
    condition: Callable[[], T], what: str | Callable[[], str], *, within: float = 20.0, every: float = 0.02
) -> T:
    """Return what `condition` gives once it is true; fail saying `what` was waited for in vain."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(every)
    return found


def read_time(text: str) -> float:
    """A time of the API as seconds since 1970; tests and Redis share this machine's clock."""
    return datetime.fromisoformat(text).timestamp()


def children(pid: int) -> list[int]:
    """The process ids of the living children of a process."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found if is_alive(int(child))]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def any_alive(pids: Iterable[int]) -> bool:
    return any(is_alive(pid) for pid in pids)


def _last_lines(log: Path, count: int) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-count:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
