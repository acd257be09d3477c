"""A runner: the event loop that claims, runs and settles jobs: `python -m queuecore.worker.runner FD NOTE`.

FD is its end of a socket pair with its supervisor, which tells it what to do and
beats the heart for it; NOTE is where it says what blocks its event loop. User code
runs here, so nothing that keeps jobs safe depends on this process being responsive, or
alive. One runner of a worker runs no handler itself, but keeps the job processes: no
async handler takes those with it.
"""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, assert_never

import msgspec

from .. import log
from ..execution import Attempt, Executor, LoopWatch, PoolOptions, ProcessPool, StopReason, Threads
from ..handling import Registry
from ..model import MAX_ERROR_CHARS, Blocked, RunnerInfo, parse_queues, text_of
from ..processes import (
    Channel,
    Home,
    MemoryGauge,
    Note,
    Surroundings,
    adopt_socket,
    close_inherited,
    die_with_parent,
    ignore_signals,
    receive_frame,
    release_memory,
    send_frame,
)
from ..store import Broker
from .control import (
    Begun,
    Cancel,
    Drain,
    FromSupervisor,
    Log,
    Look,
    Pulse,
    Ready,
    Start,
    Unfit,
    from_supervisor,
)
from .feed import Feed
from .guard import keep_going
from .trials import Trials

logger = logging.getLogger("queuecore.runner")

PULSE_SECONDS = 1.0
RECONCILE_SECONDS = 30.0
# How long the last outcomes may take to reach Redis at the end; what does not is recovered by others.
LAST_CALL_SECONDS = 3.0
# Jobs that were there when a runner died are tried so many at a time, in processes that are not kept long.
LEAST_ALONE = 4
ALONE_IDLE_SECONDS = 60.0
MEMORY_KEPT = 16 * 1024**2  # bytes
# Looking for garbage after every 700 new objects costs a busy runner a tenth of its time.
GARBAGE_THRESHOLD = 50_000


def main() -> None:
    """Serve the supervisor at the other end of the socket whose number is the first argument."""
    sock = adopt_socket(int(sys.argv[1]))
    note = int(sys.argv[2])
    close_inherited(but=(sock.fileno(), note))
    start = receive_frame(sock, from_supervisor)
    if not isinstance(start, Start):
        sys.exit(1)
    die_with_parent(start.parent_pid)
    # The supervisor decides when to stop, also when a terminal or an init system signals all of us.
    ignore_signals(signal.SIGINT, signal.SIGTERM)
    # What handlers print is not to be lost with this process.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    options = start.options
    log.configure(level=options.log_level, format=options.log_format)
    sys.path[:] = options.search_path
    try:
        with log.Caretaker():
            registry = Registry.load(options.handlers)
    except BaseException as error:
        send_frame(sock, Unfit(text_of(error)[:MAX_ERROR_CHARS]))
        raise
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)
    home = Home()
    run_event_loop(_run_and_exit(Runner(start, registry, home), sock, home, Note(note)))


async def _run_and_exit(runner: Runner, sock: socket.socket, home: Home, note: Note) -> None:
    home.guard()
    LoopWatch(
        seized=sys.stderr, blocked=lambda attempt: note.write(_name_blocker(attempt)), over=note.clear
    ).start()
    await runner.run(sock)
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a handler that could not be stopped would keep the event loop and the interpreter waiting.
    os._exit(0)


def _name_blocker(attempt: Attempt | None) -> Blocked:
    if attempt is None:
        return Blocked()
    claim = attempt.claim
    return Blocked(job=claim.id, kind=claim.kind, attempt=claim.attempt)


def run_event_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end, on uvloop where that is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


class Runner:
    """Serves its spaces until it is told to drain, its supervisor is gone, or it was given up."""

    def __init__(self, start: Start, registry: Registry, home: Home) -> None:
        self._id = start.runner_id
        self._worker = start.worker
        self._options = start.options
        self._slots = start.slots
        self._registry = registry
        self._home = home
        self._memory = MemoryGauge()
        self._resident = self._memory.read().resident
        self._surroundings = Surroundings()
        self._caretaker = log.Caretaker()
        self._feeds: dict[str, Feed] = {}  # by space
        self._pools: list[ProcessPool] = []
        self._subscription = parse_queues(self._options.queues)
        self._drain = asyncio.Event()
        self._grace_ends: asyncio.TimerHandle | None = None
        self._grace_over = asyncio.Event()
        self._left_over: StopReason = "drained"

    async def run(self, sock: socket.socket) -> None:
        """Claim and run jobs; returns when all are settled or given back."""
        options = self._options
        channel = await Channel.open(sock, from_supervisor, received=self._obey, closed=self._abandon)
        broker = Broker.connect(options.redis_url, prefix=options.prefix, name=self._id)
        trials = Trials(channel.send)
        for space in options.spaces:
            self._feeds[space] = self._make_feed(space, broker, trials, begun=lambda: channel.send(Begun()))
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._pulse(channel))]
            registered = tasks.create_task(keep_going("registration", partial(self._register, broker)))
            stop = tasks.create_task(self._drain.wait())
            await asyncio.wait((registered, stop), return_when=asyncio.FIRST_COMPLETED)
            if registered.done():
                beside += [
                    tasks.create_task(
                        keep_going("control", partial(self._listen, broker, feed), space=feed.space)
                    )
                    for feed in self._feeds.values()
                ]
                beside += [tasks.create_task(feed.run()) for feed in self._feeds.values()]
                beside.append(tasks.create_task(keep_going("reconcile", self._reconcile)))
                channel.send(Ready())
                await stop
                if await self._end_attempts():
                    await self._unregister(broker)
            registered.cancel()
            stop.cancel()
            for task in beside:
                task.cancel()
        for pool in self._pools:
            await pool.close()
        await broker.close()
        channel.close()

    def _make_feed(self, space: str, broker: Broker, trials: Trials, *, begun: Callable[[], None]) -> Feed:
        """The feed of a space, with slots and job processes of its own: spaces do not wait for each other."""
        options = self._options
        pool = PoolOptions(
            size=options.job_processes,
            recycle=options.job_recycle,
            memory_bytes=options.job_memory_bytes,
            handlers=options.handlers,
            search_path=options.search_path,
            stop_grace=options.stop_grace,
            max_result_bytes=options.max_result_bytes,
            log_level=options.log_level,
            log_format=options.log_format,
        )
        # Async handlers may rely on all of the environment that a runner has.
        suspects = msgspec.structs.replace(
            pool,
            size=max(LEAST_ALONE, options.job_processes),
            hidden=frozenset(),
            idle_seconds=ALONE_IDLE_SECONDS,
        )
        processes, alone = ProcessPool(pool), ProcessPool(suspects)
        self._pools += (processes, alone)
        executor = Executor(
            self._registry,
            processes=processes,
            alone=alone,
            threads=Threads(self._home),
            stop_grace=options.stop_grace,
            max_result_bytes=options.max_result_bytes,
            home=self._home,
        )
        return Feed(
            broker,
            executor,
            trials,
            space=space,
            subscription=self._subscription,
            runner_id=self._id,
            slots=self._slots,
            stop_grace=options.stop_grace,
            begun=begun,
            forgotten=self._be_forgotten,
        )

    async def _register(self, broker: Broker) -> None:
        info = RunnerInfo(
            id=self._id,
            worker=self._worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=self._subscription.queues,
            slots=self._slots,
            started_ms=time.time_ns() // 1_000_000,
        )
        for space in self._feeds:
            await broker.claims.register(space, info, ttl=self._options.heartbeat_ttl)

    async def _listen(self, broker: Broker, feed: Feed) -> None:
        missed = asyncio.Event()
        async with broker.claims.listen(
            feed.space, self._id, work=feed.look_for, take=feed.take, cancel=feed.cancel, missed=missed.set
        ):
            while True:
                await missed.wait()
                missed.clear()
                feed.look()
                await feed.reconcile()

    async def _reconcile(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            for feed in self._feeds.values():
                if feed.running():
                    await feed.reconcile()

    async def _pulse(self, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PULSE_SECONDS
            await asyncio.sleep(PULSE_SECONDS)
            # A module that sets up logging may be imported by the first job that needs it.
            self._caretaker.put_back()
            oldest = [running[0] for feed in self._feeds.values() if (running := feed.running())]
            longest = min(oldest, key=lambda attempt: attempt.accepted_at, default=None)
            channel.send(
                Pulse(
                    running=sum(len(feed.running()) for feed in self._feeds.values()),
                    lag=max(loop.time() - due, 0.0),
                    longest_job=longest.claim.id if longest else "",
                    longest_seconds=loop.time() - longest.accepted_at if longest else 0.0,
                )
            )
            if longest is None:
                self._put_surroundings_back()
                self._give_memory_back()
            if not self._drain.is_set():
                self._recycle_if_worn()
                self._recycle_if_outgrown()

    def _put_surroundings_back(self) -> None:
        """Undo what a handler changed for all of this process, once nobody runs who may rely on it."""
        try:
            changed = self._surroundings.put_back()
        except OSError as error:
            changed = (str(error),)
        if changed:
            log.event(logger, logging.WARNING, "runner.changed", runner=self._id, what=", ".join(changed))

    def _give_memory_back(self) -> None:
        """Give back, while nobody waits for it, what jobs have needed and the allocator keeps."""
        if self._memory.read().resident > self._resident + MEMORY_KEPT:
            release_memory()
            self._resident = self._memory.read().resident

    def _recycle_if_worn(self) -> None:
        """End, to be replaced, once code that could not be stopped is all that is left, or too much of it."""
        stuck = sum(len(feed.left_behind) for feed in self._feeds.values())
        crowded = any(feed.crowded() for feed in self._feeds.values())
        busy = any(feed.running() for feed in self._feeds.values())
        if stuck and (crowded or not busy):
            log.event(logger, logging.WARNING, "runner.worn", runner=self._id, stuck=stuck)
            self._begin_drain(self._options.grace)

    def _recycle_if_outgrown(self) -> None:
        """End, to be replaced, when memory is held that nothing gives back."""
        limit = self._options.runner_memory_bytes
        if not limit or self._memory.read().resident <= limit:
            return
        release_memory()
        if (resident := self._memory.read().resident) > limit:
            log.event(
                logger, logging.WARNING, "runner.outgrown", runner=self._id, bytes=resident, limit=limit
            )
            # Given back unspent, whoever fills the memory would do so for ever.
            self._left_over = "outgrown"
            self._begin_drain(self._options.grace)

    # Ending.

    def _obey(self, message: FromSupervisor) -> None:
        match message:
            case Look(space):
                if space in self._feeds:
                    self._feeds[space].look()
            case Cancel(job_id):
                for feed in self._feeds.values():
                    feed.cancel(job_id)
            case Drain(grace):
                self._begin_drain(grace)
            case Log(level, format):
                log.configure(level=level, format=format)
                self._caretaker = log.Caretaker()
            case Start():
                pass  # it was the first message, and comes once
            case _:
                assert_never(message)

    def _be_forgotten(self) -> None:
        if not self._drain.is_set():
            log.event(logger, logging.WARNING, "runner.forgotten", runner=self._id)
        # Its jobs belong to others: what it still runs is given back only to be refused and counted.
        self._begin_drain(0.0)

    def _abandon(self) -> None:
        # Without a supervisor nobody beats for this runner, and its jobs are recovered soon.
        if not self._drain.is_set():
            log.event(logger, logging.ERROR, "supervisor.lost", runner=self._id)
            os._exit(1)

    def _begin_drain(self, grace: float) -> None:
        if self._grace_ends is not None:
            self._grace_ends.cancel()
        loop = asyncio.get_running_loop()
        self._grace_ends = loop.call_later(grace, self._grace_over.set)
        for feed in self._feeds.values():
            feed.stop_claiming()
        self._drain.set()

    async def _end_attempts(self) -> bool:
        """Let what runs end, or give it back; returns whether Redis knows what became of all of it."""
        quiet = asyncio.gather(*(feed.quiet() for feed in self._feeds.values()))
        over = asyncio.ensure_future(self._grace_over.wait())
        await asyncio.wait((quiet, over), return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not quiet.done():
            for feed in self._feeds.values():
                feed.stop_all(self._left_over)
            await asyncio.wait((quiet,), timeout=2 * self._options.stop_grace + LAST_CALL_SECONDS)
        if not quiet.done():
            quiet.cancel()
            left = [attempt.claim.id for feed in self._feeds.values() for attempt in feed.running()]
            log.event(logger, logging.ERROR, "runner.unsettled", runner=self._id, jobs=",".join(left) or None)
        return quiet.done() and not quiet.cancelled()

    async def _unregister(self, broker: Broker) -> None:
        try:
            async with asyncio.timeout(LAST_CALL_SECONDS):
                for space, feed in self._feeds.items():
                    if await broker.claims.unregister(space, self._id):
                        # A job that was handed over in the last moment.
                        await feed.reconcile()
                        await broker.claims.unregister(space, self._id)
        except TimeoutError:
            log.event(logger, logging.WARNING, "runner.unregistered", runner=self._id, reason="no answer")


if __name__ == "__main__":
    main()
