"""Addresses of Redis: what is read from them, and what is refused."""

import pytest

from queuecore.store.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", Address()),
        ("redis://", Address()),
        ("redis://cache:7000/3", Address(host="cache", port=7000, database=3)),
        ("redis://:secret@cache", Address(host="cache", password="secret")),
        ("redis://ann:se%40cret@cache/", Address(host="cache", username="ann", password="se@cret")),
        ("redis://cache?db=2&password=x", Address(host="cache", database=2, password="x")),
        ("redis://[::1]:6380", Address(host="::1", port=6380)),
        ("rediss://cache", Address(host="cache", tls=True)),
        (
            "rediss://cache?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
            Address(
                host="cache", tls=True, verify=False, ca_certs="/ca.pem", certificate="/c.pem", key="/k.pem"
            ),
        ),
        ("unix:///run/redis.sock", Address(path="/run/redis.sock")),
        ("unix:///a%20b/r.sock?db=4", Address(path="/a b/r.sock", database=4)),
        ("unix://ann:secret@/run/r.sock", Address(path="/run/r.sock", username="ann", password="secret")),
    ],
)
def test_an_address_is_read(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://cache", "begins with redis://"),
        ("cache:6379", "begins with redis://"),
        ("redis://:secret@cache:port", "are numbers"),
        ("redis://:secret@cache/first", "are numbers"),
        ("redis://:secret@cache?retry=3", "unknown options"),
        ("unix://", "names no socket"),
    ],
)
def test_what_is_no_address_is_refused_without_telling_the_password(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_address(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ann:secret@cache/3", "cache:6379"),
        ("redis://[::1]:6380", "[::1]:6380"),
        ("unix://:secret@/run/redis.sock?db=4", "/run/redis.sock"),
    ],
)
def test_an_address_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert str(parse_address(url)) == shown
