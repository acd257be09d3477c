"""The worker command: settings, then handlers, then run.

    python worker.py                              everything from the configuration
    python worker.py --queues mail --slots 10     one queue, ten jobs at once
    python worker.py --burst                      stop when nothing is left to do

SIGTERM or Ctrl-C: claims no more, gives running jobs their grace, then gives them back. A second one: now.
SIGHUP: reads the configuration file again and says what it cannot change while running.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import config
import storage
from queuecore import HandlerError, Registry, Retention, log
from queuecore.model import WorkerOptions
from queuecore.worker import Supervisor

logger = logging.getLogger("worker")

# Options of the command line and the settings that they stand for.
OPTIONS = {
    "redis_url": "redis_url",
    "queues": "worker.queues",
    "processes": "worker.processes",
    "slots": "worker.slots",
    "handlers": "worker.handlers",
    "name": "worker.name",
}
USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to stop; returns the exit code."""
    given = _parse(arguments)
    # Handlers beside the caller are found, too; those of the service come first.
    sys.path.append(str(Path.cwd()))
    if given.config:
        config.use_file(given.config)  # the handlers' processes read it too
    overrides = {setting: value for option, setting in OPTIONS.items() if (value := getattr(given, option))}
    try:
        settings = config.load(overrides=overrides)
        options = make_options(settings, burst=given.burst)
    except (config.ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    log.configure(level=options.log_level, format=options.log_format)
    try:
        with log.Caretaker():
            Registry.load(options.handlers)
    except HandlerError as error:
        log.event(logger, logging.DEBUG, "handlers.refused", exc_info=error.__cause__)
        print(error, file=sys.stderr)
        return USAGE_ERROR
    return asyncio.run(_run(options, settings, overrides))


def make_options(settings: config.Settings, *, burst: bool = False) -> WorkerOptions:
    """Say what was configured in the words of the queue.

    Raises:
        ValueError: there is no Redis to work for.
    """
    if not settings.redis_url:
        raise ValueError(
            "redis_url is empty. `make run` starts a private Redis and a worker with it; to start a worker "
            "alone set REDIS_URL, for example redis://localhost:6379/0"
        )
    worker = settings.worker
    return WorkerOptions(
        redis_url=settings.redis_url,
        prefix=settings.redis_prefix,
        name=worker.name,
        spaces=(settings.redis_space,),
        queues=worker.queues,
        handlers=worker.handlers,
        processes=worker.processes,
        slots=worker.slots,
        threads=worker.threads,
        runner_memory_bytes=worker.runner_memory_bytes,
        job_processes=worker.job_processes,
        job_memory_bytes=worker.job_memory_bytes,
        job_recycle=worker.job_recycle,
        grace=worker.grace,
        heartbeat_interval=worker.heartbeat_interval,
        heartbeat_ttl=worker.heartbeat_ttl,
        stall_timeout=worker.stall_timeout,
        retention=make_retention(settings),
        max_result_bytes=settings.jobs.max_result_bytes,
        burst=burst,
        log_level=settings.log.level.upper(),
        log_format=settings.log.format,
    )


class FileHooks:
    """Removes the files of the jobs that are about to be forgotten."""

    async def forget(self, job_ids: Sequence[str]) -> None:
        files = storage.current()
        for job_id in job_ids:
            await asyncio.to_thread(files.delete, job_id)


def make_retention(settings: config.Settings) -> Retention:
    """Say how long ended jobs are kept."""
    return Retention(
        completed=settings.jobs.retention_completed,
        failed=settings.jobs.retention_failed,
        cancelled=settings.jobs.retention_cancelled,
    )


async def _run(options: WorkerOptions, settings: config.Settings, overrides: dict[str, Any]) -> int:
    supervisor = Supervisor(options, FileHooks())

    def reload() -> None:
        nonlocal settings
        try:
            settings, live, restart = config.reload(settings, overrides=overrides)
        except config.ConfigError as error:
            log.event(logger, logging.ERROR, "settings.refused", reason=str(error))
            return
        supervisor.adopt(make_options(settings))
        log.event(
            logger,
            logging.INFO,
            "settings.reloaded",
            changed=", ".join(live) or "nothing",
            needs_restart=", ".join(restart) or "nothing",
        )

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    return await supervisor.run()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python worker.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="What is not given here comes from the configuration: docs/configuration.md",
    )
    parser.add_argument(
        "--queues", metavar="A,B", help="the queues to serve, in this order, or by weight: mail=3,default=1"
    )
    parser.add_argument("--processes", metavar="N", help="runner processes")
    parser.add_argument("--slots", metavar="N", help="async jobs that one runner runs at once")
    parser.add_argument("--handlers", metavar="M,N", help="modules to load handlers from")
    parser.add_argument("--name", help="what this worker is called in logs and histories")
    parser.add_argument("--burst", action="store_true", help="stop when nothing is left to do")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the TOML file of settings")
    parser.add_argument("--redis-url", metavar="URL", help="where the jobs are")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
