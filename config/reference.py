"""The reference page and the production template, written from the notes on the settings."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from config.options import Key, keys_of, show_value
from config.settings import Settings

# What a production installation says differently from the defaults.
PRODUCTION: Mapping[str, Any] = {
    "data_dir": "/var/lib/queuecore",
    "redis_url": "redis://redis.internal:6379/0",
    "auth.required": True,
    "log.format": "json",
}

PAGE_HEAD = """\
# Configuration

<!-- Generated from config/settings.py by `make docs`. Edit that file. -->

Everything has a default; `make run` needs no configuration. A value is looked for in this order, and the
last one found holds:

1. the default,
2. a TOML file, named by `--config FILE` or by `QUEUECORE_CONFIG`;
   [`config/production.toml`](../config/production.toml) is a template with every setting,
3. the environment: `QUEUECORE_` and the name of the setting, such as `QUEUECORE_HTTP_PORT` for
   `http.port`, or one of the short forms `HOST`, `PORT`, `DATA_DIR`, `REDIS_URL`, `WORKERS`. The long
   form holds where both are set. An empty variable counts as not set. Lists are written with commas,
   `auth.tokens` as JSON,
4. the command line, where the command has an option for it (`python worker.py --help`).

Times are written as `250ms`, `25s`, `10m`, `1h30m`, `24h`, `7d`, `2w` or as a number of seconds; sizes
as `256KiB`, `2GiB`, `500MB` or as a number of bytes.

All mistakes are told at once, each with its key, the value and what is allowed. A setting that does not
exist is a mistake, and nothing starts until all are corrected. `python -m config check` looks without
starting anything; `python -m config` prints what holds in the end, secrets masked.

`SIGHUP` (`kill -HUP`) to the launcher, the API or a worker reads the file again. Settings marked *at
once* change while running; for the others the log says that they wait for a restart. A file with
mistakes changes nothing.
"""

TEMPLATE_HEAD = """\
# Configuration of a production installation: a template with every setting.
#
# Generated from config/settings.py by `make docs`. Copy it, change the copy, and start with
# QUEUECORE_CONFIG=/etc/queuecore.toml. A setting behind a # has the value shown there anyway.
# `python -m config check` finds mistakes, docs/configuration.md says more.
"""

TOKENS_EXAMPLE = """\
# [[auth.tokens]]            # one table a token; made by: python -m config token NAME OWNER
# name = "reports"
# owner = "finance"
# sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
# role = "user"              # or "operator", who sees the jobs of all
"""


def write_page() -> str:
    """Write `docs/configuration.md`."""
    return "\n".join([PAGE_HEAD, *_page_sections()]).rstrip() + "\n"


def write_template() -> str:
    """Write `config/production.toml`."""
    return "\n".join([TEMPLATE_HEAD, *_template_sections()]).rstrip() + "\n"


def write_toml(key: Key, value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{entry}"' for entry in value) + "]"
    if isinstance(value, int | float) and not key.option.unit:
        return show_value(key, value)
    text = value if isinstance(value, str) else show_value(key, value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sections() -> Iterator[tuple[str, str, list[Key]]]:
    """List the sections as (name, what it is, its settings), the settings above the first section first."""
    keys = keys_of(Settings).values()
    for name in dict.fromkeys(key.section for key in keys):
        about = type(getattr(Settings(), name)).__doc__ if name else "Where things are."
        yield name, (about or "").strip(), [key for key in keys if key.section == name]


def _page_sections() -> Iterator[str]:
    for name, about, keys in sections():
        yield f"## {f'[{name}]' if name else 'Above the first section'}\n\n{about}\n"
        for key in keys:
            yield _page_entry(key)


def _page_entry(key: Key) -> str:
    default = key.option.default_text or (
        f"`{write_toml(key, key.default)}`" if key.default else _nothing(key)
    )
    variables = f"`{key.variable}`" + (f" or `{key.option.short}`" if key.option.short else "")
    changes = "at once" if key.option.live else "at a restart"
    return (
        f"### `{key.name}`\n\n{key.option.text}\n\n"
        f"- default: {default}\n- allowed: {key.wanted}\n- environment: {variables}\n- changes: {changes}\n"
    )


def _nothing(key: Key) -> str:
    return f"`{write_toml(key, key.default)}`" if isinstance(key.default, int | float) else "empty"


def _template_sections() -> Iterator[str]:
    for name, about, keys in sections():
        yield f"# {about}\n[{name}]\n" if name else f"# {about}\n"
        for key in keys:
            yield _template_entry(key)


def _template_entry(key: Key) -> str:
    allowed = f"Allowed: {key.wanted}." + (" Changes at a reload." if key.option.live else "")
    about = "\n".join(f"# {line}" for text in (key.option.text, allowed) for line in wrap(text, 108))
    if key.name == "auth.tokens":
        return f"{about}\n{TOKENS_EXAMPLE}"
    if key.name in PRODUCTION:
        return f"{about}\n{key.field} = {write_toml(key, PRODUCTION[key.name])}\n"
    if key.option.default_text:
        return f"{about}\n# {key.field} = ...  # {key.option.default_text}\n"
    return f"{about}\n# {key.field} = {write_toml(key, key.default)}\n"
