"""`queuecore worker`: the README's example, the options, and mistakes told in a sentence."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from queuecore import Handler, JobContext, Queue, handler
from queuecore.command import main
from queuecore.command import worker as worker_module
from queuecore.model import WorkerOptions
from tests.command.readme import ROOT, run_example, write_example

HANDLERS = "from queuecore import handler\n\n@handler('mail.send')\nasync def send(ctx): ...\n"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `queuecore` in an empty directory; the modules that it imports are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.delenv("REDIS_URL", raising=False)
    return lambda *arguments, **options: CliRunner().invoke(main, arguments, **options)


def test_the_example_of_the_readme_works(redis_url: str, tmp_path: Path) -> None:
    write_example(tmp_path, redis_url)

    printed = run_example(
        tmp_path,
        redis_url,
        command=[sys.executable, "-m", "queuecore"],
        python=sys.executable,
        search_path=str(ROOT),
    )

    assert printed == "15\n"


def test_handlers_that_cannot_be_loaded_are_told_with_their_place(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "mail.py"
    path.write_text("import sys\n\nsys.exit(0)")

    ended = command("worker", "mail")

    assert ended.output == (
        "Error: the handlers in 'mail' cannot be loaded: it ends the process when it is imported, "
        f"by sys.exit(0) ({path}, line 3)\n"
    )
    assert ended.exit_code == 1


def test_the_whole_traceback_is_told_to_those_who_ask(tmp_path: Path) -> None:
    path = tmp_path / "mail.py"
    path.write_text("1 / 0")

    ended = run(tmp_path, "-m", "queuecore", "worker", "mail", "--log-level", "debug")

    assert f'File "{path}", line 1, in <module>' in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("Error: the handlers in 'mail' cannot be loaded: Zero")
    assert ended.returncode == 1


def test_a_module_that_is_not_there_is_told(command: Callable[..., Any], tmp_path: Path) -> None:
    ended = command("worker", "mail")

    assert ended.output.startswith(f"Error: there is no module 'mail'; looked in: {tmp_path}, ")
    assert ended.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["worker"], "Missing argument 'MODULE...'"),
        (["worker", "json", "--redis-url", "http://x"], "the address of Redis begins with redis://"),
        (["worker", "json", "--queues", "mail=0"], "a weight is a whole number from 1 to 100"),
        (["worker", "json", "--queues", ""], "a worker needs a queue to serve"),
        (["worker", "json", "--space", "Main"], "must be lower case letters"),
        (["worker", "json", "--slots", "0"], "slots=0 must be a whole number from 1"),
        (["worker", "json", "--grace", "-1"], "Invalid value for '--grace'"),
        (["worker", "json", "--log-level", "loud"], "'loud' is not one of 'debug', 'info'"),
    ],
)
def test_wrong_usage_is_told(command: Callable[..., Any], arguments: list[str], told: str) -> None:
    ended = command(*arguments)

    assert told in ended.output
    assert ended.exit_code == 2


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[WorkerOptions]:
    """The options of workers that would run; each ends with exit code 3."""
    started: list[WorkerOptions] = []

    class Supervisor:
        def __init__(self, options: WorkerOptions) -> None:
            started.append(options)

        async def run(self) -> int:
            return 3

    monkeypatch.setattr(worker_module, "Supervisor", Supervisor)
    monkeypatch.setattr(worker_module.log, "configure", lambda **_: None)
    return started


def test_options_reach_the_worker(
    command: Callable[..., Any], tmp_path: Path, started: list[WorkerOptions]
) -> None:
    (tmp_path / "mail.py").write_text(HANDLERS)

    ended = command(
        *("worker", "mail", "--prefix", "other", "--space", "a", "--space", "b", "--queues", "x=2, y"),
        *("--processes", "2", "--slots", "5", "--threads", "6", "--job-processes", "7", "--grace", "1.5"),
        *("--name", "me", "--burst", "--log-level", "debug", "--log-format", "json"),
        env={"REDIS_URL": "redis://example:1/2"},
    )

    assert ended.exit_code == 3, ended.output
    assert started == [
        WorkerOptions(
            redis_url="redis://example:1/2",
            prefix="other",
            spaces=("a", "b"),
            queues=("x=2", "y"),
            handlers=("mail",),
            processes=2,
            slots=5,
            threads=6,
            job_processes=7,
            grace=1.5,
            name="me",
            burst=True,
            log_level="DEBUG",
            log_format="json",
        )
    ]
    assert str(tmp_path) in sys.path


def test_the_queues_of_the_handlers_are_served_where_none_are_named(
    command: Callable[..., Any], tmp_path: Path, started: list[WorkerOptions]
) -> None:
    (tmp_path / "mail.py").write_text(HANDLERS)
    (tmp_path / "letters.py").write_text(HANDLERS.replace("mail.send'", "letter.send', queue='slow'"))

    command("worker", "mail", "letters")
    command("worker", "mail", "letters", "--queues", "slow")

    assert [options.queues for options in started] == [("default=1", "slow=1"), ("slow",)]
    assert started[0] == WorkerOptions(
        redis_url="redis://localhost:6379/0", handlers=("mail", "letters"), queues=("default=1", "slow=1")
    )


def test_the_services_worker_finds_handlers_beside_the_caller(tmp_path: Path) -> None:
    (tmp_path / "mail.py").write_text("1 / 0")

    ended = run(tmp_path, str(ROOT / "worker.py"), "--handlers", "mail")

    assert f"({tmp_path / 'mail.py'}, line 1)" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 2


QUIET = """
import logging.config
from queuecore import JobContext, handler

# As it stands in many programs, and with Python's default: whoever has a logger by now is disabled.
logging.config.dictConfig({
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "ERROR"},
})
logger = logging.getLogger(__name__)

@handler("quiet.thread", runs="thread", retries=0)
def in_thread(ctx: JobContext) -> None:
    raise ValueError("of the thread")

@handler("quiet.process", runs="process", retries=0)
def in_process(ctx: JobContext) -> None:
    logger.error("the handler's own")
    raise ValueError("of the process")
"""


@pytest.mark.parametrize("command", ["-m queuecore worker", "worker.py --handlers"])
async def test_a_module_that_sets_up_logging_does_not_silence_the_worker(
    tmp_path: Path, redis_url: str, queue: Queue, command: str
) -> None:
    (tmp_path / "quiet.py").write_text(QUIET)
    jobs = [
        await queue.enqueue(stand_in(kind, runs))
        for kind, runs in (("quiet.thread", "thread"), ("quiet.process", "process"))
    ]

    command = command.replace("worker.py", str(ROOT / "worker.py"))
    ended = await asyncio.to_thread(
        run, tmp_path, *command.split(), "quiet", "--burst", REDIS_URL=redis_url, LOG_LEVEL="info"
    )

    assert ended.returncode == 0
    for told in ("worker.started", "runner.ready", "of the thread", "of the process", "worker.stopped"):
        assert told in ended.stderr
    assert ended.stderr.count("handler.raised") == 2
    assert "the handler's own" in await queue.inspector.jobs.log(jobs[1].id)


def stand_in(kind: str, runs: Any) -> Handler[[], None]:
    """A handler as a producer has it that does not import the worker's modules."""

    def function(ctx: JobContext) -> None:
        raise AssertionError

    return handler(kind, runs=runs)(function)


def run(directory: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `directory`, where the library can be imported and no Redis answers."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": f"unix://{directory}/no.sock",
        **more,
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
