"""What a setting says about itself: the note on every field of `settings`, and the list made from the notes.

The loader, the checks, the reference page, the production template and the command line all read this one
list, so that a setting is described once, beside its default.
"""

import functools
import typing
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Unit = Literal["", "seconds", "bytes", "bytes a second"]


class Option(msgspec.Struct, frozen=True):
    """The note on one setting.

    Attributes:
        text: what it does, in one or two sentences; Markdown.
        unit: "seconds" and "bytes" also accept text such as `25s`, `7d`, `2GiB`.
        at_least: smallest value allowed; for a list, the fewest entries.
        at_most: largest value allowed.
        choices: the only values allowed; empty for any.
        pattern: the regular expression that the text, or each text of a list, must match as a whole.
        pattern_text: what `pattern` asks for, as the end of "must be …".
        live: takes effect at a reload (SIGHUP); otherwise a restart is needed.
        secret: never shown.
        short: the short environment variable, where there is one.
        default_text: how the default is described where it is computed.
    """

    text: str
    unit: Unit = ""
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    pattern_text: str = ""
    live: bool = False
    secret: bool = False
    short: str = ""
    default_text: str = ""


class Key(msgspec.Struct, frozen=True):
    """One setting as the loader sees it.

    Attributes:
        name: as in the TOML file with its section, such as `http.port`.
        section: `http`, or "" for the settings above the first section.
        field: `port`.
        type: the type without its note.
        option: the note.
        default: the value when nobody says anything.
    """

    name: str
    section: str
    field: str
    type: Any
    option: Option
    default: Any

    @property
    def variable(self) -> str:
        """The environment variable that sets it, such as `QUEUECORE_HTTP_PORT`."""
        return "QUEUECORE_" + self.name.replace(".", "_").upper()

    @property
    def wanted(self) -> str:
        """What a value must be, as the end of a sentence: "a whole number from 0 to 65535"."""
        return "one of " + ", ".join(self.option.choices) if self.option.choices else _wanted(self)


@functools.cache
def keys_of(settings_type: type[msgspec.Struct]) -> Mapping[str, Key]:
    """List the settings of `settings_type` by name, in the order of their declaration."""
    found: dict[str, Key] = {}
    for field, hint in typing.get_type_hints(settings_type, include_extras=True).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            for key in _keys_of_section(hint, section=field):
                found[key.name] = key
    top = {key.name: key for key in _keys_of_section(settings_type, section="")}
    return {**top, **found}


def _keys_of_section(section_type: type[msgspec.Struct], *, section: str) -> list[Key]:
    hints = typing.get_type_hints(section_type, include_extras=True)
    keys = []
    for info in msgspec.structs.fields(section_type):
        hint = hints[info.name]
        if typing.get_origin(hint) is not typing.Annotated:
            continue
        bare, option = typing.get_args(hint)
        default = info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()
        name = f"{section}.{info.name}" if section else info.name
        keys.append(Key(name, section, info.name, bare, option, default))
    return keys


def _wanted(key: Key) -> str:
    option = key.option
    if option.pattern_text:
        return option.pattern_text
    show = _show_plain if not option.unit else functools.partial(show_value, key)
    match option.unit:
        case "seconds":
            noun = "a time such as 25s, 10m, 24h or 7d, or a number of seconds,"
        case "bytes" | "bytes a second":
            noun = "a size such as 256KiB or 2GiB, or a number of bytes,"
        case _:
            noun = {bool: "true or false", int: "a whole number", float: "a number"}.get(key.type, "text")
    if option.at_least is not None and option.at_most is not None:
        return f"{noun} from {show(option.at_least)} to {show(option.at_most)}"
    if option.at_least is not None:
        return f"{noun} of at least {show(option.at_least)}"
    return noun.rstrip(",")


def show_value(key: Key, value: Any) -> str:
    """Write a value the way a person would write it in the configuration file, without quotes."""
    if isinstance(value, tuple):
        return ", ".join(str(entry) for entry in value)
    match key.option.unit:
        case "seconds":
            return show_duration(value)
        case "bytes" | "bytes a second":
            return show_size(value)
        case "":
            return _show_plain(value)


def show_duration(seconds: float) -> str:
    """Write seconds in the largest unit that keeps them exact: 604800.0 is `7d`, 0.25 is `250ms`."""
    if seconds and seconds < 1 and (seconds * 1000).is_integer():
        return f"{int(seconds * 1000)}ms"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


def show_size(count: float) -> str:
    """Write bytes in the largest unit that keeps them exact: 2147483648 is `2GiB`."""
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size and count % size == 0:
            return f"{int(count // size)}{unit}"
    return f"{int(count)}B"


def _show_plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
