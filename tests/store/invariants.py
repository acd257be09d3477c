"""What always holds, whatever happens: checks of a snapshot, or of two in the order of time.

The docstrings are the list in docs/lifecycle.md.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from queuecore.model import DEFAULT_LINE, State
from queuecore.model.states import FINAL, TRANSITIONS
from tests.store.snapshot import Snapshot

LISTS_OF_ENDED = {"completed": State.COMPLETED, "failed": State.FAILED, "cancelled": State.CANCELLED}
ARROWS = {arrow for transition in TRANSITIONS for arrow in transition.arrows}


def jobs_of(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Each job's fields by its token."""
    return {key.removeprefix("job:"): job for key, job in snapshot.items() if key.startswith("job:")}


def lines_of(snapshot: Snapshot) -> dict[str, list[str]]:
    """What stands in each line, by its name."""
    return {key.removeprefix("line:"): tokens for key, tokens in snapshot.items() if key.startswith("line:")}


def places_of(snapshot: Snapshot) -> Iterator[tuple[str, State]]:
    """Each place a token is found in, as the state that the place stands for."""
    for tokens in lines_of(snapshot).values():
        for token in tokens:
            if token:
                yield token, State.QUEUED
    for token in snapshot.get("waiting", {}):
        yield token, State.WAITING
    for token in snapshot.get("scheduled", {}):
        yield token, State.SCHEDULED
    for key, tokens in snapshot.items():
        if key.startswith("running:"):
            for token in tokens:
                yield token, State.RUNNING
    for key, state in LISTS_OF_ENDED.items():
        for token in snapshot.get(key, ()):
            yield token, state


def every_job_is_in_exactly_one_place(snapshot: Snapshot) -> None:
    """Every job is in exactly one place, the one that its state names."""
    jobs = jobs_of(snapshot)
    found = Counter(place for place in places_of(snapshot) if place[0] in jobs)
    assert found == Counter((token, State(job["STATE"])) for token, job in jobs.items())


def every_live_place_holds_a_job(snapshot: Snapshot) -> None:
    """Nothing stands in line, is scheduled or runs that is not a job."""
    jobs = jobs_of(snapshot)
    strays = [place for place in places_of(snapshot) if place[0] not in jobs and place[1] not in FINAL]
    assert not strays


def a_queued_job_is_at_its_number(snapshot: Snapshot) -> None:
    """A queued job's number minus the number of its line's head is its index in the line."""
    starts = snapshot.get("lines", {})
    for token, job in jobs_of(snapshot).items():
        if job["STATE"] == State.QUEUED:
            line = job.get("LINE", DEFAULT_LINE)
            index = job["SEQ"] - starts.get(line, 0)
            assert index >= 0
            assert snapshot[f"line:{line}"][index] == token


def holes_are_counted(snapshot: Snapshot) -> None:
    """A line's count of holes is the number of places that cancelled jobs left in it."""
    counted = {name: n for name, n in snapshot.get("lines", {}).items() if name.endswith(".holes") and n}
    found = {f"{line}.holes": tokens.count("") for line, tokens in lines_of(snapshot).items() if "" in tokens}
    assert counted == found


def a_line_with_jobs_is_open(snapshot: Snapshot) -> None:
    """Every line that holds anything is in the set of open lines."""
    assert lines_of(snapshot).keys() <= snapshot.get("open", set())


def a_running_job_belongs_to_a_registered_runner(snapshot: Snapshot) -> None:
    """A running job is in the set of the runner it names, and that runner is registered."""
    for token, job in jobs_of(snapshot).items():
        if job["STATE"] == State.RUNNING:
            assert token in snapshot[f"running:{job['RUNNER']}"]
            assert job["RUNNER"] in snapshot["runners"]


def only_registered_runners_are_idle(snapshot: Snapshot) -> None:
    """Only registered runners are in the sets of idle ones."""
    known = {runner for runner, said in snapshot.get("runners", {}).items() if said}
    for key, idle in snapshot.items():
        if key.startswith("idle:"):
            assert idle <= known


def a_cancel_asked_for_is_remembered(snapshot: Snapshot) -> None:
    """A running job whose cancel was asked for is on the list that heartbeats carry."""
    for token, job in jobs_of(snapshot).items():
        if job["STATE"] == State.RUNNING and "CANCEL" in job:
            assert snapshot["cancelling"][token] == job["RUNNER"]


def what_a_state_needs_is_there(snapshot: Snapshot) -> None:
    """A job has a time when it ended, a result, an error, a time to start exactly if its state has it."""
    needs = {
        State.SCHEDULED: {"DUE"},
        State.QUEUED: set(),
        State.WAITING: {"WAITS", "TURN", "TIES"},  # and a time to start, if it has not come yet
        State.RUNNING: {"ATTEMPT", "RUNNER", "STARTED"},
        State.COMPLETED: {"FINISHED", "RESULT"},
        State.FAILED: {"FINISHED", "ERROR"},
        State.CANCELLED: {"FINISHED"},
    }
    ending = {"FINISHED", "RESULT", "ERROR", "DUE", "WAITS"}
    for job in jobs_of(snapshot).values():
        needed = needs[State(job["STATE"])] | {"SPEC", "CREATED"}
        assert needed <= job.keys()
        beyond = (ending - needed) & job.keys()
        assert not beyond or (job["STATE"] == State.WAITING and beyond == {"DUE"})


def limits_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The limits that a job starts under."""
    return json.loads(job["TIES"]).get("limits", []) if "TIES" in job else []


def places_are_held_by_what_runs(snapshot: Snapshot) -> None:
    """The holders of a limit's places are exactly the running jobs that have it, and never too many."""
    holders: dict[str, set[str]] = defaultdict(set)
    size: dict[str, int] = {}
    for token, job in jobs_of(snapshot).items():
        for limit in limits_of(job):
            if "places" in limit:
                size[limit["name"]] = max(limit["places"], size.get(limit["name"], 0))
                if job["STATE"] == State.RUNNING:
                    holders[limit["name"]].add(token)
    found = {
        key.removeprefix("places:"): names for key, names in snapshot.items() if key.startswith("places:")
    }
    assert found == {name: tokens for name, tokens in holders.items() if tokens}
    assert snapshot.get("held", set()) == found.keys()
    assert all(len(names) <= size[name] for name, names in found.items())


def a_waiting_job_stands_where_its_obstacle_is(snapshot: Snapshot) -> None:
    """A waiting job stands in the line of the limit it waits for, and somebody is to think of that limit; or
    behind the job that holds its unique name, alone."""
    found = {
        (token, key.replace("waiters:", "limit ", 1).replace("followers:", "unique ", 1))
        for key, tokens in snapshot.items()
        if key.startswith(("waiters:", "followers:"))
        for token in tokens
    }
    jobs = jobs_of(snapshot)
    assert found == {(token, job["WAITS"]) for token, job in jobs.items() if job["STATE"] == State.WAITING}
    thought_of = {f"limit {name}" for key in ("limited", "clock") for name in snapshot.get(key, {})}
    thought_of |= {f"unique {name}" for name in snapshot.get("unique", {})}
    assert {obstacle for _, obstacle in found} <= thought_of
    assert all(len(tokens) == 1 for key, tokens in snapshot.items() if key.startswith("followers:"))


def unique_names_are_held_by_one_live_job_each(snapshot: Snapshot) -> None:
    """A unique name is held by the one live job that has it and does not wait for it; if it is given up at a
    start, not by one that runs."""
    held = snapshot.get("unique", {})
    holders: dict[str, list[str]] = defaultdict(list)
    for token, job in jobs_of(snapshot).items():
        unique = json.loads(job["TIES"]).get("unique") if "TIES" in job else None
        if unique is None or job["STATE"] in FINAL or job.get("WAITS", "").startswith("unique "):
            continue
        started = "ATTEMPT" in job
        if not unique.get("started") or not started:
            holders[unique["name"]].append(token)
        elif held.get(unique["name"]) == token:
            assert job["STATE"] != State.RUNNING  # it was requeued
            holders[unique["name"]].append(token)
    assert {name: [token] for name, token in held.items()} == holders


def the_history_is_in_order(snapshot: Snapshot) -> None:
    """A job's history names each ended attempt once, in order, and never one later than the job's own."""
    jobs = jobs_of(snapshot)
    for key, attempts in snapshot.items():
        if key.startswith("history:"):
            job = jobs[key.removeprefix("history:")]
            numbers = [attempt["attempt"] for attempt in attempts]
            assert numbers == sorted(set(numbers))
            assert numbers[-1] <= job["ATTEMPT"]


def indexes_list_every_job(snapshot: Snapshot) -> None:
    """Every job is in the list of recent jobs and, if it has an owner, in the owner's."""
    recent = set(snapshot.get("recent", []))
    for token, job in jobs_of(snapshot).items():
        assert token in recent
        if "OWNER" in job:
            assert snapshot[f"owned:{job['OWNER']}"][token] == job["CREATED"]
    for key, tokens in snapshot.items():
        if key.startswith("owned:"):
            assert tokens.keys() <= jobs_of(snapshot).keys()


def counters_add_up(snapshot: Snapshot) -> None:
    """What was enqueued is live, ended or pruned; what ended is still ended, was requeued or pruned."""
    count = Counter(snapshot.get("statistics", {}))
    states = Counter(job["STATE"] for job in jobs_of(snapshot).values())
    assert count["enqueued"] == states.total() + count["pruned"]
    ended = count["completed"] + count["failed"] + count["cancelled"]
    assert ended == sum(states[state] for state in FINAL) + count["requeued"] + count["pruned"]


def attempts_only_grow(before: Snapshot, after: Snapshot) -> None:
    """A job's attempt and version only grow."""
    earlier = jobs_of(before)
    for token, job in jobs_of(after).items():
        if token in earlier:
            for field in ("ATTEMPT", "VERSION"):
                assert job.get(field, 0) >= earlier[token].get(field, 0)


def every_change_is_an_arrow(before: Snapshot, after: Snapshot) -> None:
    """A job's state changes only along the arrows of the table, and its version grows with it."""
    earlier = jobs_of(before)
    for token, job in jobs_of(after).items():
        if token in earlier and job["STATE"] != (state := earlier[token]["STATE"]):
            path = (State(state), State(job["STATE"]))
            # One call can put a job in line and claim it, or set it aside.
            looked_at = any(
                (path[0], middle) in ARROWS for middle in (State.QUEUED, State.SCHEDULED)
            ) and path[1] in (State.RUNNING, State.WAITING)
            assert path in ARROWS or looked_at, path
            assert job["VERSION"] > earlier[token].get("VERSION", 1)


def a_final_state_changes_only_by_requeue(before: Snapshot, after: Snapshot) -> None:
    """A job that has ended changes no more, but for a requeue of a failed or cancelled one."""
    later = jobs_of(after)
    requeued = (
        Counter(after.get("statistics", {}))["requeued"] - Counter(before.get("statistics", {}))["requeued"]
    )
    for token, job in jobs_of(before).items():
        if job["STATE"] in FINAL and token in later:
            now = {field: value for field, value in later[token].items() if field != "WATCH"}
            if now != {field: value for field, value in job.items() if field != "WATCH"}:
                assert job["STATE"] != State.COMPLETED
                requeued -= 1
    assert requeued == 0


def what_is_live_stays(before: Snapshot, after: Snapshot) -> None:
    """No job goes before it has ended."""
    for token, job in jobs_of(before).items():
        assert token in jobs_of(after) or job["STATE"] in FINAL


OF_A_MOMENT: tuple[Callable[[Snapshot], None], ...] = (
    every_job_is_in_exactly_one_place,
    every_live_place_holds_a_job,
    a_queued_job_is_at_its_number,
    holes_are_counted,
    a_line_with_jobs_is_open,
    a_running_job_belongs_to_a_registered_runner,
    only_registered_runners_are_idle,
    a_cancel_asked_for_is_remembered,
    what_a_state_needs_is_there,
    places_are_held_by_what_runs,
    a_waiting_job_stands_where_its_obstacle_is,
    unique_names_are_held_by_one_live_job_each,
    the_history_is_in_order,
    indexes_list_every_job,
    counters_add_up,
)

OF_A_STEP: tuple[Callable[[Snapshot, Snapshot], None], ...] = (
    attempts_only_grow,
    every_change_is_an_arrow,
    a_final_state_changes_only_by_requeue,
    what_is_live_stays,
)


def check(snapshot: Snapshot) -> None:
    """Everything that holds at any moment."""
    for invariant in OF_A_MOMENT:
        invariant(snapshot)


def check_step(before: Snapshot, after: Snapshot) -> None:
    """Everything that holds from one moment to a later one."""
    for invariant in OF_A_STEP:
        invariant(before, after)
