"""`queuecore`: what it says of itself, and that all of it is documented."""

import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from queuecore.command import main
from tests.command.readme import ROOT

PAGE = (ROOT / "docs" / "command.md").read_text("utf-8")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_the_subcommands(arguments: list[str]) -> None:
    said = CliRunner().invoke(main, arguments).output

    assert re.search(r"^  worker +Run jobs with the handlers of some modules\.$", said, re.MULTILINE)


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(main, ["--version"])

    assert (told.output.split()[0], told.exit_code) == ("queuecore", 0)


@pytest.mark.docs
@pytest.mark.parametrize("command", main.commands.values(), ids=lambda command: command.name)
def test_every_option_is_documented_with_its_default(command: click.Command) -> None:
    part = PAGE.partition(f"## `queuecore {command.name} ")[2].partition("\n## ")[0]
    documented: dict[str, str] = dict(re.findall(r"^\| `(--[a-z-]+)` \| (.*?) \|", part, re.MULTILINE))

    options = {each.opts[0]: each for each in command.params if isinstance(each, click.Option)}

    assert documented.keys() == options.keys()
    for name, option in options.items():
        assert all(word in documented[name] for word in _defaults(option)), name


def _defaults(option: click.Option) -> list[str]:
    if isinstance(option.show_default, str):
        return [option.show_default]
    default: Any = option.default
    words = default if isinstance(default, list) else [] if option.is_flag else [default]
    return [f"{word:g}" if isinstance(word, float) else str(word) for word in words]
