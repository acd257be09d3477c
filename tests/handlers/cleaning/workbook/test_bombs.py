"""Workbooks made to take all memory or time are refused at once, in a process with little of both."""

import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from tests.handlers.cleaning.workbooks import (
    CONTENT_TYPES,
    RELATIONSHIPS,
    ROOT_RELATIONSHIPS,
    WORKBOOK,
    archive,
    sheet_xml,
    text_cell,
)

MAX_CPU_SECONDS = 2.5
MAX_RESIDENT = 256 << 20

CLEAN = """
import resource, sys
from pathlib import Path
limit = 1 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from handlers.cleaning import CleaningError, CleaningOptions, clean_file
try:
    cleaned = clean_file(
        Path(sys.argv[1]), Path(sys.argv[2]), name="data.xlsx", options=CleaningOptions(output="csv"),
        report=lambda progress: None,
    )
    print("cleaned", cleaned.report.rows.written)
except CleaningError as error:
    print("refused", error.type)
usage = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss: that remembers the parent's size from before exec.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(usage.ru_utime + usage.ru_stime, int(peak.split()[1]) * 1024)
"""


def huge(compressed_ratio: int) -> bytes:
    """A sheet that unpacks to 150 MB of blanks, packed about so many times smaller."""
    blank = b" " * (1 << 20)
    noise = zlib.compress(bytes(range(256)) * 64)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (
            ("[Content_Types].xml", CONTENT_TYPES),
            ("_rels/.rels", ROOT_RELATIONSHIPS),
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", RELATIONSHIPS),
        ):
            file.writestr(name, content)
        with file.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(b"<worksheet><sheetData>")
            for _ in range(150_000_000 // len(blank)):
                part.write(blank)
                if compressed_ratio < 500:
                    part.write(noise[: len(blank) // compressed_ratio])
            part.write(b"</sheetData></worksheet>")
    return buffer.getvalue()


def lying_about_a_size() -> bytes:
    """The directory says that the sheet unpacks to 1 kB; it unpacks to 50 MB."""
    content = archive(sheet_xml(" " * 50_000_000))
    real, small = struct.pack("<I", len(sheet_xml(" " * 50_000_000))), struct.pack("<I", 1000)
    assert content.count(real) == 2
    return content.replace(real, small)


def overlapping() -> bytes:
    """Two parts share their bytes."""
    content = archive(sheet_xml("<row/>"), replace={"xl/a.xml": "x" * 1000, "xl/b.xml": "x" * 1000})
    directory = content.index(b"PK\x01\x02")
    first = content.index(b"xl/a.xml", directory) - 46
    second = content.index(b"xl/b.xml", directory) - 46
    offset = content[first + 42 : first + 46]
    return content[: second + 42] + offset + content[second + 46 :]


def many_parts() -> bytes:
    return archive(sheet_xml("<row/>"), replace={f"xl/{number}.xml": "" for number in range(20_000)})


def entities() -> bytes:
    declarations = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
    )
    return archive(
        sheet_xml(f'<row r="1">{text_cell("A1", "&a11;")}</row>', before=f"<!DOCTYPE x [{declarations}]>")
    )


def external_entity() -> bytes:
    before = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    return archive(sheet_xml(f'<row r="1">{text_cell("A1", "&e;")}</row>', before=before))


def far_column_in_every_row() -> bytes:
    rows = "".join(f'<row r="{n}">{text_cell(f"XFD{n}", "x")}</row>' for n in range(1, 40_001))
    return archive(sheet_xml(rows))


def another_column_in_every_row() -> bytes:
    letters = [openpyxl.utils.get_column_letter(number) for number in range(1, 5001)]
    rows = (f'<row r="{n}">{text_cell(f"{each}{n}", "x")}</row>' for n, each in enumerate(letters, start=1))
    return archive(sheet_xml("".join(rows)))


def one_part_for_many_sheets() -> bytes:
    sheets = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId1"/>' for n in range(1, 20_001))
    book = WORKBOOK.replace('<sheet name="Data" sheetId="1" r:id="rId1"/>', sheets)
    return archive(sheet_xml("<row/>" * 20_000), replace={"xl/workbook.xml": book})


def wide_reference() -> bytes:
    return archive(sheet_xml(f'<row r="1">{text_cell("ZZZ1", "x")}</row>'))


def row_beyond_the_end() -> bytes:
    return archive(sheet_xml(f'<row r="99999999999">{text_cell("A1", "x")}</row>'))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "unpacks 1000 times": (lambda: huge(1000), "zip-bomb"),
    "unpacks 200 times": (lambda: huge(200), "zip-bomb"),
    "lies about a size": (lying_about_a_size, "zip-bomb"),
    "parts that overlap": (overlapping, "zip-bomb"),
    "20,000 parts": (many_parts, "zip-bomb"),
    "entities in entities": (entities, "damaged-workbook"),
    "an entity from outside": (external_entity, "damaged-workbook"),
    "another column in every row": (another_column_in_every_row, "too-large"),
    "one part for many sheets": (one_part_for_many_sheets, "empty-file"),
    "a column beyond the last": (wide_reference, "too-large"),
    "a row beyond the last": (row_beyond_the_end, "damaged-workbook"),
}


def clean_apart(path: Path) -> tuple[str, float, int]:
    """Clean a file in a process of its own; return what came out, CPU seconds and bytes of memory."""
    scratch = path.parent / f"{path.stem}-scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CLEAN, str(path), str(scratch)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    outcome, usage = done.stdout.splitlines()
    seconds, memory = usage.split()
    return outcome, float(seconds), int(memory)


@pytest.mark.parametrize("case", REFUSED)
def test_a_bomb_is_refused_quickly_and_in_little_memory(case: str, tmp_path: Path) -> None:
    make, type = REFUSED[case]
    path = tmp_path / "bomb"
    path.write_bytes(make())

    outcome, seconds, memory = clean_apart(path)

    assert outcome == f"refused {type}"
    assert seconds <= MAX_CPU_SECONDS
    assert memory <= MAX_RESIDENT


def test_two_cells_at_the_ends_of_the_sheet_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "far"
    far = f'<row r="1">{text_cell("A1", "a")}</row><row r="1048576">{text_cell("XFD1048576", "z")}</row>'
    path.write_bytes(archive(sheet_xml(far)))

    outcome, seconds, memory = clean_apart(path)

    assert outcome == "cleaned 1"
    assert seconds <= 6
    assert memory <= MAX_RESIDENT


def test_a_far_column_in_every_row_is_read_without_the_space_before(tmp_path: Path) -> None:
    path = tmp_path / "far"
    path.write_bytes(far_column_in_every_row())

    outcome, seconds, memory = clean_apart(path)

    assert outcome == "cleaned 39999"
    assert seconds <= 6
    assert memory <= MAX_RESIDENT


def test_defusedxml_guards_openpyxl() -> None:
    from xml.parsers import expat

    import openpyxl.xml

    assert openpyxl.xml.DEFUSEDXML is True
    assert expat.version_info >= (2, 4, 1)
