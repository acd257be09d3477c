"""`queuecore worker MODULE ...`: runs jobs with the handlers of some modules, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from .. import log
from ..handling import Registry
from ..model import DEFAULT_QUEUE, DEFAULT_SPACE, HandlerError, WorkerOptions
from ..store import parse_address
from ..worker import Supervisor

logger = logging.getLogger("queuecore.command")


@click.command()
@click.argument("modules", nargs=-1, required=True, metavar="MODULE...")
@click.option(
    "--redis-url",
    envvar="REDIS_URL",
    default="redis://localhost:6379/0",
    show_envvar=True,
    metavar="URL",
    help="Where the jobs are: redis://, rediss:// or unix://. Arguments can be read by every user of the "
    "machine; the variable is the place for a password.",
)
@click.option(
    "--prefix", default="qc", metavar="WORD", help="First word of every key, as the producers have it."
)
@click.option(
    "--space",
    "spaces",
    multiple=True,
    default=[DEFAULT_SPACE],
    metavar="NAME",
    help="A space to serve; may be given several times.",
)
@click.option(
    "--queues",
    metavar="A,B",
    show_default="those of the handlers, in turn",
    help="Queues to serve, the preferred one first, or by weight: mail=3,default=1.",
)
@click.option("--processes", default=1, metavar="N", help="Runner processes: event loops that run jobs.")
@click.option("--slots", default=100, metavar="N", help="Async jobs that one runner runs at once.")
@click.option("--threads", default=100, metavar="N", help="Jobs that one runner runs at once in threads.")
@click.option("--job-processes", default=1, metavar="N", help="Job processes: jobs that run at once in them.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=25.0,
    metavar="SECONDS",
    help="How long running jobs may go on when the worker is to stop.",
)
@click.option(
    "--name",
    default="",
    show_default="the machine's",
    metavar="NAME",
    help="What this worker is called in logs and histories.",
)
@click.option("--burst", is_flag=True, help="Stop when nothing is left to do.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    help="debug also tells of each completed job, and whole tracebacks.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", help="For people or programs."
)
def worker(
    modules: tuple[str, ...],
    queues: str | None,
    log_level: str,
    log_format: Literal["text", "json"],
    **given: Any,
) -> None:
    """Run jobs with the handlers of some modules.

    MODULE is a name as in an import statement: mail for mail.py in the current directory, shop.jobs for a
    module of a package, shop for a package with all its modules.

    SIGTERM or Ctrl-C lets running jobs have their grace and gives back what is left; a second one stops
    at once. The exit code is 0 after an end in order, 1 when the worker failed or its handlers cannot be
    loaded, 2 when an option is wrong.
    """
    _look_into_the_current_directory()
    try:
        parse_address(given["redis_url"])
        options = WorkerOptions(
            **given,
            queues=_split(queues) if queues is not None else (DEFAULT_QUEUE,),
            handlers=modules,
            log_level=log_level.upper(),
            log_format=log_format,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    log.configure(level=options.log_level, format=options.log_format)
    registry = _load(modules)
    if queues is None:
        # By weight: none of them is preferred.
        named = tuple(f"{queue}=1" for queue in registry.queues())
        options = msgspec.structs.replace(options, queues=named)
    sys.exit(asyncio.run(Supervisor(options).run()))


def _look_into_the_current_directory() -> None:
    """Have modules found beside the user, as with `python -m`; an installed command would not look there."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _split(queues: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in queues.split(",") if part.strip())


def _load(modules: tuple[str, ...]) -> Registry:
    try:
        with log.Caretaker():
            return Registry.load(modules)
    except HandlerError as error:
        log.event(logger, logging.DEBUG, "handlers.refused", exc_info=error.__cause__)
        raise click.ClickException(str(error)) from error
