"""How well tables are read has a floor: `python -m bench.reading` prints the same beside other readers."""

import pytest

from bench.reading.dialects import SETS
from bench.reading.pollution import pollute
from bench.reading.readers import read_without_rules
from bench.reading.scoring import is_same_table, score

# Of every so many files one is read, so that each kind is met.
SHARE = 23


@pytest.mark.parametrize(
    ("title", "least"), [("well-formed", 1.0), ("as exported", 0.97), ("as found", 0.75)]
)
def test_tables_in_many_dialects_are_read_as_they_are_meant(title: str, least: float) -> None:
    files = list(SETS[title]())[::4]

    same = [is_same_table(file.meant, read_without_rules(file.content).rows) for file in files]

    assert sum(same) / len(same) >= least


def test_polluted_files_are_read_but_for_their_fault() -> None:
    files = list(pollute())[::SHARE]

    scores = [score(file.meant, read_without_rules(file.content).rows) for file in files]

    assert sum(scores) / len(scores) >= 9.8


def test_a_perfect_reader_scores_ten() -> None:
    for file in list(pollute())[::SHARE]:
        meant = file.meant
        names = meant.names or [f"column_{number}" for number in range(len(meant.rows[0]))]
        assert score(meant, [names, *meant.rows]) == pytest.approx(10.0) or meant.names is None
        assert is_same_table(meant, [names, *meant.rows])
        assert score(meant, None) == 0.0
