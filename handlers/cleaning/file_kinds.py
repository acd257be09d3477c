"""What a file is, judged by its first bytes, and what its name says it is."""

import re
import unicodedata
from pathlib import Path
from typing import Literal

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.workbook import protected

FileKind = Literal["text", "xlsx"]

_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xltx")
_TEXT_NAMES = (".csv", ".tsv", ".tab", ".txt", ".psv")
# The first bytes of what people upload by mistake.
_FOREIGN = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"\xfd7zXZ", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed file"),
    (b"Rar!", "a compressed file"),
    (b"\x28\xb5\x2f\xfd", "a compressed file"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a database"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LONGEST_STEM = 120


def identify(path: Path, name: str) -> FileKind:
    """Say whether a file is delimited text or a workbook.

    Args:
        name: what its owner calls it.

    Raises:
        CleaningError: it is neither, or its name says something else than its content.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise CleaningError(
            "The file is empty.",
            "Check that the right file was chosen, and upload it again.",
            type="empty-file",
        )
    suffix = Path(name).suffix.lower()
    if head.startswith(_OLE):
        raise _refuse_old_workbook(path)
    for mark, kind in _FOREIGN:
        if head.startswith(mark):
            raise CleaningError(
                f"This is {kind}, not a table.",
                "Upload a CSV, TSV or XLSX file; a compressed one has to be unpacked first.",
                type="not-a-table",
            )
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if suffix in _TEXT_NAMES:
            raise CleaningError(
                f"The name ends in {suffix}, but the file is an Excel workbook or another zip archive.",
                "If it is a workbook, rename it to end in .xlsx and upload it again.",
                type="wrong-extension",
            )
        return "xlsx"
    if suffix in _WORKBOOK_NAMES:
        raise CleaningError(
            f"The name ends in {suffix}, but the file is not an Excel workbook.",
            "If it is a CSV file, rename it to end in .csv; if it is a damaged workbook, save it again in "
            "Excel.",
            type="wrong-extension",
        )
    return "text"


def output_name(name: str, suffix: str) -> str:
    """Return what the cleaned file is called: `data.csv` gives `data-cleaned.csv`.

    The name only labels the download; whatever its owner put in it, it is safe to show and to save.
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(
        character
        for character in name
        if unicodedata.category(character)[0] != "C" and character not in '<>:"|?*'
    )
    stem = name.rpartition(".")[0] if "." in name else name
    stem = re.sub(r"\s+", " ", stem).strip(" .")[:_LONGEST_STEM].rstrip(" .") or "table"
    if stem.endswith("-cleaned"):
        return stem + suffix
    return f"{stem}-cleaned{suffix}"


def _refuse_old_workbook(path: Path) -> CleaningError:
    """Excel keeps an encrypted workbook in the same container as its old format; a stream's name tells."""
    with path.open("rb") as file:
        content = file.read(1 << 20)
        size = path.stat().st_size
        if size > 1 << 20:
            file.seek(max(1 << 20, size - (1 << 20)))
            content += file.read()
    if "EncryptedPackage".encode("utf-16-le") in content:
        return protected()
    return CleaningError(
        "This is a workbook in the old Excel format (XLS).",
        "Open it in Excel or LibreOffice, choose “Save as”, “Excel workbook (.xlsx)”, and upload that file.",
        type="unsupported-workbook",
    )
