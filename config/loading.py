"""Where settings come from: defaults, then a TOML file, then the environment, then the command line.

Every mistake of every source is collected, so that one start tells them all.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from config.options import Key, keys_of
from config.settings import Settings
from config.values import mask_value, read_value

PREFIX = "QUEUECORE_"
FILE_VARIABLE = "QUEUECORE_CONFIG"
# Variables of the test suite, which say nothing to the service.
FOREIGN_VARIABLES = frozenset({FILE_VARIABLE, "QUEUECORE_REQUIRE_BROWSER", "QUEUECORE_SCREENSHOTS"})


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong in the configuration.

    Attributes:
        key: the setting or variable, as the person wrote it.
        source: where it stands.
        problem: what is wrong and what is allowed.
        value: what was given, secrets masked; empty where no value is at fault.
    """

    key: str
    source: str
    problem: str
    value: str = ""

    def __str__(self) -> str:
        given = f" = {self.value}" if self.value else ""
        return f"{self.key}{given} ({self.source}): {self.problem}"


class ConfigError(Exception):
    """The configuration has mistakes; the text lists all of them, one a line."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "1 mistake"
        super().__init__("\n".join([f"{count} in the configuration:", *(f"  {m}" for m in mistakes)]))


class Given(NamedTuple):
    """A value that somebody wrote down for a setting, not yet read."""

    key: Key
    value: Any
    written: str
    source: str


class Reloaded(NamedTuple):
    """What a reload brought.

    Attributes:
        settings: the settings to go on with: live changes are in it, the others keep their old values.
        live: names of changed settings that take effect now.
        restart: names of changed settings that need a restart.
    """

    settings: Settings
    live: tuple[str, ...]
    restart: tuple[str, ...]


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings: defaults, then the file, then the environment, then `overrides`.

    Args:
        path: the TOML file; by default the one that `QUEUECORE_CONFIG` names, if any.
        environ: the environment; by default that of the process. Empty variables count as not set.
        overrides: values from a command line by the setting's name, such as `{"worker.slots": 10}`.

    Raises:
        ConfigError: with all mistakes, each with its key and what is allowed.
    """
    environ = os.environ if environ is None else environ
    mistakes: list[Mistake] = []
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for given in chain(
        _from_file(path, environ, mistakes),
        _from_environment(environ, mistakes),
        _from_command_line(overrides or {}, mistakes),
    ):
        try:
            values[given.key.name] = read_value(given.key, given.value)
            sources[given.key.name] = given.source
        except ValueError as error:
            shown = mask_value(given.key, given.value)
            mistakes.append(Mistake(given.written, given.source, str(error), shown))
    settings = _build(values)
    if not mistakes:
        mistakes.extend(
            Mistake(name, sources.get(name, "the default"), problem)
            for name, problem in check_together(settings)
        )
    if mistakes:
        raise ConfigError(mistakes)
    return settings


def reload(
    old: Settings,
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Reloaded:
    """Read the settings again, in a process that runs with `old`. The sources are those of `load`.

    Raises:
        ConfigError: with all mistakes; the process goes on with `old`.
    """
    new = load(path, environ, overrides)
    changed = [key for name, key in keys_of(Settings).items() if get_value(old, name) != get_value(new, name)]
    live = tuple(key.name for key in changed if key.option.live and not _opens(key, new))
    kept = {name: get_value(new if name in live else old, name) for name in keys_of(Settings)}
    return Reloaded(_build(kept), live, tuple(key.name for key in changed if key.name not in live))


def get_value(settings: Settings, name: str) -> Any:
    """Get the value of a setting by its name, such as `http.port`."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def to_environment(
    values: Mapping[str, str | int | Path],
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Make the environment of a child process in which the given settings hold.

    Args:
        values: by the setting's name, such as `{"http.port": 80}`.
        path: the TOML file that the child is to read, if any.
        environ: the environment to start from; by default that of the process.
    """
    inherited = dict(os.environ if environ is None else environ)
    given = {keys_of(Settings)[name].variable: str(value) for name, value in values.items()}
    return inherited | given | ({FILE_VARIABLE: str(path.absolute())} if path else {})


def use_file(path: Path) -> None:
    """Have this process, and those it starts, read their settings from the file at `path`."""
    os.environ[FILE_VARIABLE] = str(path.absolute())


def _opens(key: Key, new: Settings) -> bool:
    """Whether a change would let everybody in, as that of a file which lost its section."""
    return key.name == "auth.required" and not new.auth.required


def check_together(settings: Settings) -> Iterator[tuple[str, str]]:
    """Find settings that are right alone and wrong together, as pairs of a name and the problem."""
    worker = settings.worker
    if worker.heartbeat_ttl < 2.5 * worker.heartbeat_interval:
        yield (
            "worker.heartbeat_ttl",
            f"is {worker.heartbeat_ttl:g}s, but must be at least 2.5 times worker.heartbeat_interval "
            f"({worker.heartbeat_interval:g}s), or a single lost heartbeat kills a worker",
        )
    if worker.stall_timeout <= worker.heartbeat_ttl:
        yield (
            "worker.stall_timeout",
            f"is {worker.stall_timeout:g}s, but must be longer than worker.heartbeat_ttl "
            f"({worker.heartbeat_ttl:g}s)",
        )
    for network in settings.http.trusted_proxies:
        try:
            ip_network(network, strict=False)
        except ValueError as error:
            yield "http.trusted_proxies", f"names what is neither an address nor a network: {error}"
    tokens = settings.auth.tokens
    if tokens and not settings.auth.required:
        yield (
            "auth.required",
            "is false, so the configured auth.tokens would not be asked for: write `required = true` under "
            "[auth], or remove them",
        )
    if len({token.name for token in tokens}) < len(tokens):
        yield "auth.tokens", "two tokens have the same name"
    if len({token.sha256 for token in tokens}) < len(tokens):
        yield "auth.tokens", "two tokens have the same sha256"


def _from_file(path: Path | None, environ: Mapping[str, str], mistakes: list[Mistake]) -> Iterator[Given]:
    named = environ.get(FILE_VARIABLE, "").strip()
    if path is None and not named:
        return
    path = path or Path(named).expanduser()
    asked_by = "--config" if not named or str(path) != named else FILE_VARIABLE
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        mistakes.append(Mistake(asked_by, str(path), f"cannot be read: {error.strerror}"))
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(asked_by, str(path), f"is not a TOML file: {error}"))
        return
    keys = keys_of(Settings)
    sections = {key.section for key in keys.values() if key.section}
    for name, value in document.items():
        if name in sections and isinstance(value, dict):
            entries = {f"{name}.{field}": entry for field, entry in value.items()}
        elif name in sections:
            mistakes.append(Mistake(name, str(path), f"is a section: write [{name}]"))
            continue
        else:
            entries = {name: value}
        for written, entry in entries.items():
            if written in keys:
                yield Given(keys[written], entry, written, str(path))
            else:
                mistakes.append(Mistake(written, str(path), _unknown(written, [*keys, *sections])))


def _from_environment(environ: Mapping[str, str], mistakes: list[Mistake]) -> Iterator[Given]:
    keys = keys_of(Settings)
    by_variable = {key.option.short: key for key in keys.values() if key.option.short}
    by_variable |= {key.variable: key for key in keys.values()}
    # Short forms stand first in the table, so the long one of the same setting wins.
    for variable, key in by_variable.items():
        if environ.get(variable, "").strip():
            yield Given(key, environ[variable], variable, "environment")
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in by_variable and variable not in FOREIGN_VARIABLES:
            known = [*(key.variable for key in keys.values()), FILE_VARIABLE]
            mistakes.append(Mistake(variable, "environment", _unknown(variable, known)))


def _from_command_line(overrides: Mapping[str, Any], mistakes: list[Mistake]) -> Iterator[Given]:
    keys = keys_of(Settings)
    for name, value in overrides.items():
        if name in keys:
            yield Given(keys[name], value, name, "command line")
        else:
            mistakes.append(Mistake(name, "command line", _unknown(name, keys)))


def _unknown(written: str, known: Iterable[str]) -> str:
    """Say that there is no such setting, and which one may be meant."""
    section, _, word = written.rpartition(".")
    neighbours = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == section}
    same_word = [name for name in known if name.rpartition(".")[2] == word]
    near = same_word or [
        neighbours[each] for each in difflib.get_close_matches(word, neighbours, n=1, cutoff=0.75)
    ]
    return f"is not a setting; did you mean {near[0]}?" if near else "is not a setting"


def _build(values: Mapping[str, Any]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, field = name.rpartition(".")
        sections.setdefault(section, {})[field] = value
    parts: dict[str, Any] = {
        section: type(getattr(Settings(), section))(**fields)
        for section, fields in sections.items()
        if section
    }
    return Settings(**sections.get("", {}), **parts)
