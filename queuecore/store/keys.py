"""The names of everything in Redis. Nobody else builds a key.

All keys of a space share the hash tag `{space}`, so that every script runs on one
node of a Redis Cluster. Lua gets the common beginning as `KEYS[1]` and the same
words from `LUA_WORDS`. docs/redis-keys.md describes each key.
"""

from __future__ import annotations

from typing import Final

from ..model import DEFAULT_LINE, DEFAULT_MAX_CRASHES, NAME, TOKEN_LENGTH

# The fields of a job's hash. One letter each: a name is stored again in every job.
FIELDS: Final = {
    "STATE": "s",  # state, a space, number of claims so far: the fencing token
    "SPEC": "p",  # msgpack array: schema version, kind, arguments, overrides; changes only by a Debounce
    "CREATED": "c",  # ms
    "SEQ": "n",  # number in its line; minus the line's start = index in the list
    "LINE": "l",  # absent: DEFAULT_LINE
    "OWNER": "o",  # absent: nobody's
    "FAILURES": "f",  # attempts that failed, of this series
    "CRASHES": "x",  # attempts whose runner or process died, of this series
    "MAX_CRASHES": "m",  # absent: DEFAULT_MAX_CRASHES
    "CHANGES": "v",  # absent: 0; changes other than claims and completion, see version_of in jobs.lua
    "CLAIMED": "r",  # runner of the latest attempt, a space, when it started in ms
    "FINISHED": "e",  # ms
    "DUE": "d",  # ms, while scheduled
    "RESULT": "y",  # msgpack
    "ERROR": "z",  # JSON, of a failed job
    "PROGRESS": "g",  # msgpack
    "PROGRESSED": "u",  # ms
    "CHECKPOINT": "k",  # msgpack
    "CANCEL": "q",  # 1: asked for while running
    "TIES": "t",  # JSON: what a tied job's start and end depend on, see model/ties
    "WAITS": "w",  # while waiting: the reason, a space, the name of what it waits for
    "TURN": "i",  # its number among those that had to wait
}

HISTORY_LENGTH: Final = 20  # attempts kept in a job's history
LOG_LENGTH: Final = 200  # log lines kept with a job
RECENT_LENGTH: Final = 100_000  # jobs kept in the list of recent ones
SPEC_IN_MESSAGE: Final = 4_096  # bytes of a spec that is handed to a runner with the word of it
RESULT_IN_MESSAGE: Final = (
    4_096  # bytes of a result that is told with the job's end; others are read by who waits
)

# The beginnings of key names after `<prefix>:{<space>}:`; those that end in a colon are followed by an id.
NAMES: Final = {
    "JOB": "job:",  # HASH   one job
    "HISTORY": "history:",  # LIST   ended attempts that were not successful, JSON
    "LOG": "log:",  # LIST   lines a handler logged
    "LINE_OF": "line:",  # LIST   tokens in line
    "OPEN": "open",  # SET    lines that may have tokens in them; every other line is empty
    "LINES": "lines",  # HASH   per line: how many left its head; <line>.holes: cancelled entries still inside
    "SCHEDULED": "scheduled",  # ZSET   token by due time
    "COMPLETED": "completed",  # LIST   tokens in the order they were completed
    "FAILED": "failed",  # ZSET   token by time
    "CANCELLED": "cancelled",  # ZSET   token by time
    "RECENT": "recent",  # LIST   tokens in the order they were enqueued
    "OWNED": "owned:",  # ZSET   one owner's tokens by creation
    "IDEMPOTENCY": "idempotency:",  # STRING token and fingerprint of an idempotency key, with a time to live
    "COUNTED": "counted:",  # ZSET   token:amount of jobs under a bound, by when they were looked at
    "AMOUNT": "amount:",  # STRING how much that is together; both with a time to live
    "REVOKED": "revoked",  # ZSET   names that are worth nothing any more, by until when, with a time to live
    "RUNNERS": "runners",  # HASH   registered runners, JSON
    "RUNNING": "running:",  # SET    attempts a runner has
    "ALIVE": "alive:",  # STRING heartbeat of a runner, with a time to live
    "CALL": "call:",  # STRING a runner's latest call and its answer, or a requeue's; with a time to live
    "IDLE": "idle:",  # SET    runners with free slots of one class that found no job of one queue for them
    "WAITING": "waiting",  # ZSET   waiting tokens by their turn
    "TURNS": "turns",  # STRING how many turns were given to jobs that had to wait
    "WAITERS": "waiters:",  # ZSET   tokens that wait for one limit, by urgency and turn
    "PLACES": "places:",  # SET    attempts that hold a place of one limit
    "HELD": "held",  # SET    limits that attempts hold places of
    "RATE": "rate:",  # STRING until when the starts of one limit are spent, ms, with a time to live
    "LIMITS": "limits",  # HASH   sizes set by operators: limit to places, or to interval and burst
    "PAUSED": "paused",  # HASH   queues that are not claimed from: since when, by whom and why
    "LIMITED": "limited",  # ZSET   limits of places that jobs wait for, by when somebody is to look at them
    "CLOCK": "clock",  # ZSET   rates that jobs wait for, by the time of the next start
    "UNIQUE": "unique",  # HASH   which job holds each unique name
    "FOLLOWERS": "followers:",  # ZSET   the token that waits for one unique name
    "WATCHED": "watched",  # HASH   clients to be told of a job's next change, by token
    "CANCELLING": "cancelling",  # HASH   running jobs with a cancel asked for: token to runner
    "STATISTICS": "statistics",  # HASH   counters
    "RECOVERY": "recovery",  # HASH   when recovery last looked, and until when it judges nobody
    "CONTROL": "control:",  # channel of a runner
    "CHANGED": "changed:",  # channel of a client that waits for jobs
}


# What each of the keys of a space that are there only once holds, as the command TYPE says it.
TYPES: Final = {
    "OPEN": "set",
    "LINES": "hash",
    "SCHEDULED": "zset",
    "WAITING": "zset",
    "HELD": "set",
    "LIMITS": "hash",
    "PAUSED": "hash",
    "LIMITED": "zset",
    "CLOCK": "zset",
    "UNIQUE": "hash",
    "COMPLETED": "list",
    "FAILED": "zset",
    "CANCELLED": "zset",
    "RECENT": "list",
    "REVOKED": "zset",
    "RUNNERS": "hash",
    "WATCHED": "hash",
    "CANCELLING": "hash",
    "STATISTICS": "hash",
    "RECOVERY": "hash",
}


class Keys:
    """The keys of one space."""

    __slots__ = ("base", "space")

    def __init__(self, prefix: str, space: str) -> None:
        if not NAME.fullmatch(space):
            raise ValueError(
                f"space {space!r}: a name is lower case letters, digits and underscores, a letter first, "
                "at most 32 characters"
            )
        self.space = space
        self.base = f"{prefix}:{{{space}}}:"

    def of(self, name: str, end: str = "") -> str:
        """The key called `name` in NAMES, for example `of("JOB", token)`."""
        return f"{self.base}{NAMES[name]}{end}"


def idempotency_name(owner: str, idempotency_key: str) -> str:
    """What follows IDEMPOTENCY; with the owner's length, so that no two owners can have the same."""
    return f"{len(owner)}:{owner}:{idempotency_key}"


# Behind the number of claims in the state of a job that has ties. A claim compares that text anyway, so
# that a job without ties pays nothing for them.
TIED: Final = " tied"

# What Lua code may call the above by, and the literal that takes its place.
LUA_WORDS: Final = {
    **{name: repr(letter) for name, letter in FIELDS.items()},
    **{f"K_{name}": repr(beginning) for name, beginning in NAMES.items()},
    "TIED": repr(TIED),
    "TOKEN_LENGTH": str(TOKEN_LENGTH),
    "DEFAULT_LINE": repr(DEFAULT_LINE),
    "DEFAULT_MAX_CRASHES": str(DEFAULT_MAX_CRASHES),
    "HISTORY_LENGTH": str(HISTORY_LENGTH),
    "LOG_LENGTH": str(LOG_LENGTH),
    "RECENT_LENGTH": str(RECENT_LENGTH),
    "SPEC_IN_MESSAGE": str(SPEC_IN_MESSAGE),
    "RESULT_IN_MESSAGE": str(RESULT_IN_MESSAGE),
}
