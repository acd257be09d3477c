"""`python worker.py`: what was configured reaches the queue, mistakes are told before anything starts."""

import subprocess
import sys
from pathlib import Path

import pytest

import config
import worker

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REDIS_URL", "WORKERS", "QUEUECORE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)


def test_every_worker_setting_reaches_the_worker() -> None:
    values = {
        "redis_url": "redis://example:1/2",
        "redis_prefix": "other",
        "worker.name": "machine-7",
        "worker.queues": "mail,process",
        "worker.handlers": "a,b.c",
        "worker.processes": 3,
        "worker.slots": 11,
        "worker.runner_memory_bytes": "512MiB",
        "worker.job_processes": 7,
        "worker.job_memory_bytes": "256MiB",
        "worker.job_recycle": 13,
        "worker.grace": 17,
        "worker.heartbeat_interval": 0.5,
        "worker.heartbeat_ttl": 3,
        "worker.stall_timeout": 19,
        "jobs.retention_completed": 23,
        "jobs.retention_failed": 29,
        "jobs.retention_cancelled": 31,
        "jobs.max_result_bytes": "8KiB",
        "log.level": "debug",
        "log.format": "json",
    }

    options = worker.make_options(config.load(environ={}, overrides=values), burst=True)

    assert (options.redis_url, options.prefix, options.name) == ("redis://example:1/2", "other", "machine-7")
    assert (options.queues, options.handlers) == (("mail", "process"), ("a", "b.c"))
    assert (options.processes, options.slots, options.job_processes) == (3, 11, 7)
    assert (options.runner_memory_bytes, options.job_memory_bytes) == (512 << 20, 256 << 20)
    assert (options.job_recycle, options.grace) == (13, 17.0)
    assert (options.heartbeat_interval, options.heartbeat_ttl, options.stall_timeout) == (0.5, 3.0, 19.0)
    retention = options.retention
    assert (retention.completed, retention.failed, retention.cancelled) == (23.0, 29.0, 31.0)
    assert options.max_result_bytes == 8192
    assert (options.log_level, options.log_format, options.burst) == ("DEBUG", "json", True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--slots", "x", "--queues", "A b"], "2 mistakes in the configuration"),
        (["--config", "/no/such/file"], "cannot be read"),
        ([], "set REDIS_URL"),
        (["--redis-url", "redis://x", "--handlers", "no_such_module"], "there is no module 'no_such_module'"),
        (["--redis-url", "redis://x", "--handlers", "json"], "there is no handler in 'json'"),
    ],
)
def test_a_mistake_is_told_with_exit_code_2(arguments: list[str], told: str) -> None:
    ended = subprocess.run(
        [sys.executable, "worker.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_names_every_option() -> None:
    said = subprocess.run(
        [sys.executable, "worker.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    for option in ("queues", "processes", "slots", "handlers", "name", "burst", "config", "redis-url"):
        assert f"--{option}" in said


def test_a_burst_ends_when_nothing_is_left(redis_url: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "worker.py", "--burst", "--redis-url", redis_url, "--processes", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    assert "worker.stopped" in ended.stderr
