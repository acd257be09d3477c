"""The Lua scripts: put together from their files, known by their hash, loaded once a server.

A file that is a transition defines one function; a file that is called has a body. `-- uses a, b`
in a header puts those functions in front of the body. `-- flags` become a `#!lua` line on servers
that know it (Redis 7 and later): without `allow-oom` a script is refused at maxmemory before it starts.
Redis 6 refuses only a script's first write: there `allow-oom` is a write in front that needs no memory.

Redis runs a script's whole text at every call: each function in it is made anew, and so is its link to
each local of the text around it. So functions nobody calls are left out, and the words of `keys` become
literals. That halves what a call with a single job costs.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from .keys import LUA_WORDS

LUA: Final = Path(__file__).with_name("lua")

CALLED: Final = (
    "advance",
    "cancel",
    "enqueue",
    "expired",
    "heartbeat",
    "progress",
    "prune",
    "reconcile",
    "register",
    "requeue",
    "sweep",
    "take_over",
    "unregister",
    "watch",
)

_HEADER = re.compile(r"^-- (\w+) +(.*)$", re.MULTILINE)
_FUNCTION = re.compile(r"^local function (\w+)\(.*?^end$\n", re.MULTILINE | re.DOTALL)
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
    return {name: Script(name, _compose(name, shebang=shebang)) for name in CALLED}


@cache
def source(name: str) -> str:
    """The text of one Lua file."""
    return (LUA / f"{name}.lua").read_text(encoding="utf-8")


def header(name: str) -> dict[str, str]:
    """The header's rows of one Lua file: `from`, `to`, `uses`, `flags`, `KEYS`, `ARGV`, `reply`."""
    comment = source(name).split("\nlocal ", 1)[0]
    return {word: text.strip() for word, text in _HEADER.findall(comment)}


def _compose(name: str, *, shebang: bool) -> str:
    rows = header(name)
    used = [part.strip() for part in rows.get("uses", "").split(",") if part.strip()]
    text = _needed("".join(_code(part) for part in ("prelude", *used, name)))
    text = _TEXT_OR_WORD.sub(lambda match: LUA_WORDS[match[1]] if match[1] else match[0], text)
    flags = rows.get("flags", "-")
    if not shebang:
        return text if flags == "-" else f"redis.call('PERSIST', KEYS[1])\n{text}"
    return ("#!lua\n" if flags == "-" else f"#!lua flags={flags}\n") + text


def _code(name: str) -> str:
    """A file without its comments, which a server need not keep."""
    lines = (line for line in source(name).splitlines() if not line.lstrip().startswith("--"))
    return "".join(f"{line}\n" for line in lines if line.strip())


def _needed(text: str) -> str:
    """The text without the functions that nothing after them names."""
    for function in reversed(list(_FUNCTION.finditer(text))):
        if not re.search(rf"\b{function[1]}\b", text[function.end() :]):
            text = text[: function.start()] + text[function.end() :]
    return text
