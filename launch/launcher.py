"""The launcher: Redis, API and worker as children, watched, started again when they die, stopped in order.

Redis    first to start, last to stop: everybody needs it
API      serves the page while the worker drains
worker   first to stop: gives its jobs back
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config import Settings, to_environment
from launch import address
from launch.child import Child
from launch.fake_redis import FakeRedis
from launch.private_redis import PrivateRedis, PrivateRedisError
from launch.process import start_child
from launch.signals import SignalQueue

ROOT = Path(__file__).resolve().parent.parent
# The API gives running uploads and downloads 20 s.
API_PATIENCE = 25.0
# The worker ends by itself soon after its grace; what is still there then is stuck.
WORKER_PATIENCE = 15.0
# One Ctrl-C can arrive twice, from the terminal and from make. What comes later is a person who insists.
SAME_SIGNAL = 1.0
READY_CHECK_INTERVAL = 0.1
READY_TIMEOUT = 60.0


class LaunchFailed(Exception):
    """The service could not be started; the text says why and what to do."""


class Launcher:
    """One run of everything on this machine.

    Args:
        settings: what was configured, with the real port in `http.port`.
        config_path: the configuration file for the children, if one was named.
        redis: the server to run, None where `settings` names one that runs already.
        say: prints a line for the person who started it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        config_path: Path | None,
        redis: PrivateRedis | FakeRedis | None,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._say = say
        self._had_terminal = _has_terminal()
        environ = to_environment(
            {
                "data_dir": settings.data_dir,
                "redis_url": redis.url if redis else settings.redis_url,
                "http.port": settings.http.port,
            },
            config_path,
        )
        api = [sys.executable, "-m", "api"]
        worker = [sys.executable, str(ROOT / "worker.py")]
        self._api = Child("API", lambda: start_child(api, environ=environ))
        self._worker = Child("worker", lambda: start_child(worker, environ=environ))
        self._redis_child = Child("private Redis", redis.spawn) if redis else None
        self._children = [child for child in (self._redis_child, self._api, self._worker) if child]

    def run(self, *, when_ready: Callable[[], None]) -> None:
        """Start everything, watch it until a signal says to stop, and stop it.

        Args:
            when_ready: called once, when the page can be had.

        Raises:
            LaunchFailed: a part cannot start; the others have been stopped.
        """
        try:
            self._start_redis()  # interrupted as any program, so before signals only queue
        except PrivateRedisError as error:
            raise LaunchFailed(str(error)) from error
        signals = SignalQueue([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD])
        try:
            self._api.start()
            self._worker.start()
            if self._wait_until_served(signals):
                when_ready()
                self._watch(signals)
        finally:
            self._stop(signals)

    def _start_redis(self) -> None:
        if self._redis and self._redis_child:
            try:
                self._redis_child.start()
                self._redis.wait_until_ready()
            except BaseException:
                self._redis.stop()
                raise

    def _wait_until_served(self, signals: SignalQueue) -> bool:
        """Wait for the API; returns False when a signal says to stop before that."""
        deadline = time.monotonic() + READY_TIMEOUT
        while not address.serves(self._settings.http.host, self._settings.http.port):
            for child in self._children:
                if not child.is_alive():
                    raise LaunchFailed(f"The {child.name} could not be started. What it said is above.")
            if time.monotonic() > deadline:
                raise LaunchFailed(f"The API did not answer in {READY_TIMEOUT:g} s.")
            if self._asks_to_stop(signals.wait(READY_CHECK_INTERVAL)):
                return False
        return True

    def _watch(self, signals: SignalQueue) -> None:
        while True:
            for child in self._children:
                self._care_for(child)
            planned = [child.start_at for child in self._children if child.start_at is not None]
            timeout = max(0.0, min(planned) - time.monotonic()) if planned else None
            if self._asks_to_stop(signals.wait(timeout)):
                return

    def _care_for(self, child: Child) -> None:
        if child.start_at is None and not child.is_alive():
            if child.ended_for_good():
                raise LaunchFailed(f"The {child.name} cannot run. What it said is above.")
            self._say(child.plan_restart())
        if child.start_at is not None and child.start_at <= time.monotonic():
            child.start()

    def _asks_to_stop(self, received: list[signal.Signals]) -> bool:
        if signal.SIGHUP in received:
            if self._had_terminal and not _has_terminal():
                return True  # nobody asks for a reload: the terminal was closed
            for child in (self._api, self._worker):
                child.send_signal(signal.SIGHUP)
        return signal.SIGINT in received or signal.SIGTERM in received

    def _stop(self, signals: SignalQueue) -> None:
        self._say("Stopping ...")
        insisted = self._end(self._worker, signals, patience=self._settings.worker.grace + WORKER_PATIENCE)
        self._end(self._api, signals, patience=1.0 if insisted else API_PATIENCE)
        if self._redis:
            self._redis.stop()
        self._say("Stopped.")

    def _end(self, child: Child, signals: SignalQueue, *, patience: float) -> bool:
        """End a child; returns whether a person asked to have it now."""
        begun = time.monotonic()
        deadline = begun + patience
        insisted = False
        child.send_signal(signal.SIGTERM)
        while child.is_alive() and time.monotonic() < deadline:
            received = signals.wait(deadline - time.monotonic())
            again = signal.SIGINT in received or signal.SIGTERM in received
            if again and not insisted and time.monotonic() - begun > SAME_SIGNAL:
                insisted = True
                deadline = time.monotonic() + 5.0
                self._say("Stopping now ...")
                child.send_signal(signal.SIGTERM)
        child.kill()
        return insisted


def _has_terminal() -> bool:
    with contextlib.suppress(OSError), open("/dev/tty", "rb"):
        return True
    return False
