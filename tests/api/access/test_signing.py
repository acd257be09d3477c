"""Signed texts: taken as they were given out, and in no other way."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access import Signer

SECRET = b"s" * 32


@given(payload=st.binary(max_size=300), bound_to=st.text(max_size=50))
def test_what_was_signed_is_read_again(payload: bytes, bound_to: str) -> None:
    signer = Signer(SECRET, "cursor")

    text = signer.sign(payload, bound_to=bound_to)

    assert signer.read(text, bound_to=bound_to) == payload
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@given(payload=st.binary(max_size=60), place=st.integers(0, 200), put=st.sampled_from("Aa0_-.= é"))
def test_a_changed_text_is_nothing(payload: bytes, place: int, put: str) -> None:
    signer = Signer(SECRET, "cursor")
    text = signer.sign(payload)
    place %= len(text)
    changed = text[:place] + put + text[place + 1 :]

    assert signer.read(changed) == (payload if changed == text else None)
    assert signer.read(text + put) is None


def test_a_text_is_worth_nothing_elsewhere() -> None:
    text = Signer(SECRET, "cursor").sign(b"here", bound_to="ann")

    assert Signer(SECRET, "cursor").read(text, bound_to="bob") is None
    assert Signer(SECRET, "cursor").read(text) is None
    assert Signer(SECRET, "cookie").read(text, bound_to="ann") is None
    assert Signer(b"o" * 32, "cursor").read(text, bound_to="ann") is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "x" * 10_000, "é.a.b"])
def test_what_is_no_signed_text_is_nothing(text: str) -> None:
    assert Signer(SECRET, "cursor").read(text) is None


def test_a_text_is_taken_for_its_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    signer, forever = Signer(SECRET, "cookie", seconds=60), Signer(SECRET, "cookie")
    text, now = signer.sign(b"here"), time.time()

    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert signer.read(text) == b"here"
    monkeypatch.setattr(time, "time", lambda: now + 62)
    assert signer.read(text) is None
    assert forever.read(text) == b"here"
