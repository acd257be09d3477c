"""Limits as real workers keep them: the handlers count for themselves, while runners are killed."""

import asyncio
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from queuecore import InvalidOption, JobRequest, Limit, Queue, Registry, State
from queuecore.model import Ask, RunnerInfo
from tests.worker.worker_process import Worker, eventually

StartWorker = Callable[..., Worker]


def most_at_once(log: Path, killed: dict[int, float]) -> dict[str, int]:
    """How many attempts of each customer ran at once at most; one that was killed ran until then."""
    began: dict[str, tuple[str, int, float]] = {}
    moments: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        what, customer, pid, name, moment = line.split()
        if what == "start":
            began[name] = (customer, int(pid), float(moment))
        else:
            _, _, start = began.pop(name)
            moments[customer] += [(start, 1), (float(moment), -1)]
    for customer, pid, start in began.values():
        moments[customer] += [(start, 1), (killed[pid], -1)]
    most = {}
    for customer, steps in moments.items():
        now = top = 0
        for _, step in sorted(steps):
            now += step
            top = max(top, now)
        most[customer] = top
    return most


async def test_never_more_than_the_limit_run_at_once_though_runners_are_killed(
    queue: Queue, start_worker: StartWorker, tmp_path: Path
) -> None:
    log, killed, chance = tmp_path / "log", {}, random.Random(1)
    workers = [start_worker(processes=2, slots=20) for _ in range(2)]
    requests = [
        JobRequest(kind="test.limited", args={"path": str(log), "customer": f"c{n % 5}", "seconds": 0.005})
        for n in range(400)
    ]
    jobs = [queue.job(each.id) for each in await queue.enqueue_many(requests)]
    figures = queue.inspector.figures

    for _ in range(8):
        before = (await figures.counts()).completed
        await eventually(
            lambda before=before: _completed(queue, before + 15), "some jobs have ended", within=30
        )
        pid = chance.choice([pid for worker in workers for pid in worker.runners()])
        os.kill(pid, signal.SIGKILL)
        killed[pid] = time.monotonic()
    await asyncio.gather(*(job.result(timeout=60) for job in jobs))

    most = most_at_once(log, killed)
    assert most.keys() == {f"c{n}" for n in range(5)}
    assert set(most.values()) == {3}
    left = {key.decode() for key in await queue.broker.client.call("KEYS", "*places:*")}
    assert left == set()


async def test_a_job_says_what_it_waits_for(queue: Queue, registry: Registry, tmp_path: Path) -> None:
    limited, log = registry["test.limited"], str(tmp_path / "log")
    only = queue.options(limits=[Limit("rare", rate=(1, 3600.0))])
    await only.enqueue(limited, path=log, customer="a", seconds=0.0)
    await queue.broker.claims.register("main", _runner(), ttl=60)
    await queue.broker.claims.advance("main", "runner", lane=0, outcomes=[], asks=_ask())

    job = await only.enqueue(limited, path=log, customer="a", seconds=0.0)

    record = await job.record()
    assert record.state is State.WAITING
    assert record.waits_for is not None
    assert (record.waits_for.reason, record.waits_for.name, record.limits) == ("limit", "rare", ("rare",))
    assert [each.id for each in await queue.inspector.listings.in_state(State.WAITING)] == [job.id]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (lambda: Limit("a"), "needs one of concurrency=4"),
        (lambda: Limit("a", concurrency=0), "concurrency=0 is not a whole number from 1"),
        (lambda: Limit("a", concurrency=True), "concurrency=True"),
        (lambda: Limit("a", rate=5), r"write rate=\(5, 1.0\)"),  # type: ignore[arg-type]
        (lambda: Limit("a", rate=(5, 0.0)), "must be seconds from 0.001"),
        (lambda: Limit("a", rate=(5, float("nan"))), "must be seconds"),
        (lambda: Limit("a", concurrency=1, burst=2), "burst belongs to rate"),
        (lambda: Limit(""), "a limit's key is a text"),
        (lambda: Limit(7), "a limit's key is a text"),  # type: ignore[arg-type]
        (lambda: Limit("{owner", concurrency=1), "the key"),
        (lambda: Limit("{owner.name}", concurrency=1), "in braces stand only names"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_where_it_is_written(limit: Callable[[], Limit], said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        limit()


async def test_a_key_that_the_job_does_not_have_is_refused(queue: Queue, registry: Registry) -> None:
    with pytest.raises(InvalidOption, match="names 'colour'; there are customer, kind, owner"):
        await queue.options(limits=[Limit("{colour}", concurrency=1)]).enqueue(
            registry["test.limited"], path="", customer="a", seconds=0.0
        )


async def test_a_key_function_that_fails_is_refused(queue: Queue, registry: Registry) -> None:
    with pytest.raises(InvalidOption, match="the function that makes a limit's key raised"):
        await queue.options(limits=[Limit(lambda arguments: arguments.nothing, concurrency=1)]).enqueue(
            registry["test.limited"], path="", customer="a", seconds=0.0
        )


async def _completed(queue: Queue, wanted: int) -> bool:
    return (await queue.inspector.figures.counts()).completed >= min(wanted, 400)


def _runner() -> RunnerInfo:
    return RunnerInfo(id="runner", worker="w", host="h", pid=1, queues=("default",), slots={"async": 1})


def _ask() -> list[Ask]:
    return [Ask("async", 1, ("default",))]
