"""`python -m launch` (`make run`): the whole service on this machine, with one command.

Starts a private Redis where no `REDIS_URL` is given, the API and one worker; stops everything on Ctrl-C or
SIGTERM. Settings come from `--config`, `QUEUECORE_CONFIG` and the environment: see docs/configuration.md.
"""

import argparse
import contextlib
import sys
from pathlib import Path

import msgspec

import config
from launch.address import AddressTaken, take_port, write_url
from launch.fake_redis import FakeRedis
from launch.launcher import Launcher, LaunchFailed
from launch.private_redis import PrivateRedis, PrivateRedisError, find_server

LOOPBACK = ("127.", "::1", "localhost")

NO_SERVER_WARNING = """
  ****************************************************************************
    No redis-server or valkey-server was found: a simulated one is used.
    JOBS AND THEIR HISTORY ARE GONE WHEN IT STOPS. Uploaded files stay, and are
    processed again. It is slow, and every user of this machine can reach it.
    For real use install Redis (apt install redis-server) and start again.
  ****************************************************************************
"""

OPEN_WARNING = """
  Everybody who can reach this address may use the service: auth.required is false.
  See docs/operations.md, Tokens."""


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal says to stop; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m launch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the TOML file (default: QUEUECORE_CONFIG)"
    )
    options = parser.parse_args(arguments)
    try:
        settings = config.load(options.config)
        port = take_port(settings.http.host, settings.http.port)
        settings = msgspec.structs.replace(settings, http=msgspec.structs.replace(settings.http, port=port))
        redis = None if settings.redis_url else choose_redis(settings)
        launcher = Launcher(settings, config_path=options.config, redis=redis, say=say)
        launcher.run(when_ready=lambda: say(describe(settings, redis)))
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (AddressTaken, PrivateRedisError, LaunchFailed, OSError) as error:
        print(f"queuecore could not be started: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def choose_redis(settings: config.Settings) -> PrivateRedis | FakeRedis:
    """Take the best Redis that this machine has; with a loud warning when it has none."""
    if find_server() is None:
        say(NO_SERVER_WARNING)
        return FakeRedis()
    return PrivateRedis(settings.data_dir / "redis")


def describe(settings: config.Settings, redis: PrivateRedis | FakeRedis | None) -> str:
    """Write what a person wants to know once the service runs."""
    server = redis.description if redis else "the one of REDIS_URL"
    count = settings.worker.processes
    processes = "1 process" if count == 1 else f"{count} processes"
    is_open = not settings.auth.required and not settings.http.host.startswith(LOOPBACK)
    return f"""
  queuecore runs.

    Page    {write_url(settings.http.host, settings.http.port)}
    Data    {settings.data_dir}
    Redis   {server}
    Worker  {processes}
    Stop    Ctrl-C
{OPEN_WARNING if is_open else ""}"""


def say(line: str) -> None:
    """Print a line at once. A terminal that has gone must not keep us from stopping in order."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
