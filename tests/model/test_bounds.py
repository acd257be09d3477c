"""Bounds are checked where they are made."""

from typing import Any

import pytest

from queuecore import Bound, InvalidOption, JobRequest


@pytest.mark.parametrize(
    "made",
    [
        lambda: Bound("", 1),
        lambda: Bound("x" * 301, 1),
        lambda: Bound(5, 1),  # type: ignore[arg-type]
        lambda: Bound("a", -1),
        lambda: Bound("a", 1.5),  # type: ignore[arg-type]
        lambda: Bound("a", 1 << 60),
        lambda: Bound("a", 1, amount=-1),
        lambda: Bound("a", 1, until="later"),  # type: ignore[arg-type]
        lambda: JobRequest(kind="k", bounds=Bound("a", 1)),  # type: ignore[arg-type]
        lambda: JobRequest(kind="k", bounds=["a"]),  # type: ignore[list-item]
        lambda: JobRequest(kind="k", bounds=[Bound("a", 1), Bound("a", 2)]),
        lambda: JobRequest(kind="k", bounds=[Bound(str(n), 1) for n in range(9)]),
    ],
)
def test_a_bound_without_sense_is_refused_where_it_is_made(made: Any) -> None:
    with pytest.raises(InvalidOption):
        made()
