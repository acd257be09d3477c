"""Every setting takes effect in the processes that it is for; a wrong one keeps them from starting."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Settings
from config.options import keys_of
from queuecore import JobRequest, Queue
from queuecore.model.options import ALONE_SLOTS
from tests.service.service import SHORT_HEARTBEAT, Service, wait_until

MIB = 1 << 20
OWN = {
    **SHORT_HEARTBEAT,
    "REDIS_PREFIX": "other",
    "REDIS_SPACE": "second",
    "HTTP_MAX_UPLOAD_BYTES": "2000",
    "HTTP_MAX_WAIT": "0.3",
    "HTTP_SESSION_SECRET": "s" * 32,
    "WORKER_QUEUES": "default=2,extra",
    "WORKER_PROCESSES": "2",
    "WORKER_SLOTS": "3",
    "WORKER_THREADS": "2",
    "WORKER_JOB_PROCESSES": "2",
    "WORKER_JOB_MEMORY_BYTES": "800MiB",
    "WORKER_JOB_RECYCLE": "1",
    "WORKER_NAME": "tester",
    "WORKER_STALL_TIMEOUT": "2",
    "JOBS_IDEMPOTENCY_WINDOW": "1",
    "JOBS_MAX_ARGUMENTS_BYTES": "2KiB",
    "JOBS_MAX_RESULT_BYTES": "3KiB",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "debug",
}
# Settings whose effect is shown elsewhere.
ELSEWHERE = {
    "data_dir": "every test of this folder",
    "redis_url": "every test of this folder",
    "http.host": "tests/launch",
    "http.port": "every test of this folder",
    "http.min_body_rate": "tests/api/serving/test_guard.py",
    "auth.required": "test_status.py",
    "bounds.unfinished_jobs": "tests/api/jobs/test_admission.py",
    "bounds.stored_bytes": "tests/api/jobs/test_admission.py",
    "bounds.requests_a_minute": "tests/api/jobs/test_admission.py",
    "http.max_connections": "tests/api/serving/test_connections.py",
    "http.max_connections_per_client": "tests/api/serving/test_connections.py",
    "http.trusted_proxies": "tests/api/serving/test_connections.py",
    "auth.tokens": "test_status.py",
    "worker.handlers": "every test of this folder",
    "worker.grace": "test_shutdown.py",
    "worker.runner_memory_bytes": "tests/faults/test_limits.py",
    "worker.job_recycle": "tests/worker",
    "jobs.retention_completed": "test_status.py",
    "jobs.retention_failed": "test_status.py",
    "jobs.retention_cancelled": "test_status.py",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in which every setting differs from its default."""
    with Service(tmp_path_factory.mktemp("service"), settings=OWN) as service:
        yield service


def test_every_setting_is_set_here_or_shown_elsewhere() -> None:
    here = {name.replace(".", "_").upper() for name in keys_of(Settings) if name not in ELSEWHERE}

    assert here <= OWN.keys()


def test_the_worker_has_its_name_runners_slots_and_queues(service: Service) -> None:
    def all_there() -> bool:
        runners = service.with_queue(lambda queue: queue.inspector.figures.runners())
        slots = sorted((each.slots for each in runners), key=lambda slots: "async" in slots)
        return slots == [{"process": 2, "alone": ALONE_SLOTS}, *[{"async": 3, "thread": 2}] * 2] and all(
            (each.worker, each.alive, each.queues) == ("tester", True, ("default", "extra"))
            for each in runners
        )

    wait_until(all_there, "two runners and that of the job processes serve two queues as tester")


def test_slots_bound_how_many_jobs_run_at_once(service: Service) -> None:
    jobs = [service.start("demo.sleep", seconds=60)["id"] for _ in range(8)]

    async def counts(queue: Queue) -> tuple[int, int]:
        found = await queue.inspector.figures.counts()
        return found.running, found.queued

    wait_until(lambda: service.with_queue(counts)[0] == 6, "two runners with three slots each are full")
    assert service.with_queue(counts) == (6, 2)
    for id in jobs:
        service.client.post(f"/api/jobs/{id}/cancel").raise_for_status()
    for id in jobs:
        service.wait_for_state(id, "cancelled")


def test_threads_bound_how_many_jobs_run_in_threads(service: Service) -> None:
    jobs = [service.start("test.wait_in_thread", seconds=60)["id"] for _ in range(6)]

    async def counts(queue: Queue) -> tuple[int, int]:
        found = await queue.inspector.figures.counts()
        return found.running, found.queued

    wait_until(lambda: service.with_queue(counts)[0] == 4, "two runners with two threads each are full")
    assert service.with_queue(counts) == (4, 2)
    for id in jobs:
        service.client.post(f"/api/jobs/{id}/cancel").raise_for_status()
    for id in jobs:
        service.wait_for_state(id, "cancelled")


def test_job_processes_bound_how_many_jobs_run_in_processes(service: Service) -> None:
    jobs = [service.start("demo.crunch", seconds=60)["id"] for _ in range(3)]

    async def counts(queue: Queue) -> tuple[int, int]:
        found = await queue.inspector.figures.counts()
        return found.running, found.queued

    wait_until(lambda: service.with_queue(counts)[0] == 2, "both job processes work")
    assert service.with_queue(counts) == (2, 1)
    for id in jobs:
        service.client.post(f"/api/jobs/{id}/cancel").raise_for_status()
    for id in jobs:
        service.wait_for_state(id, "cancelled")


def test_a_job_in_a_further_queue_is_done(service: Service) -> None:
    async def submit(queue: Queue) -> str:
        return (await queue.submit(JobRequest(kind="test.nothing", queue="extra"))).id

    assert service.completed(service.with_queue(submit))["queue"] == "extra"


def test_a_job_that_wants_more_memory_than_allowed_fails_with_that_reason(service: Service) -> None:
    modest = service.completed(service.start("test.hoard", size=10 * MIB)["id"])
    greedy = service.wait_for_end(service.start("test.hoard", size=900 * MIB)["id"])

    assert modest["result"] == 10 * MIB
    assert (greedy["state"], greedy["error"]["type"]) == ("failed", "out-of-memory")


def test_an_upload_over_the_limit_is_refused(service: Service) -> None:
    answer = service.client.put(
        "/api/upload", params={"name": "a.csv", "kind": "test.copy"}, content=b"x" * 2001
    )

    assert (answer.status_code, answer.json()["limit"]) == (413, 2000)
    assert service.upload("a.csv", b"x" * 2000, "test.copy")


def test_no_request_waits_longer_than_the_longest_wait(service: Service) -> None:
    job = service.start("demo.sleep", seconds=3)

    answer = service.client.post(
        "/api/jobs", json={"kind": "demo.sleep", "args": {"seconds": 3}}, headers={"Prefer": "wait=60"}
    )

    assert answer.headers["Preference-Applied"] == "wait=0.3"
    assert answer.json()["state"] in ("queued", "running")
    for id in (job["id"], answer.json()["id"]):
        service.client.post(f"/api/jobs/{id}/cancel").raise_for_status()


def test_arguments_over_the_limit_are_refused(service: Service) -> None:
    answer = service.client.post("/api/jobs", json={"kind": "test.mark", "args": {"path": "x" * 3000}})

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/field-too-large")


def test_a_result_over_the_limit_fails_its_job(service: Service) -> None:
    small = service.wait_for_end(service.start("test.large_result", size=3000)["id"])
    large = service.wait_for_end(service.start("test.large_result", size=3500)["id"])
    in_process = service.wait_for_end(service.start("test.large_result_in_process", size=3500)["id"])

    assert small["state"] == "completed"
    for job in (large, in_process):
        assert (job["state"], job["error"]["type"]) == ("failed", "too-large")
        assert "3072" in job["error"]["detail"]


def test_an_idempotency_key_is_forgotten_after_its_window(service: Service) -> None:
    def start() -> str:
        answer = service.client.post(
            "/api/jobs", json={"kind": "test.nothing"}, headers={"Idempotency-Key": "one"}
        )
        return str(answer.json()["id"])

    first, again = start(), start()

    assert first == again
    wait_until(lambda: start() != first, "the key makes a new job", within=5, every=0.2)


def test_a_runner_whose_event_loop_is_blocked_for_longer_than_allowed_is_killed(service: Service) -> None:
    job = service.start("test.block", seconds=60)

    failed = service.wait_for_state(job["id"], "failed", within=40)

    assert [each["outcome"] for each in failed["attempts"]] == ["crashed"] * 1
    assert "event loop had been blocked for 2 s" in failed["error"]["title"]


def test_logs_are_json_of_the_level_that_was_set(service: Service) -> None:
    lines = [json.loads(line) for line in service.workers[0].log().splitlines() if line.startswith("{")]

    assert {"runner.ready", "attempt.completed"} <= {line.get("event") for line in lines}
    assert any(line["level"].lower() == "debug" for line in lines)


def test_the_keys_begin_with_the_prefix(service: Service) -> None:
    async def read(queue: Queue) -> list[bytes]:
        return list(await queue.broker.client.call("KEYS", "*"))

    assert all(key.startswith(b"other:") for key in service.with_queue(read))


@pytest.mark.parametrize("command", [["-m", "api"], ["worker.py"]])
def test_wrong_settings_keep_a_process_from_starting_and_are_all_listed(
    service: Service, command: list[str]
) -> None:
    wrong = {
        "HTTP_PORT": "70000",
        "WORKER_SLOTS": "none",
        "JOBS_RETENTION_FAILED": "-1",
        "LOG_LEVEL": "loud",
        "REDIS_URL": "http://localhost",
        "WORKER_SLOTZ": "1",
    }

    ended = service.run_command(*command, **wrong)

    assert ended.returncode == 2
    assert "6 mistakes in the configuration" in ended.stderr
    for name in wrong:
        assert f"QUEUECORE_{name}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [["-m", "api"], ["worker.py"]])
def test_a_process_without_its_handlers_says_so_and_does_not_start(
    service: Service, command: list[str]
) -> None:
    ended = service.run_command(*command, WORKER_HANDLERS="no_such_module")

    assert ended.returncode == 2
    assert "no_such_module" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "variable"), [(["--slots", "0"], "slots"), (["--queues", "Bad Name"], "queues")]
)
def test_a_wrong_option_of_the_worker_is_refused(service: Service, options: list[str], variable: str) -> None:
    ended = service.run_command("worker.py", *options)

    assert ended.returncode == 2
    assert variable in ended.stderr


def test_sighup_has_a_worker_take_what_can_change_name_what_cannot_and_refuse_mistakes(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "queuecore.toml"
    file.write_text("[worker]\ngrace = 60\n")
    # From the file alone: a variable would outweigh it, and nobody can change those of a process.
    worker = service.start_worker("--config", str(file), "--queues", "lonely")

    file.write_text("[worker]\ngrace = 0.1\n[jobs]\nretention_failed = '8d'\n[http]\nhost = '127.0.0.2'\n")
    worker.process.signal(signal.SIGHUP)
    wait_until(lambda: "settings.reloaded" in worker.log(), "the settings are read again")
    file.write_text("[worker]\ngrace = -2\n")
    worker.process.signal(signal.SIGHUP)
    wait_until(lambda: "settings.refused" in worker.log(), "the mistake is told, and the worker goes on")

    (line,) = [json.loads(each) for each in worker.log().splitlines() if "settings.reloaded" in each]
    assert set(line["changed"].split(", ")) == {"worker.grace", "jobs.retention_failed"}
    assert line["needs_restart"] == "http.host"

    async def submit(queue: Queue) -> str:
        request = JobRequest(kind="demo.sleep", args={"seconds": 60.0}, queue="lonely")
        return (await queue.submit(request)).id

    job = service.with_queue(submit)
    service.running(job)
    worker.process.signal(signal.SIGTERM)

    assert worker.process.wait(within=20) == 0, "the new grace holds"
    assert service.job(job)["state"] == "queued"
    service.client.post(f"/api/jobs/{job}/cancel").raise_for_status()


def test_sighup_lets_the_api_take_a_new_limit(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "queuecore.toml"
    file.write_text("[http]\nmin_body_rate = 10\n")
    assert service.api is not None
    service.api.signal(signal.SIGTERM)
    service.api.wait()
    service.start_api(CONFIG=str(file))

    file.write_text("[http]\nmin_body_rate = 20\n")
    service.api.signal(signal.SIGHUP)

    api = service.api
    wait_until(lambda: "settings.reloaded" in api.log(), "the settings are read again")
    assert '"changed":"http.min_body_rate"' in api.log().replace(" ", "")
    assert service.is_ready()
