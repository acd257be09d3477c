"""Which characters may part the columns of a text, judged by how often its lines have them.

Only what is plausible is read as a table, which costs far more than counting.
"""

import re
from collections import Counter
from collections.abc import Sequence

USUAL = (",", ";", "\t", "|")

# Few tables are parted by these, and only where each line has as many of them.
_ODD = (*":^~#*=!&§¦¬", *(chr(code) for code in range(1, 32) if chr(code) not in "\t\n\r\x1a"))
_MOST_LINES = 200
_FEW_LINES = 3
_ARROWS = ("<>", "<|>", "=>")
_RUN = re.compile(r"[|~^<>:;#*=!&]{2,4}|\t{2,4}")


def list_lines(sample: str) -> list[str]:
    """Return the first lines of a sample that are neither blank nor comments."""
    lines = (line for line in sample.split("\n", 2 * _MOST_LINES)[: 2 * _MOST_LINES] if line.strip())
    return [line.rstrip("\r") for line in lines if not line.startswith("#")][:_MOST_LINES]


def find_odd(lines: Sequence[str]) -> list[str]:
    """Return the unusual separators that lines have alike, those of several characters first."""
    runs = Counter(run for line in lines for run in set(_list_runs(line)))
    several = [run for run, count in runs.items() if 10 * count >= 7 * len(lines) and _is_even(lines, run)]
    single = [each for each in _ODD if _is_even(lines, each) and not any(each in run for run in several)]
    return [*several, *single]


def widen(separator: str, lines: Sequence[str]) -> str:
    """Return the several characters of which a separator is a part wherever it stands, else itself."""
    if len(lines) < _FEW_LINES:
        return separator
    for run, _ in Counter(run for line in lines for run in _list_runs(line) if separator in run).most_common(
        1
    ):
        # Two columns parted by one without a name are as likely as two columns parted by two characters.
        if all(
            line.count(run) > 1 and line.count(run) * run.count(separator) == line.count(separator)
            for line in lines
        ):
            return run
    return separator


def _list_runs(line: str) -> list[str]:
    """Return what may be a separator of several characters: they read alike in both directions."""
    return [run for run in _RUN.findall(line) if run == run[::-1] or run in _ARROWS]


def _is_even(lines: Sequence[str], separator: str) -> bool:
    counts = Counter(line.count(separator) for line in lines)
    (count, number), *_ = counts.most_common(1) or [(0, 0)]
    return count > 0 and 10 * number >= 7 * len(lines)
