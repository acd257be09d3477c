"""The page about what can go wrong names the tests that hold each line, and they are there."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
LINES = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| fault", "| change"))
]


def test_every_test_that_is_named_is_there() -> None:
    sources = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    there = re.findall(r"^ *(?:async )?def (test_\w+)", sources, re.MULTILINE)

    named = set(re.findall(r"`(test_\w+)`", PAGE))

    assert sorted(named - set(there)) == []
    assert sorted(name for name in named if there.count(name) > 1) == [], "which of them is meant?"


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[2:50])
def test_every_line_names_what_holds_it(line: str) -> None:
    assert re.search(r"`test_\w+`", line)
