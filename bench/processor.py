"""Processor time a job, of everything that takes part: it bounds what a machine can carry.

python -m bench.processor        our own figures, on a quiet machine
"""

import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from bench.measures import Values
from bench.processes import Worker, ask, wait_until, worker
from bench.redis_wire import encode
from bench.server import BenchRedis, start
from bench.systems import QUEUECORE

JOBS: Final = 60_000
ALONE: Final = 3_000
MANY_RUNNERS: Final = 32
BATCH: Final = 100
# As long as queuecore's record of a no-op job.
SPEC: Final = b"\x95\x02\xaabench.noop\x81\xa6number\xcd\x05\xd9\xc0\xc0"


def main() -> None:
    """Measure all of it once and print it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, start(Path(directory)) as redis:
        for name, value in processor(redis).items():
            print(f"{name:34} {value:>10,.2f}")


def processor(redis: BenchRedis, *, jobs: int = JOBS) -> Values:
    """Microseconds of the processor a job, by who spends them."""
    return commands(redis, jobs=jobs) | busy(redis, jobs=jobs) | alone(redis) | crowd(redis, jobs=jobs)


def commands(redis: BenchRedis, *, jobs: int = JOBS) -> Values:
    """What the smallest set of plain commands that keeps the promise costs Redis, without a script.

    A job is written and put in line; taken, read, marked as running and listed with its runner; taken off
    that list, which tells whether it was still its runner's, marked as completed with its result and listed
    as such. Without a script these are not one step, so nothing of it would hold through a crash: it is
    what the commands alone cost.
    """
    redis.empty()
    tokens = [f"{number:022d}" for number in range(jobs)]
    pages = [tokens[first : first + BATCH] for first in range(0, jobs, BATCH)]
    before = redis.usage()
    for page in pages:
        stored = [
            encode("HSET", _job(token), "s", "queued 0", "p", SPEC, "c", "1700000000000", "n", token[-6:])
            for token in page
        ]
        _pipeline(redis, [*stored, encode("RPUSH", "{q}:line", *page), encode("RPUSH", "{q}:recent", *page)])
    between = redis.usage()
    for page in pages:
        _pipeline(redis, [encode("LPOP", "{q}:line", BATCH)])
        read = [encode("HMGET", _job(token), "s", "p") for token in page]
        marked = [
            encode("HSET", _job(token), "s", "running 1", "r", "runner.1 1700000000000") for token in page
        ]
        _pipeline(redis, [*read, *marked, encode("SADD", "{q}:running", *page)])
        ended = [
            encode("HSET", _job(token), "s", "completed 1", "e", "1700000000000", "y", b"\x01")
            for token in page
        ]
        lists = [encode("SREM", "{q}:running", *page), encode("RPUSH", "{q}:completed", *page)]
        _pipeline(redis, [*ended, *lists])
    after = redis.usage()
    redis.empty()
    return {
        "commands_enqueue_us": between.since(before).cpu / jobs * 1e6,
        "commands_run_us": after.since(between).cpu / jobs * 1e6,
    }


def busy(redis: BenchRedis, *, jobs: int = JOBS) -> Values:
    """A full queue that is drained, and jobs that are enqueued while a worker runs them."""
    redis.empty()
    before = redis.usage()
    filled = ask(QUEUECORE, "fill", redis.url, count=jobs)
    between = redis.usage()
    with _worker(redis, jobs) as running:
        running.wait_for(jobs)
        used, own = redis.usage().since(between), running.cpu_seconds() - _start_cost(redis)
    values = {
        "fill_redis_us": between.since(before).cpu / jobs * 1e6,
        "fill_producer_us": filled["cpu_s"] / jobs * 1e6,
        "run_redis_us": used.cpu / jobs * 1e6,
        "run_worker_us": own / jobs * 1e6,
    }
    return values | {"through_all_us": _through(redis, jobs, runners=1)["all_us"]}


def alone(redis: BenchRedis, *, jobs: int = ALONE) -> Values:
    """Jobs that come one at a time, each waited for: the processor time of all processes together.

    Five messages of Redis are in it: three answers, the word to the runner and the word of the end. What one
    costs on the machine, a PING tells.
    """
    redis.empty()
    with _worker(redis, jobs + 1) as running:
        ask(QUEUECORE, "alone", redis.url, count=1)
        before, own = redis.usage(), running.cpu_seconds()
        answer = ask(QUEUECORE, "alone", redis.url, first=1, count=jobs)
        redis_us = redis.usage().since(before).cpu / jobs * 1e6
        worker_us = (running.cpu_seconds() - own) / jobs * 1e6
    producer_us = answer["cpu_s"] / jobs * 1e6
    before = redis.usage()
    for _ in range(jobs):
        redis.wire.call("PING")
    return {
        "ping_redis_us": redis.usage().since(before).cpu / jobs * 1e6,
        "alone_redis_us": redis_us,
        "alone_worker_us": worker_us,
        "alone_producer_us": producer_us,
        "alone_all_us": redis_us + worker_us + producer_us,
    }


def crowd(redis: BenchRedis, *, jobs: int = JOBS) -> Values:
    """What a job costs Redis while it is enqueued and run, with one runner and with many on one queue."""
    one = _through(redis, jobs, runners=1)["redis_us"]
    many = _through(redis, jobs, runners=MANY_RUNNERS)["redis_us"]
    return {"through_redis_us": one, "crowd_redis_us": many, "crowd_growth": many / one}


def _through(redis: BenchRedis, jobs: int, *, runners: int) -> Values:
    redis.empty()
    with worker(QUEUECORE, redis.url, capacity=jobs, runners=runners) as running:
        wait_until(
            lambda: redis.wire.call("HLEN", "qc:{main}:runners") == runners,
            f"{runners} runners are registered",
        )
        before, own = redis.usage(), running.cpu_seconds()
        filled = ask(QUEUECORE, "fill", redis.url, count=jobs)
        running.wait_for(jobs)
        redis_us = redis.usage().since(before).cpu / jobs * 1e6
        worker_us = (running.cpu_seconds() - own) / jobs * 1e6
    return {"redis_us": redis_us, "all_us": redis_us + worker_us + filled["cpu_s"] / jobs * 1e6}


def _worker(redis: BenchRedis, jobs: int) -> AbstractContextManager[Worker]:
    return worker(QUEUECORE, redis.url, capacity=jobs)


def _start_cost(redis: BenchRedis) -> float:
    """Seconds of the processor that a worker takes to start."""
    with _worker(redis, 1) as running:
        wait_until(lambda: redis.wire.call("HLEN", "qc:{main}:runners") > 1, "another runner is registered")
        return running.cpu_seconds()


def _pipeline(redis: BenchRedis, encoded: Sequence[bytes]) -> None:
    redis.wire.send(b"".join(encoded))
    for _ in encoded:
        redis.wire.receive()


def _job(token: str) -> str:
    return f"{{q}}:job:{token}"


if __name__ == "__main__":
    main()
