"""The limit: what Redis itself can do of the same work.

`limit.lua` carries out the state changes of claim and completion, 100 jobs a call, and nothing else; it is
called over bare sockets, with two calls under way on each, so that Redis never waits and no client library or
event loop takes part. It writes one field a fact and checks each job by itself; a queue that packs its fields
and checks a batch at once, as queuecore does, can come close to it although it does more.
"""

import contextlib
import time
from pathlib import Path
from typing import Final

from bench.measures import Values
from bench.redis_wire import Wire, encode
from bench.server import BenchRedis

BATCH: Final = 100
JOBS: Final = 200_000
SCRIPT: Final = (Path(__file__).parent / "limit.lua").read_text()
# As long as queuecore's record of a no-op job.
SPEC: Final = b"\x95\x01\xaabench.noop\x81\xa6number\xcd\x05\xd9\xc0\xc0"
ROUND_TRIPS: Final = 2_000


def limit(redis: BenchRedis, *, jobs: int = JOBS) -> Values:
    """Jobs a second through the script from one socket and from two, and the time of one round trip."""
    values = {}
    for name, sockets in (("drain_per_s", 1), ("drain_two_per_s", 2)):
        redis.empty()
        _fill(redis, jobs)
        before = redis.usage()
        began = time.perf_counter()
        _drive(redis, sockets)
        seconds = time.perf_counter() - began
        used = redis.usage().since(before)
        completed = int(redis.wire.call("LLEN", "limit:{q}:completed"))
        assert completed == jobs, f"{completed} of {jobs} jobs were completed"
        values[name] = jobs / seconds
        if sockets == 1:
            values |= {"redis_us": used.cpu / jobs * 1e6, "script_us": used.script_seconds / jobs * 1e6}
    redis.empty()
    return values | {"round_trip_ms": _round_trip(redis) * 1e3}


def _fill(redis: BenchRedis, jobs: int) -> None:
    """Store jobs and put them in line, a thousand commands at a time."""
    for first in range(0, jobs, 1000):
        tokens = [f"{number:022d}" for number in range(first, first + 1000)]
        commands = [
            encode(
                "HSET", f"limit:{{q}}:job:{token}", "s", "queued", "p", SPEC, "c", "1700000000000", "n", token
            )
            for token in tokens
        ]
        commands.append(encode("RPUSH", "limit:{q}:line", *tokens))
        redis.wire.send(b"".join(commands))
        for _ in commands:
            redis.wire.receive()


def _drive(redis: BenchRedis, sockets: int) -> None:
    """Call the script until the line is empty, with two calls under way on each socket at any time."""
    digest = redis.wire.call("SCRIPT", "LOAD", SCRIPT)
    call = encode("EVALSHA", digest, 1, "limit:{q}:", BATCH)
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(redis.port)) for _ in range(sockets)]
        for wire in wires:
            wire.send(call + call)
        while wires:
            for wire in list(wires):
                if wire.receive():
                    wire.send(call)
                else:
                    wire.receive()
                    wires.remove(wire)


def _round_trip(redis: BenchRedis) -> float:
    """Seconds of the shortest call there is, median."""
    times = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        redis.wire.call("PING")
        times.append(time.perf_counter() - began)
    return sorted(times)[ROUND_TRIPS // 2]
