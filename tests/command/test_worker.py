"""`queuecore worker`: the README's example, the options, and mistakes told in a sentence."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from queuecore.command import main
from queuecore.command import worker as worker_module
from queuecore.model import WorkerOptions
from tests.command.readme import ROOT, run_example, write_example


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `queuecore` in an empty directory; the modules that it imports are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.delenv("REDIS_URL", raising=False)
    return lambda *arguments, **options: CliRunner().invoke(main, arguments, **options)


def test_the_example_of_the_readme_works(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    write_example(tmp_path, redis_url)

    printed = run_example(
        tmp_path, redis_url, command=[sys.executable, "-m", "queuecore"], python=sys.executable
    )

    assert printed == "15\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no module 'mail' for handlers; looked in "),
        ("import nosuchthing", "ModuleNotFoundError: No module named 'nosuchthing' ({path}, line 1)"),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero ({path}, line 3)"),
        ("def f(:", "SyntaxError: invalid syntax ({path}, line 1)"),
        (
            "import sys\nsys.exit(0)",
            "it ends the process with sys.exit(0) when it is imported ({path}, line 2)",
        ),
        ("x = 1", "there is no handler in mail: make one with @handler(...)"),
    ],
)
def test_handlers_that_cannot_be_loaded_are_told_with_their_place(
    command: Callable[..., Any], tmp_path: Path, content: str | None, told: str
) -> None:
    path = tmp_path / "mail.py"
    if content is not None:
        path.write_text(content)

    ended = command("worker", "mail")

    assert told.format(path=path) in ended.output
    assert (ended.exit_code, "Traceback" in ended.output) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["worker"], "Missing argument 'MODULE...'"),
        (["worker", "json", "--redis-url", "http://x"], "the address of Redis begins with redis://"),
        (["worker", "json", "--queues", "mail=0"], "a weight is a whole number from 1 to 100"),
        (["worker", "json", "--queues", ""], "a worker needs a queue to serve"),
        (["worker", "json", "--space", "Main"], "a space's name is lower case letters"),
        (["worker", "json", "--slots", "0"], "slots=0 must be at least 1"),
    ],
)
def test_wrong_usage_is_told(command: Callable[..., Any], arguments: list[str], told: str) -> None:
    ended = command(*arguments)

    assert told in ended.output
    assert ended.exit_code == 2


def test_options_reach_the_worker(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mail.py").write_text(
        "from queuecore import handler\n\n@handler('mail.send')\nasync def send(ctx): ...\n"
    )
    started: list[WorkerOptions] = []

    class Supervisor:
        def __init__(self, options: WorkerOptions) -> None:
            started.append(options)

        async def run(self) -> int:
            return 3

    monkeypatch.setattr(worker_module, "Supervisor", Supervisor)
    monkeypatch.setattr(worker_module.log, "configure", lambda **_: None)

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


def test_the_services_worker_finds_handlers_beside_the_caller(tmp_path: Path) -> None:
    (tmp_path / "mail.py").write_text("1 / 0")
    variables = {"PATH": os.environ["PATH"], "REDIS_URL": "redis://localhost:1/0"}

    ended = subprocess.run(
        [sys.executable, str(ROOT / "worker.py"), "--handlers", "mail"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert f"({tmp_path / 'mail.py'}, line 1)" in ended.stderr
    assert ended.returncode == 2
