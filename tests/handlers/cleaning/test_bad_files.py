"""What is no table is refused with a sentence that says what is wrong and one that says what to do."""

import gzip
import io
import zipfile

import pytest

from handlers.cleaning.file_kinds import output_name
from tests.handlers.cleaning.tables import clean, refusal
from tests.handlers.cleaning.workbooks import workbook

BOOK = workbook([["a", "b"], [1, 2]])


def zipped(**parts: str) -> bytes:
    """Return a zip archive; two underscores in a name stand for a slash."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
CASES = {
    "empty": (b"", "data.csv", "empty-file", "empty"),
    "empty workbook name": (b"", "data.xlsx", "empty-file", "empty"),
    "only blank lines": (b"\n\n  \n\t\n", "data.csv", "empty-file", "no rows"),
    "only a mark": (b"\xef\xbb\xbf", "data.csv", "empty-file", "no rows"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "data.csv", "not-a-table", "PDF"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "data.csv", "not-a-table", "picture"),
    "compressed": (gzip.compress(b"a,b\n1,2\n"), "data.csv", "not-a-table", "compressed"),
    "random bytes": (bytes(range(256)) * 40, "data.csv", "not-a-table", "not a text file"),
    "only NULs": (b"\0" * 10_000, "data.csv", "not-a-table", "not a text file"),
    "a web page": (b"<!DOCTYPE html>\n<html><body>x</body></html>", "data.csv", "not-a-table", "web page"),
    "JSON": (b'{"a": 1}\n', "data.csv", "not-a-table", "JSON"),
    "XML": (b'<?xml version="1.0"?>\n<a/>\n', "data.csv", "not-a-table", "XML"),
    "a workbook named csv": (BOOK, "data.csv", "wrong-extension", ".csv"),
    "a text named xlsx": (b"a,b\n1,2\n", "data.xlsx", "wrong-extension", ".xlsx"),
    "an old workbook": (OLE + "Workbook".encode("utf-16-le"), "data.xlsx", "unsupported-workbook", "XLS"),
    "an old workbook named xls": (OLE, "data.xls", "unsupported-workbook", "XLS"),
    "with a password": (
        OLE + "EncryptedPackage".encode("utf-16-le"),
        "data.xlsx",
        "password-protected",
        "password",
    ),
    "ODS named xlsx": (
        zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet", **{"content.xml": "<x/>"}),
        "data.xlsx",
        "unsupported-workbook",
        "ODS",
    ),
    "XLSB named xlsx": (zipped(**{"xl__workbook.bin": "x"}), "data.xlsx", "unsupported-workbook", "XLSB"),
    "a text document": (zipped(**{"word__document.xml": "x"}), "data.xlsx", "not-a-table", "Office document"),
    "another archive": (zipped(**{"data.csv": "a,b\n1,2\n"}), "data.xlsx", "not-a-table", "zip archive"),
    "half a workbook": (BOOK[: len(BOOK) // 2], "data.xlsx", "damaged-workbook", "damaged"),
    "an archive without parts": (b"PK\x05\x06" + b"\0" * 18, "data.xlsx", "not-a-table", "zip archive"),
    "an empty sheet": (workbook([]), "data.xlsx", "empty-file", "empty"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_table_is_refused_in_words(case: str) -> None:
    content, name, type, words = CASES[case]

    error = refusal(content, name=name)

    assert error.type == type
    assert words in error.title


def test_a_line_without_an_end_is_refused() -> None:
    error = refusal(b"a,b\n" + b"x" * (65 << 20))

    assert error.type == "not-a-table"
    assert "too long" in error.title


def test_a_table_without_any_extension_is_judged_by_its_content() -> None:
    assert clean("a,b\n1,2\n", name="data").rows == [["a", "b"], ["1", "2"]]
    assert clean(BOOK, name="data").sheet == [("a", "b"), (1, 2)]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("data.csv", "data-cleaned.csv"),
        ("data-cleaned.csv", "data-cleaned.csv"),
        ("Bestellungen März.2026.txt", "Bestellungen März.2026-cleaned.csv"),
        ("../../etc/passwd", "passwd-cleaned.csv"),
        ("C:\\temp\\x.csv", "x-cleaned.csv"),
        ("a\u202egpj.csv", "agpj-cleaned.csv"),
        ("a\nb\x00c.csv", "abc-cleaned.csv"),
        ('a"<b>|?*:.csv', "ab-cleaned.csv"),
        ("", "table-cleaned.csv"),
        (".csv", "table-cleaned.csv"),
        ("😀.csv", "😀-cleaned.csv"),
        ("x" * 300 + ".csv", "x" * 120 + "-cleaned.csv"),
    ],
)
def test_the_result_is_named_after_the_file(name: str, result: str) -> None:
    assert output_name(name, ".csv") == result
