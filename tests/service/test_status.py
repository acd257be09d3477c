"""What check-status says in each state, to its owner, to others, and when a job is no more."""

import signal
import time
from collections.abc import Callable

import httpx

from config import hash_token
from tests.service.service import SHORT_HEARTBEAT, Job, Service, accepted, read_time, wait_until

StartService = Callable[..., Service]


def test_check_status_tells_each_state_truly(service: Service) -> None:
    blockers = [service.start("demo.crunch", seconds=60) for _ in range(2)]
    running = [service.running(job["id"]) for job in blockers]
    first, second = (service.start("demo.crunch", seconds=0.1) for _ in range(2))
    states = {
        "queued": service.job(second["id"]),
        "running": running[0],
        "scheduled": service.wait_for_state(service.start("test.raise", how="late")["id"], "scheduled"),
        "completed": service.completed(service.start("test.nothing")["id"]),
        "failed": service.wait_for_state(service.start("test.raise", how="permanent")["id"], "failed"),
    }
    for job in (*blockers, first, second):
        service.client.post(f"/api/jobs/{job['id']}/cancel").raise_for_status()
    states["cancelled"] = service.wait_for_state(second["id"], "cancelled")
    for blocker in blockers:
        service.wait_for_state(blocker["id"], "cancelled")

    assert {state: job["state"] for state, job in states.items()} == {state: state for state in states}
    assert states["queued"]["position"] == 2
    assert states["queued"]["started_at"] is None
    assert all("position" not in job for state, job in states.items() if state != "queued")
    assert states["running"]["attempts"][0]["outcome"] == "running"
    assert states["running"]["progress"]["percent"] < 100
    assert states["scheduled"]["due_at"]
    for state in ("queued", "running", "scheduled"):
        assert states[state]["finished_at"] is states[state]["expires_at"] is None
        assert {"cancel"} <= states[state]["links"].keys()
    for state in ("completed", "failed", "cancelled"):
        assert states[state]["finished_at"] < states[state]["expires_at"]
        assert "cancel" not in states[state]["links"]
        assert "Retry-After" not in service.client.get(states[state]["links"]["self"]).headers
    assert states["failed"]["error"]["title"] == "The file is not a table."
    assert states["completed"]["error"] is states["cancelled"]["error"] is None


def test_a_poll_that_has_seen_the_latest_is_answered_with_304(service: Service) -> None:
    job = service.completed(service.start("test.nothing")["id"])
    first = service.client.get(job["links"]["self"])

    again = service.client.get(job["links"]["self"], headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_a_request_that_waits_is_answered_when_the_job_changes(service: Service) -> None:
    job = service.start("demo.sleep", seconds=0.5, steps=1)

    answer = service.client.post(
        "/api/jobs", json={"kind": "demo.sleep", "args": {"seconds": 0.5}}, headers={"Prefer": "wait=10"}
    )

    assert answer.status_code == 200
    assert answer.json()["state"] == "completed"
    service.completed(job["id"])


def test_an_id_that_is_unknown_or_none_at_all_is_not_found(service: Service) -> None:
    ids = [
        "default.AAAAAAAAAAAAAAAAAAAAAA",
        "nothing.AAAAAAAAAAAAAAAAAAAAAA",
        "x",
        "..",
        "a" * 300,
        "default.é",
    ]

    answers = [service.client.get(f"/api/check-status/{id}") for id in ids]

    assert {answer.status_code for answer in answers} == {404}


def test_other_peoples_jobs_are_not_found_whatever_is_known_of_their_ids(
    start_service: StartService,
) -> None:
    tokens = ", ".join(
        f'{{"name": "{who}", "owner": "{who}", "sha256": "{hash_token(who * 8)}", "role": "{role}"}}'
        for who, role in [("ann", "user"), ("bob", "user"), ("eve", "operator")]
    )
    service = start_service(
        settings={**SHORT_HEARTBEAT, "AUTH_REQUIRED": "yes", "AUTH_TOKENS": f"[{tokens}]"}
    )
    job = accepted(_as(service, "ann").post("/api/jobs", json={"kind": "test.nothing"}))
    own = f"/api/jobs/{job['id']}"

    answers = {who: _as(service, who).get(f"/api/check-status/{job['id']}").status_code for who in NAMES}
    changes = [_as(service, "bob").post(f"{own}/cancel"), _as(service, "bob").delete(own)]
    listed = {who: len(_as(service, who).get("/api/jobs").json()["items"]) for who in NAMES}
    nobody = service.client.get(f"/api/check-status/{job['id']}")

    assert answers == {"ann": 200, "bob": 404, "eve": 200}
    assert [answer.status_code for answer in changes] == [404, 404]
    assert (listed["ann"], listed["bob"]) == (1, 0)
    assert nobody.status_code == 401
    assert "WWW-Authenticate" in nobody.headers


def test_a_job_that_has_expired_is_not_found_and_its_files_are_gone(start_service: StartService) -> None:
    service = start_service(
        settings={
            **SHORT_HEARTBEAT,
            "JOBS_RETENTION_COMPLETED": "1",
            "JOBS_RETENTION_FAILED": "1",
            "JOBS_RETENTION_CANCELLED": "1d",
        }
    )
    done = service.completed(service.upload("a.csv", b"1,2\n", "test.copy")["id"])
    failed = service.wait_for_state(service.start("test.raise", how="permanent")["id"], "failed")
    cancelled = service.start("demo.sleep", seconds=60)
    service.client.post(f"/api/jobs/{cancelled['id']}/cancel").raise_for_status()
    service.wait_for_state(cancelled["id"], "cancelled")
    assert list((service.data_dir / "files").glob("??/*"))

    # Workers prune when they start, and then once a minute.
    service.workers[0].process.signal(signal.SIGTERM)
    service.workers[0].process.wait()
    service.wait_for(done["id"], _is_over, "the time it is kept for is over")
    service.wait_for(failed["id"], _is_over, "the time it is kept for is over")
    service.start_worker()
    answers = _wait_until_gone(service, [done["id"], failed["id"]])

    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/job-not-found")
    assert service.client.get(done["links"]["result"]).status_code == 404
    assert not list((service.data_dir / "files").glob("??/*")), "no file is left"
    assert service.job(cancelled["id"])["state"] == "cancelled", "kept for a day"


NAMES = ("ann", "bob", "eve")


def _as(service: Service, who: str) -> httpx.Client:
    return httpx.Client(base_url=service.client.base_url, headers={"Authorization": f"Bearer {who * 8}"})


def _is_over(job: Job) -> bool:
    return time.time() > read_time(job["expires_at"]) + 0.1


def _wait_until_gone(service: Service, ids: list[str]) -> list[httpx.Response]:
    def look() -> list[httpx.Response] | None:
        answers = [service.client.get(f"/api/check-status/{id}") for id in ids]
        return answers if all(answer.status_code == 404 for answer in answers) else None

    return wait_until(look, "the jobs are gone") or []
