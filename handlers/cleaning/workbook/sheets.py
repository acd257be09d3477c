"""Which sheets a workbook has, and in which parts of the archive they are."""

import posixpath

import msgspec

from handlers.cleaning.workbook.archive import SMALL_PART, Archive, damaged
from handlers.cleaning.workbook.xml import local_name, parse


class Sheet(msgspec.Struct, frozen=True):
    """A sheet of a workbook: its name, its part of the archive, and whether people see it."""

    name: str
    part: str
    visible: bool


def list_sheets(archive: Archive) -> list[Sheet]:
    """Return the worksheets in their order.

    Raises:
        CleaningError: the workbook is damaged.
    """
    targets: dict[str, str] = {}
    found: list[tuple[str, str, str]] = []

    def relationship(name: str, attributes: dict[str, str]) -> None:
        if local_name(name) == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def sheet(name: str, attributes: dict[str, str]) -> None:
        if local_name(name) == "sheet":
            ids = [value for key, value in attributes.items() if key.endswith(":id")]
            found.append(
                (attributes.get("name", ""), ids[0] if ids else "", attributes.get("state", "visible"))
            )

    workbook = _workbook_part(archive)
    folder, _, base = workbook.rpartition("/")
    parse(archive.read(f"{folder}/_rels/{base}.rels", limit=SMALL_PART), relationship)
    parse(archive.read(workbook, limit=SMALL_PART), sheet)
    sheets = []
    for name, id, state in found:
        target = targets.get(id)
        if target is None:
            continue
        part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
        if part in archive:
            sheets.append(Sheet(name, part, state == "visible"))
    return sheets


def _workbook_part(archive: Archive) -> str:
    """Find the workbook's main part; it has another name in files of some programs."""
    if "xl/workbook.xml" in archive:
        return "xl/workbook.xml"
    found: list[str] = []

    def relationship(name: str, attributes: dict[str, str]) -> None:
        if local_name(name) == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            found.append(attributes.get("Target", "").lstrip("/"))

    parse(archive.read("_rels/.rels", limit=SMALL_PART), relationship)
    if not found or found[0] not in archive:
        raise damaged()
    return found[0]
