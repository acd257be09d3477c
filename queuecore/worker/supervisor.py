"""The worker's first process: starts runners, beats for them, replaces them, stops them in order.

No user code runs here, so whatever a handler does, this process sees it and acts.

    Supervisor ── Heart              says that the runners live
               ── RecoveryManager    puts abandoned jobs back in line
               ── Pruner             removes what is past its time
               ── RunnerProcess x N  run async handlers and threads; one more keeps the job processes
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from .. import log
from ..log import event
from ..model import BrokerRefused, Runs, WorkerOptions, parse_queues, split_line_name
from ..store import Broker, Figures, parse_address, reach
from .control import Drain, Log
from .guard import keep_going
from .heartbeat import Heart
from .pruning import Hooks, Pruner
from .recovery import RecoveryManager
from .runner_process import RunnerProcess, new_runner_id

logger = logging.getLogger("queuecore.supervisor")

WATCH_SECONDS = 1.0
# Handlers may take their time to load.
START_SECONDS = 60.0
BURST_SECONDS = 0.25
# A runner that dies younger than this, and without a job, is started again after a pause, which doubles.
YOUNG_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 30.0
# What a runner takes at most beyond its grace to settle its last outcomes.
MARGIN_SECONDS = 15.0
LAST_CALL_SECONDS = 3.0


class Supervisor:
    """Runs a worker.

    Args:
        options: how.
        hooks: what else is to be done, by the project that this worker belongs to.
    """

    def __init__(self, options: WorkerOptions, hooks: Hooks | None = None) -> None:
        if not options.search_path:
            options = msgspec.structs.replace(options, search_path=tuple(sys.path))
        self._options = options
        self._name = options.name or socket.gethostname()
        self._runners: dict[str, RunnerProcess] = {}
        self._burials: set[asyncio.Task[None]] = set()
        self._started = 0
        self._stopping = asyncio.Event()
        self._stop_calls = 0
        self._exit_code = 0
        self._broker = Broker.connect(
            options.redis_url, prefix=options.prefix, name=f"{self._name}.supervisor"
        )
        self._recovery = RecoveryManager(self._broker, spaces=options.spaces, ttl=options.heartbeat_ttl)
        self._heart = Heart(
            self._broker,
            interval=options.heartbeat_interval,
            ttl=options.heartbeat_ttl,
            queues=parse_queues(options.queues).queues,
            runners=lambda: list(self._runners.values()),
            suspect=self._recovery.suspect,
        )
        self._pruner = Pruner(self._broker, spaces=options.spaces, retention=options.retention, hooks=hooks)

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT, or in a burst until nothing is left. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        event(logger, logging.INFO, "worker.started", worker=self._name, pid=os.getpid())
        try:
            if await self._is_let_in():
                await self._work()
            else:
                self._exit_code = 1
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            await self._broker.close()
        event(logger, logging.INFO, "worker.stopped", worker=self._name, code=self._exit_code)
        return self._exit_code

    def adopt(self, options: WorkerOptions) -> None:
        """Go on with another retention, grace and log; all other options need a new worker."""
        self._options = msgspec.structs.replace(
            self._options,
            retention=options.retention,
            grace=options.grace,
            log_level=options.log_level,
            log_format=options.log_format,
        )
        self._pruner.retention = options.retention
        log.configure(level=options.log_level, format=options.log_format)
        for runner in self._runners.values():
            runner.tell(Log(options.log_level, options.log_format))

    def stop(self) -> None:
        """Stop: the first call lets running jobs have their grace, the second gives them back now."""
        self._stop_calls += 1
        grace = self._options.grace if self._stop_calls == 1 else 0.0
        event(logger, logging.INFO, "worker.stopping", worker=self._name, grace=grace)
        self._stopping.set()
        for runner in self._runners.values():
            self._tell_to_stop(runner, grace)

    async def _is_let_in(self) -> bool:
        """Say how it stands with Redis: one that is away comes back, one that refuses does not."""
        url = self._options.redis_url
        place = str(parse_address(url))
        try:
            away = await reach(url)
        except BrokerRefused as error:
            event(logger, logging.ERROR, "redis.refused", redis=place, reason=str(error))
            return False
        if away:
            event(logger, logging.WARNING, "redis.unreachable", redis=place, reason=away, next="trying again")
        return True

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(keep_going("heartbeat", partial(self._heart.run, space), space=space))
                for space in self._options.spaces
            ]
            beside.append(tasks.create_task(self._recovery.run()))
            beside.append(tasks.create_task(self._pruner.run()))
            beside.append(tasks.create_task(self._watch()))
            if self._options.burst:
                beside.append(tasks.create_task(keep_going("burst", self._stop_when_done)))
            kept = [tasks.create_task(self._keep_runner(slots)) for slots in self._options.slots_by_runner()]
            await asyncio.wait(kept)
            if self._burials:
                # Redis may be away; then whoever comes next recovers the jobs.
                await asyncio.wait(self._burials, timeout=LAST_CALL_SECONDS)
            beside += self._burials
            for task in beside:
                task.cancel()

    # Keeping runners.

    async def _keep_runner(self, slots: Mapping[Runs, int]) -> None:
        """Have one runner with these slots, always: when it ends start another."""
        early_deaths = 0
        while not self._stopping.is_set():
            runner = await self._start_runner(slots)
            if self._stopping.is_set():
                self._tell_to_stop(runner, self._options.grace if self._stop_calls < 2 else 0.0)
            await runner.wait()
            del self._runners[runner.id]
            burial = asyncio.create_task(self._bury(runner))
            self._burials.add(burial)
            burial.add_done_callback(self._burials.discard)
            if runner.unfit is not None and not runner.ready:
                event(logger, logging.ERROR, "runner.unfit", runner=runner.id, reason=runner.unfit)
                if self._started <= len(self._options.slots_by_runner()):
                    self._exit_code = 1
                    self.stop()
            lived = asyncio.get_running_loop().time() - runner.started_at
            # One that had begun a job died of that, most likely, and the others' jobs are not to wait for it.
            early_deaths = early_deaths + 1 if lived < YOUNG_SECONDS and not runner.begun else 0
            if early_deaths > 1:
                pause = min(0.25 * 2**early_deaths, LONGEST_PAUSE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)

    async def _start_runner(self, slots: Mapping[Runs, int]) -> RunnerProcess:
        self._started += 1
        id = new_runner_id(self._name, self._started)
        runner = await RunnerProcess.start(
            id,
            worker=self._name,
            slots=slots,
            options=self._options,
            on_ready=_say_ready,
        )
        self._runners[id] = runner
        return runner

    async def _bury(self, runner: RunnerProcess) -> None:
        level = logging.INFO if runner.ended_well else logging.ERROR
        event(logger, level, "runner.ended", runner=runner.id, runs=runner.runs, how=runner.reason())
        await self._recovery.bury(runner.id, runner.reason(), not_begun=runner.waiting)

    def _tell_to_stop(self, runner: RunnerProcess, grace: float) -> None:
        runner.tell(Drain(grace))
        asyncio.get_running_loop().call_later(
            grace + MARGIN_SECONDS, runner.kill, "did not stop when it was told to"
        )

    async def _watch(self) -> None:
        """Kill runners whose event loop is blocked for good. A short block costs nobody a job."""
        timeout = self._options.stall_timeout
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = asyncio.get_running_loop().time()
            for runner in self._runners.values():
                if runner.suspended:
                    # Its silence is not its fault; it is counted anew from when it goes on. But once its jobs
                    # are others', it is of no more use.
                    runner.heard_at = now
                    runner.suspended_since = runner.suspended_since or now
                    if now - runner.suspended_since > self._options.heartbeat_ttl + WATCH_SECONDS:
                        runner.kill("was suspended for longer than its heartbeat lives")
                    continue
                runner.suspended_since = None
                if now - runner.heard_at > (timeout if runner.heard_of else max(timeout, START_SECONDS)):
                    event(logger, logging.ERROR, "runner.stalled", runner=runner.id, seconds=timeout)
                    runner.kill(f"was killed because its event loop had been blocked for {timeout:g} s")

    async def _stop_when_done(self) -> None:
        figures = [Figures(self._broker.client, self._broker.keys(space)) for space in self._options.spaces]
        served = parse_queues(self._options.queues).queues
        while True:
            await asyncio.sleep(BURST_SECONDS)
            if not all(runner.ready for runner in self._runners.values()):
                continue
            if not [each for each in figures if await _has_work(each, served)]:
                self.stop()
                return


def _say_ready(runner: RunnerProcess) -> None:
    event(logger, logging.INFO, "runner.ready", runner=runner.id, runs=runner.runs)


async def _has_work(figures: Figures, queues: Sequence[str]) -> bool:
    """Whether there is something left to do in these queues: a job that waits for its time may be of any."""
    counts = await figures.counts()
    waiting = [line for line in await figures.waiting() if split_line_name(line)[0] in queues]
    return bool(counts.scheduled or counts.running or waiting)
