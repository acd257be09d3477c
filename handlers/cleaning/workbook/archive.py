"""Looks into an XLSX file before any library does: is it one, is it honest, and how large is it really?

An XLSX file is a zip archive of XML documents. Small files can unpack to terabytes, say wrong sizes, or
have two cells so far apart that a library that fills the space between them takes all memory. Nothing
here trusts a size that the file states.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from handlers.cleaning.failures import CleaningError

MAX_PARTS = 5_000
MAX_DIRECTORY_BYTES = 4 << 20
MAX_UNPACKED_BYTES = 8 << 30
MAX_SHARED_BYTES = 512 << 20  # parts that a library holds in memory as a whole
MAX_RATIO = 100  # as Apache POI's smallest inflate ratio of 0.01
_RATIO_COUNTS_FROM = 4 << 20

_CHUNK = 256 * 1024
SMALL_PART = 16 << 20  # what a part may have that is read as a whole
_CONTENT_TYPES = "[content_types].xml"
_NAME_IN_XML = re.compile(rb'(?:Target|PartName)="[^"]*"')
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class Archive:
    """The parts of an XLSX file.

    Raises:
        CleaningError: it is damaged, protected, a bomb, or not a workbook.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _check_directory(path)
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, OSError, ValueError) as error:
            raise damaged() from error
        self._check(entries)
        self._entries = {_part_name(entry).casefold(): entry for entry in entries}
        if not any(name.startswith("xl/") for name in self._entries):
            raise _other_kind(set(self._entries))
        if "xl/workbook.bin" in self._entries:
            raise CleaningError(
                "This is a binary Excel workbook (XLSB).",
                "Open it in Excel, choose “Save as”, “Excel workbook (.xlsx)”, and upload that file.",
                type="unsupported-workbook",
            )

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._entries

    def names(self) -> list[str]:
        """Return the names of all parts in lower case."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """Return the unpacked size that the file states for a part."""
        return self._entries[name.casefold()].file_size

    def read(self, name: str, *, limit: int) -> bytes:
        """Return a part that is small.

        Raises:
            CleaningError: it is missing, damaged or larger than `limit`.
        """
        if name not in self:
            raise damaged()
        parts = []
        size = 0
        for chunk in self.stream(name):
            size += len(chunk)
            if size > limit:
                raise _bomb()
            parts.append(chunk)
        return b"".join(parts)

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a part in pieces; whatever size the file states, no more than that is unpacked.

        Raises:
            CleaningError: it is damaged or larger than stated.
        """
        entry = self._entries[name.casefold()]
        size = checksum = 0
        for piece in self._unpack(entry):
            size += len(piece)
            checksum = zlib.crc32(piece, checksum)
            if size > entry.file_size:
                raise _bomb()
            yield piece
        if size != entry.file_size or checksum != entry.CRC:
            raise damaged()

    @property
    def has_foreign_names(self) -> bool:
        """Whether parts have names that Excel understands and other programs do not: `xl\\workbook.xml`."""
        return any("\\" in entry.filename for entry in self._entries.values())

    def write_with_usual_names(self, path: Path) -> None:
        """Write the same workbook with the usual names of its parts.

        Raises:
            CleaningError: a part is damaged or larger than stated.
        """
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for name, entry in self._entries.items():
                with target.open(_part_name(entry), "w", force_zip64=True) as part:
                    if name.endswith(".rels") or name == _CONTENT_TYPES:
                        document = self.read(name, limit=SMALL_PART)
                        part.write(_NAME_IN_XML.sub(lambda found: found[0].replace(b"\\", b"/"), document))
                        continue
                    for piece in self.stream(name):
                        part.write(piece)

    def verify(self, name: str) -> None:
        """Unpack a part once, so that a library that trusts its size can be given the file.

        Raises:
            CleaningError: it is damaged or larger than stated.
        """
        for _ in self.stream(name):
            pass

    def _unpack(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(entry.header_offset)
            head = file.read(_LOCAL_HEADER.size)
            if len(head) < _LOCAL_HEADER.size or not head.startswith(b"PK\x03\x04"):
                raise damaged()
            *_, name_length, extra_length = _LOCAL_HEADER.unpack(head)
            file.seek(name_length + extra_length, 1)
            left = entry.compress_size
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            while left:
                packed = file.read(min(_CHUNK, left))
                if not packed:
                    raise damaged()
                left -= len(packed)
                if entry.compress_type == zipfile.ZIP_STORED:
                    yield packed
                    continue
                while packed:
                    try:
                        piece = inflater.decompress(packed, _CHUNK)
                    except zlib.error as error:
                        raise damaged() from error
                    if piece:
                        yield piece
                    packed = inflater.unconsumed_tail

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        if len(entries) > MAX_PARTS:
            raise _bomb()
        names = {_part_name(entry).casefold() for entry in entries}
        if len(names) != len(entries):
            raise damaged()
        unpacked = 0
        end = 0
        for entry in sorted(entries, key=lambda each: each.header_offset):
            if entry.flag_bits & 1:
                raise protected()
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise damaged()
            # Parts that share their bytes make a small file unpack to an enormous one.
            if entry.header_offset < end:
                raise _bomb()
            end = entry.header_offset + _LOCAL_HEADER.size + entry.compress_size
            unpacked += entry.file_size
            if entry.file_size > _RATIO_COUNTS_FROM and entry.file_size > MAX_RATIO * entry.compress_size:
                raise _bomb()
        if unpacked > MAX_UNPACKED_BYTES:
            raise _bomb()


def _part_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of a part with slashes, whatever program wrote the archive."""
    return entry.filename.replace("\\", "/").lstrip("/")


def _check_directory(path: Path) -> None:
    """Refuse a list of parts so long that reading the list would take minutes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
        found = tail.rfind(b"PK\x05\x06")
        if found < 0 or len(tail) - found < 22:
            raise damaged()
        directory_bytes = int.from_bytes(tail[found + 12 : found + 16], "little")
        locator = tail[found - 20 : found] if found >= 20 else b""
        if locator.startswith(b"PK\x06\x07"):
            file.seek(min(int.from_bytes(locator[8:16], "little"), size))
            record = file.read(56)
            directory_bytes = int.from_bytes(record[40:48], "little")
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise _bomb()


def damaged() -> CleaningError:
    """Return the error for a workbook that cannot be read."""
    return CleaningError(
        "The workbook is damaged.",
        "It could not be read to its end. Open it in Excel or LibreOffice, save it again as XLSX and upload "
        "that; if it was copied or downloaded, the copy may be incomplete.",
        type="damaged-workbook",
    )


def protected() -> CleaningError:
    """Return the error for a workbook with a password."""
    return CleaningError(
        "The workbook is protected with a password.",
        "Open it in Excel, remove the password (File, Info, Protect Workbook, Encrypt with Password), "
        "save it and upload it again.",
        type="password-protected",
    )


def _bomb() -> CleaningError:
    return CleaningError(
        "The workbook unpacks to far more than a table needs.",
        "It is refused because reading it would take all memory. Copy the table into a new workbook, save "
        "that as XLSX or CSV and upload it.",
        type="zip-bomb",
    )


def _other_kind(names: set[str]) -> CleaningError:
    if "content.xml" in names and "mimetype" in names:
        return CleaningError(
            "This is an OpenDocument file (ODS), not an Excel workbook.",
            "Open it in LibreOffice, choose “Save as”, “Excel 2007–365 (.xlsx)” or “Text CSV”, and upload "
            "that.",
            type="unsupported-workbook",
        )
    if any(name.startswith(("word/", "ppt/")) for name in names):
        return CleaningError(
            "This is an Office document, but not an Excel workbook.",
            "Copy the table into Excel, save it as XLSX and upload that.",
            type="not-a-table",
        )
    return CleaningError(
        "This is a zip archive, not an Excel workbook.",
        "Unpack it and upload the CSV or XLSX file that is in it.",
        type="not-a-table",
    )
