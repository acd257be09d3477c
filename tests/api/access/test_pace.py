"""How many requests a client may make in a minute."""

import pytest

from api.access import Pace
from api.access.pace import MOST_CLIENTS


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_may_come_at_once_and_then_one_at_a_time() -> None:
    clock = Clock()
    pace = Pace(clock=clock)

    waits = [pace.take("ann", 60) for _ in range(61)]
    clock.now += waits[-1]

    assert waits[:60] == [0.0] * 60
    assert waits[60] == pytest.approx(1.0)
    assert pace.take("ann", 60) == 0.0
    assert pace.take("ann", 60) > 0.9
    assert pace.take("bob", 60) == 0.0


def test_what_made_nothing_is_given_back() -> None:
    pace = Pace(clock=Clock())
    pace.take("ann", 1)

    pace.give_back("ann", 1)

    assert pace.take("ann", 1) == 0.0


def test_clients_without_a_debt_are_forgotten() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    for number in range(MOST_CLIENTS):
        pace.take(str(number), 60)
    clock.now += 60

    pace.take("one more", 60)

    assert len(pace._spent_until) == 1


def test_many_clients_at_once_are_not_looked_through_for_each_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, looks = Clock(), []
    pace = Pace(clock=clock)
    forget = pace._forget
    monkeypatch.setattr(pace, "_forget", lambda now: (looks.append(now), forget(now)))

    for number in range(4 * MOST_CLIENTS):
        pace.take(str(number), 60)

    assert len(looks) == 2
