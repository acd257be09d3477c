"""What `queuecore` knows to do."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import click

from .worker import worker


def _version() -> str:
    try:
        return version("queuecore")
    except PackageNotFoundError:
        return "of this checkout, which is not installed"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(_version(), message="queuecore %(version)s")
def main() -> None:
    """Work with queuecore, a job queue on Redis."""


main.add_command(worker)
