"""Reads the XML of a workbook's parts, which anybody may have written."""

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from handlers.cleaning.workbook.archive import damaged


def parse(document: bytes, start: Callable[[str, dict[str, str]], None]) -> None:
    """Call `start` with name and attributes of every element of a document.

    Raises:
        CleaningError: it is no XML, or could grow without end.
    """
    parser = new_parser()
    parser.StartElementHandler = start
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise damaged() from error


def new_parser() -> Any:
    """Return an expat parser that refuses document types."""
    # A workbook never has a document type; with one, entities could grow without end.
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise damaged()


def local_name(name: str) -> str:
    """Return an element's name without its prefix."""
    return name.rpartition(":")[2]
