"""What goes wrong inside a job is classified, tried again as configured, explained, and hurts no other."""

from pathlib import Path

import pytest

from tests.service.service import Job, Service, any_alive, is_alive, wait_until


@pytest.mark.fault
@pytest.mark.parametrize(
    ("how", "phrase"),
    [("kill", "signal 9"), ("segv", "SIGSEGV"), ("exit", "exit code 1")],
)
def test_a_job_that_kills_its_process_is_started_three_times_and_then_explained(
    service: Service, tmp_path: Path, how: str, phrase: str
) -> None:
    marks = tmp_path / "marks"
    others = [service.start("demo.sleep", seconds=1)["id"], service.start("demo.crunch", seconds=0.5)["id"]]
    poison = service.start("test.die", path=str(marks), how=how)

    failed = service.wait_for_state(poison["id"], "failed")

    assert marks.read_text().splitlines() == ["start 1", "start 2", "start 3"]
    assert [each["outcome"] for each in failed["attempts"]] == ["crashed"] * 3
    assert phrase in failed["error"]["title"]
    assert failed["error"]["type"] == "crashed"
    assert [service.completed(id)["attempt"] for id in others] == [1, 1]


@pytest.mark.parametrize("kind", ["test.late_async", "test.late_thread"])
def test_a_job_that_takes_too_long_is_ended_and_tried_again_as_often_as_allowed(
    service: Service, kind: str
) -> None:
    before = service.statistics()

    failed = service.wait_for_state(service.start(kind)["id"], "failed")

    assert [each["outcome"] for each in failed["attempts"]] == ["timed_out", "timed_out"]
    assert failed["error"]["title"] == "The job did not end within its 0.4 s and was stopped."
    assert service.statistics()["timed_out"] - before.get("timed_out", 0) == 2


def test_processes_that_ignore_their_timeout_are_killed_and_leave_their_slots_to_others(
    service: Service, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    late = [service.start("test.late_process", path=str(pids)) for _ in range(2)]

    # Both job processes are taken, so this waits for them.
    job = service.start("demo.crunch", seconds=0.1)

    assert service.completed(job["id"])["attempt"] == 1
    for each in late:
        failed = service.wait_for_state(each["id"], "failed")
        assert [attempt["outcome"] for attempt in failed["attempts"]] == ["timed_out"]
    assert not any_alive(int(pid) for pid in pids.read_text().split())


@pytest.mark.parametrize(
    ("how", "outcomes", "type", "retryable"),
    [
        ("error", ["failed"] * 3, "unexpected-error", True),
        ("retry", ["failed"] * 3, "retry-asked", True),
        ("permanent", ["failed"], "not-a-table", False),
    ],
)
def test_errors_are_classified_and_tried_again_as_configured(
    service: Service, how: str, outcomes: list[str], type: str, retryable: bool
) -> None:
    before = service.statistics()

    job = service.wait_for_state(service.start("test.raise", how=how)["id"], "failed")

    assert [each["outcome"] for each in job["attempts"]] == outcomes
    assert (job["error"]["type"], job["error"]["retryable"]) == (type, retryable)
    assert {each["error"]["type"] for each in job["attempts"]} == {type}
    after = service.statistics()
    assert after["failed"] - before.get("failed", 0) == 1
    assert after.get("retried", 0) - before.get("retried", 0) == len(outcomes) - 1


def test_a_job_that_succeeds_at_last_keeps_the_history_of_its_failures(service: Service) -> None:
    job = service.completed(service.start("test.raise", how="error", times=2)["id"])

    assert job["result"] == 3
    assert [each["outcome"] for each in job["attempts"]] == ["failed", "failed", "completed"]
    assert job["error"] is None


def test_a_job_that_waits_for_its_retry_says_until_when_and_can_be_cancelled(service: Service) -> None:
    job = service.start("test.raise", how="late")

    scheduled = service.wait_for_state(job["id"], "scheduled")
    answer = service.client.get(job["links"]["self"])
    cancelled = service.client.post(scheduled["links"]["cancel"])

    assert scheduled["due_at"] > scheduled["attempts"][0]["ended_at"]
    assert int(answer.headers["Retry-After"]) == 60
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")


def test_a_failed_job_that_is_retried_starts_anew_and_keeps_its_history(service: Service) -> None:
    failed = service.wait_for_state(service.start("test.raise", how="permanent", times=1)["id"], "failed")

    answer = service.client.post(failed["links"]["retry"])
    job = service.completed(failed["id"])

    assert answer.status_code == 202
    assert job["result"] == 2
    assert [each["outcome"] for each in job["attempts"]] == ["failed", "completed"]


def test_a_queued_job_is_cancelled_at_once(service: Service) -> None:
    blockers = [service.start("demo.crunch", seconds=30) for _ in range(2)]
    for blocker in blockers:
        service.running(blocker["id"])
    queued = service.start("demo.crunch", seconds=30)

    answer = service.client.post(queued["links"]["cancel"])
    again = service.client.post(f"/api/jobs/{queued['id']}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["attempts"] == []
    assert (again.status_code, again.json()["state"]) == (200, "cancelled"), "idempotent"
    for blocker in blockers:
        _cancel_running(service, blocker["id"])


def test_a_running_async_job_is_cancelled(service: Service) -> None:
    job = service.start("demo.sleep", seconds=60)
    service.running(job["id"])

    cancelled = _cancel_running(service, job["id"])

    assert [each["outcome"] for each in cancelled["attempts"]] == ["cancelled"]
    refused = service.client.get(f"/api/jobs/{job['id']}/result")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/result-not-ready")


def test_a_running_process_job_that_ignores_sigterm_is_cancelled(service: Service, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    job = service.start("test.deaf_process", path=str(pids))
    wait_until(lambda: pids.exists() and pids.read_text(), "the job runs")

    cancelled = _cancel_running(service, job["id"])

    assert [each["outcome"] for each in cancelled["attempts"]] == ["cancelled"]
    assert not is_alive(int(pids.read_text()))


def test_a_job_that_has_ended_cannot_be_cancelled(service: Service) -> None:
    done = service.completed(service.start("test.nothing")["id"])

    answer = service.client.post(f"/api/jobs/{done['id']}/cancel")

    assert answer.status_code == 409
    assert answer.json()["state"] == "completed"
    assert service.job(done["id"]) == done


def test_counters_equal_what_happened(service: Service) -> None:
    before = service.statistics()

    jobs = [service.start("test.nothing") for _ in range(7)]
    jobs += [service.start("test.raise", how="error", times=1) for _ in range(3)]
    for job in jobs:
        service.completed(job["id"])
    for _ in range(2):
        service.wait_for_state(service.start("test.raise", how="permanent")["id"], "failed")
    sleeping = service.start("demo.sleep", seconds=60)
    service.running(sleeping["id"])
    _cancel_running(service, sleeping["id"])

    after = service.statistics()
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    # What an earlier test left behind wears its runner out; one that ends gives back what it is handed.
    grown.pop("released", None)
    assert grown == {"enqueued": 13, "completed": 10, "retried": 3, "failed": 2, "cancelled": 1}


def _cancel_running(service: Service, job_id: str) -> Job:
    answer = service.client.post(f"/api/jobs/{job_id}/cancel")
    assert answer.status_code == 202, answer.text
    # It may have ended before it was looked at for this answer.
    assert answer.json()["cancel_requested"] or answer.json()["state"] == "cancelled"
    return service.wait_for_state(job_id, "cancelled", within=10)
