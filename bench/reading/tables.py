"""Tables as people have them: some texts with delimiters and quotes in them, numbers, dates, empty cells."""

import random
from collections.abc import Callable

import msgspec

_FIRST = [
    "Ann",
    "Bob",
    "Chloé",
    "Dieter",
    "Emma",
    "François",
    "Giulia",
    "Håkon",
    "Iñigo",
    "João",
    "Kim",
    "Lena",
]
_LAST = ["Smith", "Müller", "O'Neil", "García", "Rossi", "Dubois", "Jensen", "Nowak", "Silva", "Berg"]
_PLACES = ["Berlin", "Paris", "New York", "São Paulo", "Graz", "Oslo", "Kraków", "Lyon", "Porto", "Ghent"]
_THINGS = ["lamp", "desk", "chair", "mug", "tent", "boots", "rope", "stove", "jacket", "socks"]
_PROSE = (
    "Warm, light and easy to clean.",
    "Made for cold days; lasts for years.",
    "The best we have sold, ever: simple, strong, and quiet.",
    "Fits men's and women's sizes",
    'A 10" frame, with a spare part',
    "Not for children under three",
    "See https://www.example.org/a?b=1&c=2 for more",
)
_CODES = ("MG-8769", "RI-3895", "A/17", "B.4", "00123", "X_9")


class Table(msgspec.Struct, frozen=True):
    """A table as it is meant.

    Attributes:
        names: of the columns, None where the table has no header.
        rows: all as wide as the names.
    """

    names: list[str] | None
    rows: list[list[str]]

    @property
    def lines(self) -> list[list[str]]:
        """All rows with the header."""
        return [*([self.names] if self.names else []), *self.rows]


Column = Callable[[random.Random, int], str]

COLUMNS: dict[str, Column] = {
    "id": lambda choose, row: str(1000 + row),
    "code": lambda choose, row: choose.choice(_CODES),
    "name": lambda choose, row: f"{choose.choice(_FIRST)} {choose.choice(_LAST)}",
    "place": lambda choose, row: choose.choice(_PLACES),
    "item": lambda choose, row: f"{choose.choice(_THINGS)}, {choose.choice(_THINGS)}",
    "date": lambda choose, row: f"{choose.randint(13, 28)}/{choose.randint(1, 12):02}/2018",
    "time": lambda choose, row: f"{choose.randint(0, 23):02}:{choose.choice(('00', '15', '30', '45'))}",
    "count": lambda choose, row: str(choose.randint(0, 99)),
    "price": lambda choose, row: f"${choose.randint(1, 90)}.{choose.randint(0, 99):02}",
    "ratio": lambda choose, row: f"{choose.uniform(-5, 5):.3f}",
    "text": lambda choose, row: choose.choice(_PROSE),
    "url": lambda choose, row: f"https://www.example.org/{choose.choice(_THINGS)}/{row}.html",
    "comment": lambda choose, row: choose.choice(("", "", "", "late", "paid, twice")),
    "empty": lambda choose, row: "",
}


def make_table(choose: random.Random, columns: list[str], rows: int) -> Table:
    """Return a table with these columns of `COLUMNS`."""
    return Table(
        [f"{name}_{number}" if columns.count(name) > 1 else name for number, name in enumerate(columns)],
        [[COLUMNS[name](choose, row) for name in columns] for row in range(rows)],
    )
