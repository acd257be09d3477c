"""`queuecore worker MODULE ...`: runs jobs with the handlers of some modules, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any, Literal

import click

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
    help="Where the jobs are: redis://, rediss:// or unix://.",
)
@click.option("--prefix", default="qc", help="First word of every key, as the producers have it.")
@click.option("--space", "spaces", multiple=True, default=[DEFAULT_SPACE], help="Spaces to serve.")
@click.option(
    "--queues",
    default=DEFAULT_QUEUE,
    help="Queues to serve, the preferred one first, or by weight: mail=3,default=1.",
)
@click.option("--processes", default=1, help="Runner processes: event loops that run jobs.")
@click.option("--slots", default=100, help="Async jobs that one runner runs at once.")
@click.option("--threads", default=100, help="Jobs that one runner runs at once in threads.")
@click.option("--job-processes", default=1, help="Job processes that one runner has.")
@click.option("--grace", default=25.0, help="Seconds that running jobs have when the worker is to stop.")
@click.option("--name", default="", help="What this worker is called in logs and histories.")
@click.option("--burst", is_flag=True, help="Stop when nothing is left to do.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    help="debug also tells of each completed job.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", help="For people or programs."
)
def worker(
    modules: tuple[str, ...], log_level: str, log_format: Literal["text", "json"], **given: Any
) -> None:
    """Run jobs with the handlers in MODULE..., names as in an import; the current directory counts.

    SIGTERM or Ctrl-C lets running jobs have their grace and gives back what is left; a second one stops
    at once.
    """
    # As `python -m` has it; the command of an installed package would not look here.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    queues = tuple(part.strip() for part in given.pop("queues").split(",") if part.strip())
    try:
        parse_address(given["redis_url"])
        options = WorkerOptions(
            **given, queues=queues, handlers=modules, log_level=log_level.upper(), log_format=log_format
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    log.configure(level=options.log_level, format=options.log_format)
    try:
        Registry.load(modules)
    except HandlerError as error:
        log.event(logger, logging.DEBUG, "handlers.refused", exc_info=error.__cause__)
        raise click.ClickException(str(error)) from error
    sys.exit(asyncio.run(Supervisor(options).run()))
