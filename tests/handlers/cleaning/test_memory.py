"""A large file is cleaned in little memory."""

import subprocess
import sys
from pathlib import Path

import pytest

MAX_RESIDENT = 300 << 20
SIZE = 200_000_000

CLEAN = """
import sys
from pathlib import Path
from handlers.cleaning import CleaningOptions, clean_file
cleaned = clean_file(
    Path(sys.argv[1]), Path(sys.argv[2]), name="data.csv",
    options=CleaningOptions(drop_duplicates=sys.argv[3] == "yes", output=sys.argv[4]),
    report=lambda progress: None,
)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(cleaned.report.rows.read, cleaned.report.rows.duplicates, int(peak.split()[1]) * 1024)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A messy CSV of 200 MB and the number of its rows."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    number = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("id, name ,amount,when,note\n")
        while file.tell() < SIZE:
            lines = []
            for _ in range(10_000):
                number += 1
                note = f'"note, {number}"' if number % 3 else f" note {number % 1000} "
                lines.append(
                    f'{number},Grüße {number},"{number % 999},{number % 1000:03}.50",13/02/2026,{note}\n'
                )
            file.write("".join(lines))
    return path, number


@pytest.mark.slow
@pytest.mark.parametrize(("duplicates", "output"), [("no", "same"), ("yes", "same"), ("no", "xlsx")])
def test_a_large_file_takes_little_memory(
    large: tuple[Path, int], duplicates: str, output: str, tmp_path: Path
) -> None:
    path, rows = large

    done = subprocess.run(
        [sys.executable, "-c", CLEAN, str(path), str(tmp_path), duplicates, output],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )

    read, double, memory = map(int, done.stdout.split())
    assert read == rows
    assert double == 0
    assert memory <= MAX_RESIDENT
