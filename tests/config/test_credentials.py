"""Tokens and the key of the cookies."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import config


def load_at(directory: Path) -> config.Settings:
    return config.load(environ={"DATA_DIR": str(directory)})


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    settings = load_at(tmp_path / "data")

    secret = config.session_secret(settings)

    assert len(secret) >= 32
    assert config.session_secret(settings) == secret
    assert stat.S_IMODE((tmp_path / "data/session-secret").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["session-secret"]


def test_processes_that_start_at_one_time_agree_on_one_secret(tmp_path: Path) -> None:
    settings = load_at(tmp_path)

    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: config.session_secret(settings), range(64)))

    assert len(secrets) == 1


def test_a_configured_secret_holds(tmp_path: Path) -> None:
    settings = config.load(environ={"QUEUECORE_HTTP_SESSION_SECRET": "s" * 32, "DATA_DIR": str(tmp_path)})

    assert config.session_secret(settings) == b"s" * 32
    assert not list(tmp_path.iterdir())


def test_of_a_token_only_the_hash_is_configured() -> None:
    secret, token = config.make_token("reports", "finance", role="operator")

    assert token.sha256 == config.hash_token(secret)
    assert secret not in str(token)
    assert config.load(
        environ={},
        overrides={
            "auth.required": "true",
            "auth.tokens": [dict(name=token.name, owner=token.owner, sha256=token.sha256, role=token.role)],
        },
    ).auth.tokens == (token,)
