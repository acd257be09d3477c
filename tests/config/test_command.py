"""`python -m config` as a person uses it."""

import tomllib
from pathlib import Path

import pytest

import config
from config.__main__ import main


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("HOST", "PORT", "DATA_DIR", "REDIS_URL", "WORKERS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def test_what_is_printed_is_a_configuration_that_says_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([]) == 0

    printed = tmp_path / "printed.toml"
    printed.write_text(capsys.readouterr().out, "utf-8")
    assert config.load(printed, environ={}) == config.load(environ={})


def test_what_is_printed_with_tokens_names_them_and_masks_their_hashes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, token = config.make_token("reports", "finance")
    path = tmp_path / "queuecore.toml"
    path.write_text(
        f'[auth]\nrequired = true\n[[auth.tokens]]\nname = "a"\nowner = "b"\nsha256 = "{token.sha256}"\n'
    )

    assert main(["--config", str(path)]) == 0

    auth = tomllib.loads(capsys.readouterr().out)["auth"]
    assert auth["required"] is True
    assert auth["tokens"] == [{"name": "a", "owner": "b", "sha256": "********", "role": "user"}]


def test_secrets_are_masked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://user:hunter2hunter2@host:6379/0")
    monkeypatch.setenv("QUEUECORE_HTTP_SESSION_SECRET", "hunter2" * 6)

    assert main(["show"]) == 0

    printed = capsys.readouterr().out
    assert "hunter2" not in printed
    assert 'redis_url = "redis://user:********@host:6379/0"' in printed


def test_a_printed_token_can_be_pasted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["token", "reports", "finance", "--role", "operator"]) == 0

    printed = capsys.readouterr().out
    secret = next(line.strip() for line in printed.splitlines() if line.startswith("    "))
    pasted = tmp_path / "pasted.toml"
    table = printed[printed.index("[[auth.tokens]]") :]
    pasted.write_text(f"[auth]\nrequired = true\n\n{table}", "utf-8")
    (token,) = config.load(pasted, environ={}).auth.tokens
    assert (token.owner, token.role, token.sha256) == ("finance", "operator", config.hash_token(secret))


def test_check_tells_all_mistakes_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["check"]) == 0
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("WORKERS", "0")

    assert main(["check"]) == 2

    told = capsys.readouterr().err
    assert told.startswith("2 mistakes in the configuration:")
    assert "PORT" in told
    assert "WORKERS" in told
