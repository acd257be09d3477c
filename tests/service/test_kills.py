"""Whatever is killed while a job runs, the job completes, and its history says what happened."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.service.service import Job, Service, any_alive, read_time, wait_until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One worker with two runners, and the default heartbeat: the times here are those that are promised."""
    with Service(tmp_path_factory.mktemp("service"), settings={"WORKER_PROCESSES": "2"}) as service:
        yield service


def test_a_job_whose_process_is_killed_is_taken_up_again_within_a_second(service: Service) -> None:
    (worker,) = service.workers
    crunch = service.start("demo.crunch", seconds=3)
    sleep = service.start("demo.sleep", seconds=3)
    service.running(crunch["id"])
    service.running(sleep["id"])

    (pid,) = [pid for pid in worker.job_processes() if _is_busy(pid)]
    killed_at = _kill(pid)
    crunched = service.completed(crunch["id"])

    assert _seconds_until_taken_up(crunched, killed_at) < 1.0
    assert [(each["attempt"], each["outcome"]) for each in crunched["attempts"]] == [
        (1, "crashed"),
        (2, "completed"),
    ]
    assert crunched["attempts"][0]["error"]["title"].startswith("The job's process was killed by signal 9")
    assert service.completed(sleep["id"])["attempt"] == 1


@pytest.mark.parametrize("kind", ["demo.crunch", "demo.sleep"])
def test_jobs_whose_runner_is_killed_are_taken_up_again_within_a_second(service: Service, kind: str) -> None:
    (worker,) = service.workers
    started = [service.start(each, seconds=3)["id"] for each in ("demo.crunch", "demo.sleep", "demo.sleep")]
    runners = {id: service.running(id)["attempts"][0]["worker"] for id in started}
    runner = runners[started[0 if kind == "demo.crunch" else 1]]
    orphans = worker.job_processes()

    killed_at = _kill(service.runner_pid(runner))
    ended = [service.completed(id) for id in started]

    hit, spared = _divide(ended, lambda other: other == runner)
    # Async handlers and job processes are kept apart: neither goes with the other.
    assert {job["kind"] for job in hit} == {kind}
    there_since = _runners_there_since(service)
    for job in hit:
        assert read_time(job["attempts"][0]["ended_at"]) - killed_at < 1.0
        # The job processes have one runner: a new one loads its code first, and as long as the machine takes.
        new_one = there_since[job["attempts"][1]["worker"]] if kind == "demo.crunch" else killed_at
        assert _seconds_until_taken_up(job, new_one) < 1.0
        assert [each["outcome"] for each in job["attempts"]] == ["crashed", "completed"]
        assert "was killed by signal 9" in job["attempts"][0]["error"]["title"]
    assert [job["attempt"] for job in spared] == [1] * len(spared)
    wait_until(lambda: len(worker.runners()) == 3, "the runner is replaced")
    assert kind == "demo.sleep" or not any_alive(set(orphans) - set(worker.job_processes())), (
        "no job process outlives its runner"
    )


def test_jobs_of_a_worker_that_is_killed_are_taken_up_by_another_within_ten_seconds(service: Service) -> None:
    service.start_worker()
    crunch = service.start("demo.crunch", seconds=3)
    victim = service.worker_of(service.running(crunch["id"])["attempts"][0]["worker"])
    sleeps = _sleep_beside(service, lambda runner: service.worker_of(runner) is victim)
    family = victim.family()

    killed_at = time.time()
    victim.kill_all()
    ended = [service.completed(id, within=30) for id in [crunch["id"], *sleeps]]

    hit, spared = _divide(ended, lambda runner: service.worker_of(runner) is victim)
    _assert_taken_up(hit, since=killed_at)
    assert [job["attempt"] for job in spared] == [1] * len(spared)
    assert not any_alive(family)


def test_jobs_of_a_worker_that_is_killed_are_taken_up_within_ten_seconds_of_its_restart(
    service: Service,
) -> None:
    crunch = service.start("demo.crunch", seconds=3)
    service.running(crunch["id"])
    sleep = service.start("demo.sleep", seconds=3)
    service.running(sleep["id"])

    for worker in service.workers:
        worker.kill_all()
    restarted_at = time.time()
    service.start_worker(ready=False)
    ended = [service.completed(job["id"], within=30) for job in (crunch, sleep)]

    _assert_taken_up(ended, since=restarted_at)
    # Nothing of it is left: the service is as it was.
    assert service.client.get("/health").json()["checks"]["workers:alive"][0]["status"] == "pass"


def test_nothing_outlives_a_supervisor_that_is_killed_alone(service: Service) -> None:
    crunch = service.start("demo.crunch", seconds=60)
    service.running(crunch["id"])
    (worker,) = [worker for worker in service.workers if worker.runners()]
    family = worker.family()

    worker.process.signal(signal.SIGKILL)
    worker.process.wait()

    assert len(family) > 2
    wait_until(lambda: not any_alive(family), "its runners and job processes end by themselves", within=5)
    service.client.post(f"/api/jobs/{crunch['id']}/cancel").raise_for_status()
    service.start_worker()
    ended = service.wait_for_end(crunch["id"], within=30)
    assert (ended["state"], ended["attempts"][0]["outcome"]) == ("cancelled", "crashed")


def test_an_api_that_is_killed_in_the_middle_of_an_upload_leaves_no_half_job(service: Service) -> None:
    done = service.completed(service.upload("whole.csv", b"1,2\n", "test.copy")["id"])
    before = service.statistics()["enqueued"]
    api = service.api
    assert api is not None

    def body() -> Iterator[bytes]:
        yield b"x" * 20_000_000
        wait_until(lambda: list((service.data_dir / "files" / "tmp").glob("*")), "the upload has begun")
        api.signal(signal.SIGKILL)
        api.wait()
        while True:
            yield b"x" * 1_000_000

    with pytest.raises(httpx.TransportError):
        service.client.put("/api/upload", params={"name": "half.csv", "kind": "test.copy"}, content=body())
    service.start_api()

    assert service.statistics()["enqueued"] == before
    assert service.job(done["id"]) == done
    assert service.client.get(done["links"]["result"]).content == b"1,2\n"
    homes = [home.name for home in (service.data_dir / "files").glob("??/*")]
    assert homes == [done["id"].partition(".")[2]]


def _sleep_beside(service: Service, on: Callable[[str], bool]) -> list[str]:
    """Start sleeping jobs until one runs on a chosen runner."""
    started: list[str] = []
    while not started or not on(service.running(started[-1])["attempts"][0]["worker"]):
        assert len(started) < 30, "no job came to that runner"
        started.append(service.start("demo.sleep", seconds=3)["id"])
    return started


def _divide(jobs: list[Job], on: Callable[[str], bool]) -> tuple[list[Job], list[Job]]:
    """Divide jobs by whether their first attempt ran on a chosen runner."""
    hit = [job for job in jobs if on(job["attempts"][0]["worker"])]
    return hit, [job for job in jobs if job not in hit]


def _assert_taken_up(jobs: list[Job], *, since: float) -> None:
    assert len({job["kind"] for job in jobs}) == 2, "a job of each sort was hit"
    for job in jobs:
        assert _seconds_until_taken_up(job, since) < 10.0
        assert [each["outcome"] for each in job["attempts"]] == ["crashed", "completed"]
        assert job["attempts"][0]["error"]["title"] == (
            "The worker that ran the job gave no sign of life for 6 s."
        )


def _kill(pid: int) -> float:
    killed_at = time.time()
    os.kill(pid, signal.SIGKILL)
    return killed_at


def _seconds_until_taken_up(job: Job, since: float) -> float:
    """Seconds from a moment to the start of the second attempt: this process and Redis share a clock."""
    seconds = read_time(job["attempts"][1]["started_at"]) - since
    print(f"{job['kind']} was taken up again after {seconds:.3f} s")
    return seconds


def _runners_there_since(service: Service) -> dict[str, float]:
    """When each runner was there to claim, in seconds."""
    runners = service.with_queue(lambda queue: queue.inspector.figures.runners())
    return {runner.id: runner.started_ms / 1000 for runner in runners}


def _is_busy(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "R"
