"""In which order claims look at a worker's queues."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.model import Subscription, parse_queues
from queuecore.model.subscription import LARGEST_WEIGHT

NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), min_size=1, max_size=6, unique=True)


@pytest.mark.parametrize(
    ("texts", "subscription"),
    [
        (["default"], Subscription(("default",))),
        (["mail", "default"], Subscription(("mail", "default"))),
        (["mail=3", "default=1"], Subscription(("mail", "default"), (3, 1))),
        (["mail=3", "default"], Subscription(("mail", "default"), (3, 1))),
    ],
)
def test_queues_are_read_with_order_or_weights(texts: list[str], subscription: Subscription) -> None:
    assert parse_queues(texts) == subscription


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "needs a queue to serve"),
        (["Mail"], "queue 'Mail': a name is lower case letters"),
        (["a b"], "queue 'a b'"),
        (["x" * 33], "at most 32 characters"),
        (["mail=0"], "a whole number from 1 to 100"),
        (["mail=101"], "a whole number from 1 to 100"),
        (["mail="], "a whole number from 1 to 100"),
        (["mail=1.5"], "a whole number from 1 to 100"),
        (["mail=²"], "a whole number from 1 to 100"),
        (["mail=" + "9" * 5000], "a whole number from 1 to 100"),
        (["mail", "mail=2"], "'mail' is named twice"),
    ],
)
def test_what_cannot_be_a_queue_is_refused(texts: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_queues(texts)


@given(names=NAMES, data=st.data())
def test_weights_are_exact_shares_of_a_round_and_spread_over_it(
    names: list[str], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.integers(1, 12), min_size=len(names), max_size=len(names)))

    turns = Subscription(tuple(names), tuple(weights)).turns()

    firsts = Counter(turn[0] for turn in turns)
    rounds = sum(weights) // len(turns) if len(names) > 1 else sum(weights)
    assert {name: count * rounds for name, count in firsts.items()} == dict(zip(names, weights, strict=True))
    for name, weight in zip(names, weights, strict=True):
        share = weight / sum(weights)
        for length in range(1, len(turns) + 1):
            had = sum(turn[0] == name for turn in turns[:length])
            assert abs(had - share * length) < len(names)
    assert all(sorted(turn) == sorted(names) for turn in turns)


@given(names=NAMES)
def test_an_order_is_kept_but_every_queue_comes_first_at_times(names: list[str]) -> None:
    turns = Subscription(tuple(names)).turns()

    firsts = Counter(turn[0] for turn in turns)
    assert firsts.keys() == {*names}
    assert len(names) == 1 or firsts[names[0]] * 10 == 9 * len(turns)
    for turn in turns:
        rest = [name for name in names if name != turn[0]]
        assert list(turn[1:]) == rest


def test_the_longest_round_is_bounded() -> None:
    weights = (LARGEST_WEIGHT, LARGEST_WEIGHT - 1)

    assert len(Subscription(("a", "b"), weights).turns()) == sum(weights)
