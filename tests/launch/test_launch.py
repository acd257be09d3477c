"""`python -m launch` on real processes: starts, heals, stops in order, leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from launch.private_redis import PrivateRedis
from tests.launch.running import ROOT, Launched, is_running, wait_until

pytestmark = pytest.mark.fault

Launch = Callable[..., Launched]

WITHOUT_SERVER = """
import sys
import launch.__main__ as command
command.find_server = lambda: None
sys.exit(command.main([]))
"""


@pytest.fixture
def other_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    with PrivateRedis(tmp_path / "other") as server:
        yield server


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def start_nap(service: Launched, seconds: float) -> str:
    """Enqueue a `demo.sleep`; returns the path of its status."""
    job = ask(service.url + "/api/jobs", {"kind": "demo.sleep", "args": {"seconds": seconds}})
    return str(job["links"]["self"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_the_page_and_a_signal_stops_all_of_it(
    launch: Launch, tmp_path: Path, number: signal.Signals
) -> None:
    service = launch()
    assert service.answers("/")
    wait_until(service.answers, "ready")
    wait_until(lambda: len(service.family()) >= 4, "Redis, the API, a worker and a runner")
    family = service.family()

    code = service.stop(number)

    assert code == 0
    assert not [pid for pid in family if is_running(pid)]
    assert str(tmp_path / "data") in service.output
    said = [
        service.output.index(text) for text in ("Stopping ...", "worker.stopped", "Shutting down", "Stopped.")
    ]
    assert said == sorted(said)


def test_jobs_are_found_again_after_a_restart(launch: Launch) -> None:
    service = launch({"QUEUECORE_WORKER_GRACE": "100ms"})
    done = start_nap(service, 0.1)
    wait_until(lambda: ask(service.url + done)["state"] == "completed", "the job completes")
    long = start_nap(service, 60)
    wait_until(lambda: ask(service.url + long)["state"] == "running", "the other job runs")
    service.stop()

    service = launch({"QUEUECORE_WORKER_GRACE": "100ms"})

    assert ask(service.url + done)["state"] == "completed"
    wait_until(lambda: ask(service.url + long)["state"] == "running", "the other job runs again")
    first = ask(service.url + long)["attempts"][0]
    assert (first["attempt"], first["outcome"], first["error"]) == (1, "released", None)


def test_what_is_killed_is_started_again(launch: Launch) -> None:
    service = launch()
    wait_until(service.answers, "ready")

    for name, message in (
        ("-m api", "The API ended (killed by signal 9)"),
        ("worker.py", "The worker ended (killed by signal 9)"),
        ("redis-server", "The private Redis ended (killed by signal 9)"),
    ):
        before = service.children()
        os.kill(before[name], signal.SIGKILL)
        service.wait_for(message)
        wait_until(lambda name=name: name in service.children(), f"{name} again")  # type: ignore[misc]
        assert service.children()[name] != before[name]
    wait_until(service.answers, "ready again")

    status = start_nap(service, 0.1)
    wait_until(lambda: ask(service.url + status)["state"] == "completed", "a job completes")


def test_nothing_outlives_a_launcher_that_is_killed(launch: Launch) -> None:
    service = launch()
    wait_until(service.answers, "ready")
    family = service.family()

    os.kill(service.process.pid, signal.SIGKILL)

    wait_until(lambda: not [pid for pid in family if is_running(pid)], "all processes end", timeout=10)
    again = launch()
    assert again.answers("/")


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_the_jobs(launch: Launch) -> None:
    service = launch({"QUEUECORE_WORKER_GRACE": "300s"})
    status = start_nap(service, 300)
    wait_until(lambda: ask(service.url + status)["state"] == "running", "the job runs")
    family = service.family()

    service.process.send_signal(signal.SIGTERM)
    service.wait_for("worker.stopping")
    wait_until(lambda: _insist(service), "it stops now")

    assert service.wait() == 0
    assert not [pid for pid in family if is_running(pid)]


def _insist(service: Launched) -> bool:
    # A repeated signal within a second counts as the same one, so it takes a few.
    service.process.send_signal(signal.SIGTERM)
    return "Stopping now ..." in service.output


@pytest.mark.slow
def test_a_second_launcher_on_the_data_is_refused(launch: Launch) -> None:
    service = launch()
    assert service.url

    second = launch()

    assert second.wait() == 1
    assert f"another queuecore (process {service.process.pid})" in second.output
    assert "another DATA_DIR" in second.output
    assert service.answers("/")


def test_a_port_in_use_is_told_before_anything_starts(launch: Launch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        service = launch({"PORT": str(port)})

        assert service.wait() == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in service.output
    assert not (tmp_path / "data").exists()


def test_a_given_redis_is_used_and_left_running(
    launch: Launch, other_redis: PrivateRedis, tmp_path: Path
) -> None:
    service = launch({"REDIS_URL": other_redis.url})
    wait_until(service.answers, "ready")
    status = start_nap(service, 0.1)
    wait_until(lambda: ask(service.url + status)["state"] == "completed", "the job completes")

    assert "redis-server" not in service.children()
    assert service.stop() == 0

    assert not (tmp_path / "data" / "redis").exists()
    with redis.Redis.from_url(other_redis.url) as client:
        assert client.dbsize() > 0


def test_all_mistakes_of_the_configuration_are_told(launch: Launch, tmp_path: Path) -> None:
    service = launch({"WORKERS": "none", "QUEUECORE_HTTP_PROT": "1"})

    assert service.wait() == 2
    assert service.output.startswith("2 mistakes in the configuration:")
    assert not (tmp_path / "data").exists()


def test_a_part_that_cannot_start_ends_the_others(launch: Launch) -> None:
    service = launch({"QUEUECORE_WORKER_HANDLERS": "no_such_module"})

    assert service.wait() == 1
    assert "no_such_module" in service.output
    # The API and the worker both need the handlers; either may be the first to find that there are none.
    assert re.search("The (API|worker) could not be started", service.output)


def test_without_a_server_it_simulates_one_and_warns(launch: Launch) -> None:
    service = launch(code=WITHOUT_SERVER)

    status = start_nap(service, 0.1)
    wait_until(lambda: ask(service.url + status)["state"] == "completed", "the job completes")

    assert "JOBS AND THEIR HISTORY ARE GONE WHEN IT STOPS" in service.output
    assert service.stop() == 0


def test_a_hangup_reloads_what_can_change(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "queuecore.toml"
    file.write_text("[http]\nmax_wait = 10\n")
    service = launch({"QUEUECORE_CONFIG": str(file)})
    wait_until(service.answers, "ready")

    file.write_text("[http]\nmax_wait = 5\n[worker]\nslots = 7\n")
    service.process.send_signal(signal.SIGHUP)

    service.wait_for("changed=http.max_wait needs_restart=worker.slots")
    assert service.answers()
    assert service.output.count("needs_restart=worker.slots") in (1, 2)


def test_make_run_is_this_command() -> None:
    # The tests may themselves run under make, which would hand its flags down.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}

    printed = subprocess.run(
        ["make", "--dry-run", "run", "PORT=1"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.rstrip().endswith(".venv/bin/python -m launch")
