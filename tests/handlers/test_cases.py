"""Files as people have them come out as they should; see `cases/README.md`."""

import json
from pathlib import Path

import pytest

from tests.handlers.cleaning.tables import clean

CASES = Path(__file__).parent / "cases"
EXPECTED = {path.name.partition(".expected.")[0]: path for path in sorted(CASES.glob("*.expected.*"))}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_comes_out_as_it_should(name: str) -> None:
    expected = EXPECTED[name]
    (source,) = (path for path in CASES.glob(f"{name}.*") if ".expected." not in path.name)

    if expected.suffix == ".json":
        cleaned = clean(source.read_bytes(), name=source.name, output="xlsx")
        assert cleaned.sheet == [tuple(row) for row in json.loads(expected.read_text("utf-8"))]
    else:
        options = {"output": "csv"} if source.suffix == ".xlsx" else {}
        cleaned = clean(source.read_bytes(), name=source.name, **options)
        assert cleaned.content == expected.read_bytes()
    counts = cleaned.report.rows
    assert counts.read == counts.written + counts.blank + counts.duplicates + counts.rejected
