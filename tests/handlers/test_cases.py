"""Files as people have them come out as they should; see `cases/README.md`."""

import json
from pathlib import Path

import pytest

from tests.handlers.cleaning.tables import clean

CASES = Path(__file__).parent / "cases"
# Not right yet, and why. A case that comes out right must be taken off this list.
WRONG = {
    "15-pound-in-windows-1252": "letters are as likely beside a digit as elsewhere",
    "17-iso-8859-2": "the encoding is not known",
}


def cases() -> list[object]:
    """Every file with an expectation; those not right yet must fail."""
    found = {path.name.partition(".expected.")[0]: path for path in sorted(CASES.glob("*.expected.*"))}
    assert found.keys() >= WRONG.keys()
    return [
        pytest.param(
            path, id=name, marks=[pytest.mark.xfail(strict=True, reason=WRONG[name])] if name in WRONG else []
        )
        for name, path in found.items()
    ]


@pytest.mark.parametrize("expected", cases())
def test_a_file_comes_out_as_it_should(expected: Path) -> None:
    name = expected.name.partition(".expected.")[0]
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
