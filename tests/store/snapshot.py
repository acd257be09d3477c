"""A complete database as Python values, and what differs between two of them, by name."""

import json
import re
from typing import Any

import redis

from queuecore.store.keys import FIELDS, NAMES

Snapshot = dict[str, Any]

FIELD_OF = {letter: name for name, letter in FIELDS.items()}
ENDING = ("idempotency:", "alive:", "call:", "counted:", "amount:")
# They change with every call and decide nothing else: a runner's latest answer, when somebody last looked.
LEFT_OUT = ("call:", "recovery", "rate:")


class Moment:
    """Stands for any time in ms that lies in the run of the tests; equal to numbers and their texts."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str | int | float) and 1_600_000_000_000 < float(other) < 4e12

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "NOW"


NOW = Moment()
GONE = None  # what a thing that is not there is


def snapshot(client: redis.Redis, space: str = "main", prefix: str = "qc") -> Snapshot:
    """All keys of a space without their common beginning; a job's fields by their long names."""
    base = f"{prefix}:{{{space}}}:"
    found = (key.decode() for key in client.keys(f"{base}*"))
    keys = sorted(key for key in found if not key.removeprefix(base).startswith(LEFT_OUT))
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.type(key)
        types = pipeline.execute()
        for key, kind in zip(keys, types, strict=True):
            match kind:
                case b"string":
                    pipeline.get(key)
                case b"list":
                    pipeline.lrange(key, 0, -1)
                case b"set":
                    pipeline.smembers(key)
                case b"zset":
                    pipeline.zrange(key, 0, -1, withscores=True)
                case b"hash":
                    pipeline.hgetall(key)
        values = pipeline.execute()
    return _spell_out(
        {
            (name := key.removeprefix(base)): _python(name, value)
            for key, value in zip(keys, values, strict=True)
        }
    )


def _spell_out(raw: Snapshot) -> Snapshot:
    """Each thing of a job by a name of its own, also what is stored two in a field or beside the job.

    VERSION is the sum that everybody sees, left out while it is 1; so is ATTEMPT before the first claim.
    """
    for token, clients in raw.pop("watched", {}).items():
        raw[f"job:{token}"]["WATCH"] = clients
    for name, job in raw.items():
        if not name.startswith(NAMES["JOB"]) or "STATE" not in job:
            continue
        state, attempt, *tied = str(job["STATE"]).split()
        assert bool(tied) == ("TIES" in job), f"{name}: the mark and the ties do not agree"
        version = 1 + int(attempt) + job.pop("CHANGES", 0) + (state == "completed")
        job["STATE"] = state
        if int(attempt):
            job["ATTEMPT"] = int(attempt)
        if version > 1:
            job["VERSION"] = version
        if "CLAIMED" in job:
            runner, started = job.pop("CLAIMED").rsplit(" ", 1)
            job["RUNNER"], job["STARTED"] = _text(runner.encode()), int(started)
    for name, attempts in raw.items():
        if name.startswith((NAMES["RUNNING"], NAMES["PLACES"])):
            raw[name] = {_token_of_attempt(attempt, raw) for attempt in attempts}
    return raw


def _token_of_attempt(name: str, raw: Snapshot) -> str:
    """The token in an attempt's name, if that attempt is the job's latest; else the name as it is."""
    token, _, number = name.partition(":")
    job = raw.get(f"job:{token}", {})
    return token if job.get("ATTEMPT") == int(number or 1) else name


def changes(before: Snapshot, after: Snapshot) -> Snapshot:
    """What is different afterwards, by name: `job:<token> STATE` for a field, `line:normal` for a key."""
    flat_before, flat_after = _flat(before), _flat(after)
    return {
        name: flat_after.get(name, GONE)
        for name in sorted({*flat_before, *flat_after})
        if flat_before.get(name, GONE) != flat_after.get(name, GONE)
    }


def _flat(snapshot: Snapshot) -> Snapshot:
    flat = {}
    for name, value in snapshot.items():
        if isinstance(value, dict) and not isinstance(value, _Scores):
            flat.update({f"{name} {field}": each for field, each in value.items()})
        else:
            flat[name] = value
    return flat


class _Scores(dict[str, int]):
    """A sorted set; its members are compared together."""


def _python(name: str, value: Any) -> Any:
    match value:
        case bytes():
            return value.decode()
        case set():
            return {_text(each) for each in value}
        case dict():
            is_job = name.startswith(NAMES["JOB"])
            return {
                FIELD_OF[_text(field)] if is_job else _text(field): _text(each)
                for field, each in value.items()
            }
        case list() if value and isinstance(value[0], tuple):
            return _Scores((_text(member), int(score)) for member, score in value)
        case list() if name.startswith(NAMES["HISTORY"]):
            return [json.loads(each) for each in value]
        case list():
            return [_text(each) for each in value]
    raise AssertionError(f"{name}: {value!r}")


def _text(value: bytes) -> Any:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else text
