"""The page stays small, and loads nothing from elsewhere. No browser is needed here."""

import gzip
import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "api" / "web"
MOST_BYTES = 45_000


def test_scripts_and_styles_are_small_when_compressed() -> None:
    files = [*WEB.rglob("*.js"), *WEB.rglob("*.css")]

    weight = sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in files)

    assert files
    assert weight <= MOST_BYTES


def test_nothing_is_loaded_from_elsewhere_or_made_of_markup() -> None:
    texts = {file: file.read_text() for file in WEB.rglob("*") if file.suffix in (".js", ".css", ".html")}

    foreign = [
        (file.name, address)
        for file, text in texts.items()
        for address in re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"'`]*""", text)
        if address != "http://www.w3.org/2000/svg"
    ]
    markup = [
        file.name for file, text in texts.items() if re.search(r"innerHTML|insertAdjacentHTML|\beval\(", text)
    ]

    assert foreign == []
    assert markup == []


def test_every_module_that_is_named_is_there() -> None:
    for file in WEB.rglob("*.js"):
        for name in re.findall(r'from "\./([\w-]+\.js)"', file.read_text()):
            assert (file.parent / name).is_file(), f"{file.name} imports {name}"
    for name in re.findall(r'(?:href|src)="/(static/[^"]+)"', (WEB / "index.html").read_text()):
        assert (WEB / name).is_file(), f"index.html names {name}"
