"""Every setting of queuecore, with its default and what it does.

`docs/configuration.md` and `config/production.toml` are generated from this file (`make docs`). A value gets
here through `config.load`, which has checked it; code takes the section it needs, never the environment.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from config.options import Option

Role = Literal["user", "operator"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

DAY = 86_400.0
KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


def count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token that may be used against the API. Only its SHA-256 is ever stored.

    Attributes:
        name: what the token is called in logs.
        owner: whose jobs it makes and sees; several tokens may have one owner.
        sha256: SHA-256 of the token, 64 lower-case hexadecimal digits.
        role: `user` sees the owner's jobs, `operator` sees all.
    """

    name: str
    owner: str
    sha256: str
    role: Role = "user"


class Http(msgspec.Struct, frozen=True, kw_only=True):
    """The page and the API."""

    host: Annotated[
        str,
        Option(
            "Address to listen on. `0.0.0.0` is every network of the machine: set `auth.required` first.",
            pattern=r"[0-9A-Za-z.:_-]{1,253}",
            pattern_text="an IP address or a host name",
            short="HOST",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, Option("Port to listen on. `0` takes a free one.", at_least=0, at_most=65_535, short="PORT")
    ] = 8000
    max_upload_bytes: Annotated[
        int,
        Option(
            "Largest file that is accepted. A longer upload is refused with 413 as soon as that is known.",
            unit="bytes",
            at_least=1,
            at_most=1 << 50,
            live=True,
        ),
    ] = 2 * GIB
    min_body_rate: Annotated[
        int,
        Option(
            "Slowest upload or download that is tolerated. One that is behind it, or stands still, for 30 "
            "seconds is ended. `0` tolerates any that does not stand still.",
            unit="bytes a second",
            at_least=0,
            at_most=GIB,
            live=True,
        ),
    ] = KIB
    max_connections: Annotated[
        int,
        Option(
            "Connections that one API process holds at one time; fewer where the system allows it fewer open "
            "files, which is said at the start. At the bound the one that has waited longest for its next "
            "request makes room; while all are at work, new ones are refused with 503.",
            at_least=1,
            at_most=1_000_000,
        ),
    ] = 1000
    max_connections_per_client: Annotated[
        int,
        Option(
            "The same for one client: an address, or in IPv6 a network of 64 bits. Behind trusted proxies "
            "the requests of a client that are under way are counted instead.",
            at_least=1,
            at_most=1_000_000,
            live=True,
        ),
    ] = 200
    trusted_proxies: Annotated[
        tuple[str, ...],
        Option(
            "Addresses and networks of proxies in front of the API. What they say of a client in "
            "`X-Forwarded-For` and `X-Forwarded-Proto` is believed, and no bound for one client holds for "
            "themselves. The bounds for one client need it behind a proxy on another machine: without it, "
            "the proxy is the one client.",
            pattern=r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?",
            pattern_text="addresses or networks such as 10.0.0.5, 10.1.0.0/16 or fd00::/8",
        ),
    ] = ("127.0.0.1", "::1")
    max_wait: Annotated[
        float,
        Option(
            "Longest time that a request with `?wait=` or `Prefer: wait=` is held open.",
            unit="seconds",
            at_least=0,
            at_most=300,
            live=True,
        ),
    ] = 30.0
    session_secret: Annotated[
        str,
        Option(
            "Key that signs the cookies. Empty: a random one is made once and kept in "
            "`DATA_DIR/session-secret`, readable by its owner only. Set it where several API processes have "
            "no data directory in common.",
            pattern=r"|.{32,}",
            pattern_text="empty, or at least 32 characters",
            secret=True,
        ),
    ] = ""


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use the API."""

    required: Annotated[
        bool,
        Option(
            "Whether a token is asked for. If not, everybody who can reach the port may use the service, and "
            "sees the jobs of their own browser. If so, and there are no tokens, nobody may. A reload can "
            "switch it on; switching it off needs a restart.",
            live=True,
        ),
    ] = False
    tokens: Annotated[
        tuple[Token, ...],
        Option(
            "Tokens that are accepted as `Authorization: Bearer …` and by the page's sign-in. "
            "`python -m config token NAME OWNER` makes one. They go with `auth.required = true`; which "
            "tokens there are never decides whether one is needed.",
            pattern_text="a list of tables with name, owner, sha256 (64 hexadecimal digits) and role "
            "(user or operator)",
            live=True,
            secret=True,
        ),
    ] = ()


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """The worker: one supervisor, its runner processes and their job processes."""

    queues: Annotated[
        tuple[str, ...],
        Option(
            "Queues to work on, the preferred one first, or each with a weight: `mail=3` has three times the "
            "share of `default=1`. None starves. A kind is put into `default`, unless its handler names "
            "a queue.",
            at_least=1,
            pattern=r"[a-z][a-z0-9_]{0,31}(=(100|[1-9][0-9]?))?",
            pattern_text="names of lower-case letters, digits and underscores, 32 at most, a letter first, "
            "each with `=` and a weight from 1 to 100 if shares are wanted",
        ),
    ] = ("default",)
    processes: Annotated[
        int,
        Option(
            "Runner processes: event loops that claim jobs and run the async handlers.",
            at_least=1,
            at_most=1024,
            short="WORKERS",
            default_text="the number of cores",
        ),
    ] = msgspec.field(default_factory=count_cores)
    slots: Annotated[
        int,
        Option("Async jobs that one runner runs at once in its event loop.", at_least=1, at_most=100_000),
    ] = 100
    threads: Annotated[
        int,
        Option(
            'Jobs with `runs="thread"` that one runner runs at once, each in a thread of its own.',
            at_least=1,
            at_most=10_000,
        ),
    ] = 100
    runner_memory_bytes: Annotated[
        int,
        Option(
            "Memory that one runner may hold. One that holds more is replaced: its jobs have `grace` to end, "
            "and count as crashed then.",
            unit="bytes",
            at_least=128 * MIB,
            at_most=1 << 44,
        ),
    ] = 2 * GIB
    job_processes: Annotated[
        int,
        Option(
            'Job processes of this machine: so many handlers with `runs="process"` work at one time.',
            at_least=1,
            at_most=1024,
            default_text="the number of cores",
        ),
    ] = msgspec.field(default_factory=count_cores)
    job_memory_bytes: Annotated[
        int,
        Option(
            "Memory that one job process may use. A job that wants more fails with that reason.",
            unit="bytes",
            at_least=64 * MIB,
            at_most=1 << 44,
        ),
    ] = 2 * GIB
    job_recycle: Annotated[
        int,
        Option("Jobs after which a job process is replaced by a new one.", at_least=1, at_most=1_000_000),
    ] = 100
    handlers: Annotated[
        tuple[str, ...],
        Option(
            "Python modules and packages in which the handlers are looked for.",
            at_least=1,
            pattern=r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*",
            pattern_text="names of importable modules such as `handlers` or `mycompany.jobs`",
        ),
    ] = ("handlers",)
    name: Annotated[
        str,
        Option(
            "What this worker is called in logs and in a job's history. Empty: the name of the host.",
            pattern=r"[A-Za-z0-9_.-]{0,64}",
            pattern_text="letters, digits, dots, dashes and underscores, 64 at most",
        ),
    ] = ""
    grace: Annotated[
        float,
        Option(
            "Time that running jobs get to end after SIGTERM, before they are given back to their queue.",
            unit="seconds",
            at_least=0,
            at_most=DAY,
            live=True,
        ),
    ] = 25.0
    heartbeat_interval: Annotated[
        float,
        Option("Time between two heartbeats of a worker.", unit="seconds", at_least=0.05, at_most=60),
    ] = 2.4
    heartbeat_ttl: Annotated[
        float,
        Option(
            "Time without a heartbeat after which a worker is taken for dead and its jobs go back in line. "
            "At least 2.5 heartbeats.",
            unit="seconds",
            at_least=0.2,
            at_most=600,
        ),
    ] = 6.0
    stall_timeout: Annotated[
        float,
        Option(
            "Time after which a runner whose event loop does not turn is killed by its supervisor. "
            "Longer than `heartbeat_ttl`.",
            unit="seconds",
            at_least=1,
            at_most=DAY,
        ),
    ] = 60.0


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of jobs, and how large they may be."""

    retention_completed: Annotated[
        float,
        Option(
            "Time that a completed job and its files are kept.",
            unit="seconds",
            at_least=1,
            at_most=3650 * DAY,
            live=True,
        ),
    ] = 7 * DAY
    retention_failed: Annotated[
        float,
        Option(
            "Time that a failed job and its files are kept.",
            unit="seconds",
            at_least=1,
            at_most=3650 * DAY,
            live=True,
        ),
    ] = 14 * DAY
    retention_cancelled: Annotated[
        float,
        Option(
            "Time that a cancelled job and its files are kept.",
            unit="seconds",
            at_least=1,
            at_most=3650 * DAY,
            live=True,
        ),
    ] = 2 * DAY
    idempotency_window: Annotated[
        float,
        Option(
            "Time for which an `Idempotency-Key` is remembered.",
            unit="seconds",
            at_least=1,
            at_most=365 * DAY,
        ),
    ] = DAY
    max_arguments_bytes: Annotated[
        int,
        Option(
            "Largest arguments of one job, as they are stored.",
            unit="bytes",
            at_least=KIB,
            at_most=64 * MIB,
        ),
    ] = 256 * KIB
    max_result_bytes: Annotated[
        int,
        Option(
            "Largest result value of one job, as it is stored. Files that a handler publishes do not count.",
            unit="bytes",
            at_least=KIB,
            at_most=64 * MIB,
        ),
    ] = MIB


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may have: an owner where a token is asked for, else an address. `0` bounds nothing."""

    unfinished_jobs: Annotated[
        int,
        Option(
            "Jobs of one client that wait or run at one time, over all API processes. More are refused with "
            "429; each file of a form counts.",
            at_least=0,
            at_most=10_000_000,
            live=True,
        ),
    ] = 500
    stored_bytes: Annotated[
        int,
        Option(
            "Uploaded files of one client that are kept at one time, over all API processes, as long as "
            "their jobs are. More are refused with 429, a file that is larger by itself with 413.",
            unit="bytes",
            at_least=0,
            at_most=1 << 50,
            live=True,
        ),
    ] = 20 * GIB
    requests_a_minute: Annotated[
        int,
        Option(
            "Requests of one client that make jobs or try them again, in a minute, at once if they like; "
            "each API process counts for itself. More are refused with 429; each file of a form counts.",
            at_least=0,
            at_most=1_000_000,
            live=True,
        ),
    ] = 300


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged, to standard error."""

    level: Annotated[
        LogLevel,
        Option(
            "Least important lines that are written.",
            choices=("debug", "info", "warning", "error"),
            live=True,
        ),
    ] = "info"
    format: Annotated[
        LogFormat,
        Option("`text` for people, `json` for a log collector.", choices=("text", "json"), live=True),
    ] = "text"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. `Settings()` is the defaults; `config.load()` is what was configured."""

    data_dir: Annotated[
        Path,
        Option(
            "Directory for everything that must be kept: uploaded files, results, and the private Redis. "
            "Made where it does not exist.",
            pattern_text="a path of a directory",
            short="DATA_DIR",
            default_text="`data` in the directory of the start",
        ),
    ] = msgspec.field(default_factory=lambda: Path("data").absolute())
    redis_url: Annotated[
        str,
        Option(
            "Redis to use: `redis://`, `rediss://` or `unix://`. Empty: `make run` starts a private one that "
            "keeps its data in `DATA_DIR/redis`.",
            pattern=r"|(rediss?://[^\s/?]+|unix://[^\s?]+)\S*",
            pattern_text="empty, or an address such as redis://host:6379/0, rediss://host:6379/0 or "
            "unix:///path/of/redis.sock",
            secret=True,
            short="REDIS_URL",
        ),
    ] = ""
    redis_prefix: Annotated[
        str,
        Option(
            "First part of every key, so that several installations can share one Redis.",
            pattern=r"[a-z][a-z0-9_-]{0,15}",
            pattern_text="lower-case letters, digits, dashes and underscores, 16 at most, a letter first",
        ),
    ] = "qc"
    redis_space: Annotated[
        str,
        Option(
            "Space that the jobs lie in: what is decided together lies on one node of a Redis Cluster. "
            "Another name is another set of jobs, seen by none of the others.",
            pattern=r"[a-z][a-z0-9_]{0,31}",
            pattern_text="lower-case letters, digits and underscores, 32 at most, a letter first",
        ),
    ] = "main"
    http: Http = Http()
    auth: Auth = Auth()
    worker: Worker = msgspec.field(default_factory=Worker)
    jobs: Jobs = Jobs()
    bounds: Bounds = Bounds()
    log: Log = Log()
