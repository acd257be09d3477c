"""The Lua scripts: put together from their files, known by their hash, loaded once a server.

A file that is a transition, or a part, defines functions; a file that is called has a body. `PARTS` says
which files stand before it. `-- flags` in its header become a `#!lua` line on servers that know it (Redis 7
and later): without `allow-oom` a script is refused at maxmemory before it starts. Redis 6 refuses only a
script's first write: there `allow-oom` is a write in front that needs no memory.

Redis runs a script's whole text at every call: each function in it is made anew, and so is its link to
each local of the text around it. So functions nobody calls are left out, and the words of `keys` become
literals, and what only some calls need is made when it is asked for. That halves what a call with a single
job costs.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from .keys import LUA_WORDS

LUA: Final = Path(__file__).with_name("lua")

# Which files stand before a script's own, in this order. What of them nobody calls is left out.
_JOBS = ("basics", "jobs")
_MOVES = (*_JOBS, "lines", "idle", "places", "watching", "moves")
_TIES = (*_MOVES, "ties", "admit", "unique", "limits")
_ENDS = (*_TIES, "close", "attempts")
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "advance": (*(*_JOBS, "lines", "idle", "places", "watching", "schedule", "claim", "complete"),),
    "cancel": (*_TIES, "close", "withdraw"),
    "enqueue": ("basics", "lines", "idle", "hand_over"),
    "expired": ("basics",),
    "heartbeat": (*_MOVES, "ties", "admit", "limits", "schedule", "promote"),
    "pause_queue": ("basics", "lines"),
    "progress": (*_JOBS, "watching", "moves"),
    "prune": (*_JOBS, "watching"),
    "reconcile": (*_ENDS, "release"),
    "register": ("basics",),
    "requeue": (*_MOVES, "ties", "unique", "bounds"),
    "resume_queue": ("basics", "lines"),
    "revoke": ("basics",),
    "room": (*_JOBS, "bounds"),
    "sweep": (
        *(*_MOVES, "set_aside", "ties", "admit", "unique", "keep_name", "limits", "close", "attempts"),
        "recover",
    ),
    "sweep_limits": (*_JOBS, "idle", "places", "watching", "moves", "admit", "limits"),
    "sweep_unique": (*_JOBS, "idle", "places", "watching", "moves", "ties", "admit", "unique"),
    "take_over": (*_ENDS, "recover"),
    "unregister": ("basics", "lines", "idle"),
    "watch": _JOBS,
}

# What a script needs in some of its calls only. It is made when a call asks for it: `seldom().retry(...)`.
SELDOM: Final[dict[str, tuple[str, ...]]] = {
    "advance": (
        *("moves", "set_aside", "ties", "admit", "unique", "limits", "close", "attempts", "promote"),
        *("complete_tied", "retry", "fail", "release", "stop", "recover", "settle_others", "repeated"),
        "pauses",
    ),
    "enqueue": (
        *("jobs", "places", "watching", "moves", "set_aside", "ties", "admit", "unique", "limits"),
        *("close", "withdraw", "idempotency", "take_name", "bounds"),
    ),
}

_HEADER = re.compile(r"^-- (\w+) +(.*)$", re.MULTILINE)
_FUNCTION = re.compile(r"^local function (\w+)\(.*?^end$\n", re.MULTILINE | re.DOTALL)
_VALUE = re.compile(r"^local (\w+) = .*$\n", re.MULTILINE)
_TEXT_OR_WORD = re.compile(rf"'[^']*'|\b({'|'.join(LUA_WORDS)})\b")


class Script:
    """One script as a server of some version runs it: its text and the hash it is called by."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@cache
def scripts(*, shebang: bool) -> dict[str, Script]:
    """All scripts by name, with or without `#!lua` lines."""
    return {name: Script(name, _compose(name, shebang=shebang)) for name in PARTS}


@cache
def source(name: str) -> str:
    """The text of one Lua file. Raises LookupError where there is none of that name."""
    path = LUA / f"{name}.lua"
    if not path.is_file():
        raise LookupError(
            f"there is no Lua file {name!r} in {LUA}; PARTS and the broker name the ones there are"
        )
    return path.read_text(encoding="utf-8")


def header(name: str) -> dict[str, str]:
    """The header's rows of one Lua file: `from`, `to`, `flags`, `KEYS`, `ARGV`, `reply`."""
    comment = source(name).split("\nlocal ", 1)[0]
    return {word: text.strip() for word, text in _HEADER.findall(comment)}


def _compose(name: str, *, shebang: bool) -> str:
    parts = [_code(part) for part in PARTS[name]]
    asking = next((at for at, part in enumerate(parts) if "seldom()" in part), len(parts))
    text = _needed("".join(parts[asking:]), _code(name))
    text = _needed("".join(parts[:asking]), _on_demand(SELDOM.get(name, ()), text))
    text = _TEXT_OR_WORD.sub(lambda match: LUA_WORDS[match[1]] if match[1] else match[0], text)
    flags = header(name).get("flags", "-")
    if not shebang:
        return text if flags == "-" else f"redis.call('PERSIST', KEYS[1])\n{text}"
    return ("#!lua\n" if flags == "-" else f"#!lua flags={flags}\n") + text


def _code(name: str) -> str:
    """A file without its comments, which a server need not keep."""
    lines = (line for line in source(name).splitlines() if not line.lstrip().startswith("--"))
    return "".join(f"{line}\n" for line in lines if line.strip())


def _on_demand(parts: tuple[str, ...], body: str) -> str:
    """A script's text behind a function that makes what these parts define, once, when it is first called."""
    if not parts:
        return body
    needed = _needed("".join(_code(part) for part in parts), body).removesuffix(body)
    asked = set(re.findall(r"\.(\w+)", body))
    named = ", ".join(f"{name} = {name}" for name in _FUNCTION.findall(needed) if name in asked)
    return (
        f"local made\nlocal function seldom()\nif made then return made end\n{needed}"
        f"made = {{ {named} }}\nreturn made\nend\n{body}"
    )


def _needed(parts: str, body: str) -> str:
    """A script's text without the functions and values of its parts that nothing after them names."""
    pieces = [*_FUNCTION.finditer(parts), *_VALUE.finditer(parts)]
    for piece in sorted(pieces, key=lambda found: found.start(), reverse=True):
        if not re.search(rf"\b{piece[1]}\b", parts[piece.end() :] + body):
            parts = parts[: piece.start()] + parts[piece.end() :]
    return parts + body
