"""Reading settings: precedence, every way to write a value, and every mistake told at once."""

from pathlib import Path
from typing import Any

import pytest

import config
from config.loading import get_value
from config.options import Key, keys_of
from config.settings import Settings

KEYS = keys_of(Settings)
TOKEN = {"name": "reports", "owner": "finance", "sha256": "0" * 64, "role": "operator"}

# A value for every setting that is not its default, as text and as it must arrive.
OTHER_VALUES: dict[str, tuple[str, Any]] = {
    "data_dir": ("/srv/queue data", Path("/srv/queue data")),
    "redis_url": ("rediss://user:pass@redis.example:6380/2", "rediss://user:pass@redis.example:6380/2"),
    "redis_prefix": ("jobs-2", "jobs-2"),
    "redis_space": ("second", "second"),
    "http.host": ("::1", "::1"),
    "http.port": ("9000", 9000),
    "http.max_upload_bytes": ("500MB", 500_000_000),
    "http.min_body_rate": ("2KiB", 2048),
    "http.max_connections": ("50", 50),
    "http.max_connections_per_client": ("20", 20),
    "http.trusted_proxies": ("10.0.0.5, fd00::/8", ("10.0.0.5", "fd00::/8")),
    "http.max_wait": ("1m", 60.0),
    "http.session_secret": ("s" * 40, "s" * 40),
    "auth.required": ("yes", True),
    "auth.tokens": (
        '[{"name": "a", "owner": "b", "sha256": "' + "0" * 64 + '"}]',
        (config.Token(name="a", owner="b", sha256="0" * 64),),
    ),
    "worker.queues": ("urgent_mail=3, default", ("urgent_mail=3", "default")),
    "worker.processes": ("7", 7),
    "worker.slots": ("1", 1),
    "worker.threads": ("8", 8),
    "worker.runner_memory_bytes": ("512MiB", 512 << 20),
    "worker.job_processes": ("9", 9),
    "worker.job_memory_bytes": ("256MiB", 256 << 20),
    "worker.job_recycle": ("5", 5),
    "worker.handlers": ("handlers,my_company.jobs", ("handlers", "my_company.jobs")),
    "worker.name": ("machine-7", "machine-7"),
    "worker.grace": ("1h30m", 5400.0),
    "worker.heartbeat_interval": ("250ms", 0.25),
    "worker.heartbeat_ttl": ("8", 8.0),
    "worker.stall_timeout": ("2 m", 120.0),
    "jobs.retention_completed": ("2w", 1_209_600.0),
    "jobs.retention_failed": ("1.5d", 129_600.0),
    "jobs.retention_cancelled": ("36h", 129_600.0),
    "jobs.idempotency_window": ("90m", 5400.0),
    "jobs.max_arguments_bytes": ("65536", 65_536),
    "jobs.max_result_bytes": ("1.5 MiB", 1_572_864),
    "bounds.unfinished_jobs": ("20", 20),
    "bounds.stored_bytes": ("5GiB", 5 << 30),
    "bounds.requests_a_minute": ("0", 0),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
}

# What must be said with a setting, since the two are wrong without each other.
ALONG = {"auth.tokens": {"QUEUECORE_AUTH_REQUIRED": "true"}}


@pytest.fixture
def toml(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "queuecore.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def mistakes_of(path: Path | None = None, /, **environ: str) -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        config.load(path, environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_any_source_the_defaults_hold() -> None:
    settings = config.load(environ={})

    assert settings == Settings()
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8000)
    assert settings.worker.processes >= 1


def test_every_setting_has_another_value_in_this_test() -> None:
    assert list(OTHER_VALUES) == list(KEYS)


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_every_setting_can_be_given_by_its_environment_variable(name: str) -> None:
    text, expected = OTHER_VALUES[name]

    settings = config.load(environ={**ALONG.get(name, {}), KEYS[name].variable: text})

    assert get_value(settings, name) == expected
    assert get_value(Settings(), name) != expected


@pytest.mark.parametrize("name", [name for name in OTHER_VALUES if name != "auth.tokens"])
def test_every_setting_can_be_given_in_the_file(name: str, toml: Any) -> None:
    text, expected = OTHER_VALUES[name]
    section, _, field = name.rpartition(".")
    head = f"[{section}]\n" if section else ""

    settings = config.load(toml(f"{head}{field} = '{text}'\n"), environ={})

    assert get_value(settings, name) == expected


def test_the_file_may_write_numbers_and_lists_as_such(toml: Any) -> None:
    path = toml(
        "[http]\nport = 9000\nmax_wait = 12.5\nmax_upload_bytes = 1000\n"
        "[worker]\nqueues = ['default', 'mail']\n"
    )

    settings = config.load(path, environ={})

    assert (settings.http.port, settings.http.max_wait, settings.http.max_upload_bytes) == (9000, 12.5, 1000)
    assert settings.worker.queues == ("default", "mail")


def test_tokens_are_tables_in_the_file(toml: Any) -> None:
    path = toml(
        "[auth]\nrequired = true\n"
        f"[[auth.tokens]]\nname = 'reports'\nowner = 'finance'\nsha256 = '{'0' * 64}'\nrole = 'operator'\n"
    )

    assert config.load(path, environ={}).auth.tokens == (config.Token(**TOKEN),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("'on'", True), ("'1'", True), ("false", False), ("'No'", False), ("'off'", False)],
)
def test_yes_and_no_are_written_in_several_ways(text: str, value: bool, toml: Any) -> None:
    assert config.load(toml(f"[auth]\nrequired = {text}\n"), environ={}).auth.required is value


@pytest.mark.parametrize("text", ["1", "'maybe'", "''", "[true]", "0.0"])
def test_what_is_neither_yes_nor_no_is_refused(text: str, toml: Any) -> None:
    (told,) = mistakes_of(toml(f"[auth]\nrequired = {text}\n"))

    assert "auth.required" in told
    assert "must be true or false" in told


def test_later_sources_hold_over_earlier_ones(toml: Any) -> None:
    path = toml("[http]\nport = 1001\nhost = 'in.file'\n[worker]\nslots = 11\nname = 'in-file'\n")
    environ = {"PORT": "1002", "QUEUECORE_WORKER_SLOTS": "12", "QUEUECORE_WORKER_NAME": "in-environ"}

    settings = config.load(path, environ, {"worker.name": "on-line"})

    assert (settings.http.host, settings.http.port) == ("in.file", 1002)
    assert (settings.worker.slots, settings.worker.name) == (12, "on-line")


@pytest.mark.parametrize(
    ("short", "name", "text", "expected"),
    [
        ("HOST", "http.host", "0.0.0.0", "0.0.0.0"),
        ("PORT", "http.port", "0", 0),
        ("DATA_DIR", "data_dir", "/srv/data", Path("/srv/data")),
        ("REDIS_URL", "redis_url", "redis://r:6379/1", "redis://r:6379/1"),
        ("WORKERS", "worker.processes", "3", 3),
    ],
)
def test_the_short_forms_work_and_the_long_form_holds(
    short: str, name: str, text: str, expected: object
) -> None:
    other, other_expected = OTHER_VALUES[name]

    assert get_value(config.load(environ={short: text}), name) == expected
    both = {KEYS[name].variable: other, short: text}
    assert get_value(config.load(environ=both), name) == other_expected


def test_an_empty_variable_counts_as_not_set() -> None:
    assert config.load(environ={"REDIS_URL": "", "PORT": " ", "QUEUECORE_HTTP_HOST": ""}) == Settings()


def test_the_file_can_be_named_in_the_environment(toml: Any) -> None:
    path = toml("[http]\nport = 4321\n")

    assert config.load(environ={"QUEUECORE_CONFIG": str(path)}).http.port == 4321


def test_a_relative_data_directory_becomes_absolute() -> None:
    assert config.load(environ={"DATA_DIR": "some/where"}).data_dir == Path.cwd() / "some/where"


def test_all_mistakes_of_all_sources_are_told_at_once(toml: Any) -> None:
    path = toml(
        "redis_prefx = 'x'\n[http]\nport = 99999\nmax_wait = 'soon'\n"
        "[worker]\nqueues = []\nretries = 3\n[wrker]\na = 1\n"
    )

    told = mistakes_of(path, QUEUECORE_HTTP_PROT="1", WORKERS="many", QUEUECORE_LOG_LEVEL="loud")

    time = "a time such as 25s, 10m, 24h or 7d, or a number of seconds, from 0s to 5m"
    assert told == [
        f"redis_prefx ({path}): is not a setting; did you mean redis_prefix?",
        f"http.port = 99999 ({path}): must be a whole number from 0 to 65535",
        f"http.max_wait = 'soon' ({path}): must be {time}",
        f"worker.queues = [] ({path}): must have at least one entry",
        f"worker.retries ({path}): is not a setting",
        f"wrker ({path}): is not a setting; did you mean worker?",
        "WORKERS = 'many' (environment): must be a whole number from 1 to 1024",
        "QUEUECORE_LOG_LEVEL = 'loud' (environment): must be one of debug, info, warning, error",
        "QUEUECORE_HTTP_PROT (environment): is not a setting; did you mean QUEUECORE_HTTP_PORT?",
    ]


def test_a_setting_in_the_wrong_section_is_told_where_it_belongs(toml: Any) -> None:
    assert mistakes_of(toml("port = 80\n")) == [
        f"port ({toml('port = 80')}): is not a setting; did you mean http.port?"
    ]


@pytest.mark.parametrize("name", KEYS)
def test_every_setting_refuses_nonsense_and_says_what_is_allowed(name: str) -> None:
    key = KEYS[name]
    nonsense = {"data_dir": __file__, "worker.name": "a b", "http.host": "a b"}.get(name, "!?")

    (told,) = mistakes_of(**{key.variable: nonsense})

    assert told.startswith(key.variable)
    assert key.wanted in told


@pytest.mark.parametrize(
    "key", [key for key in KEYS.values() if key.option.at_least is not None and key.type in (int, float)]
)
def test_every_bound_is_kept(key: Key) -> None:
    assert key.option.at_least is not None
    assert key.option.at_most is not None
    below = key.option.at_least - (1 if key.type is int else 0.01)
    above = key.option.at_most + 1

    for value in (below, above):
        with pytest.raises(config.ConfigError, match="must be") as caught:
            config.load(environ={}, overrides={key.name: int(value) if key.type is int else value})
        assert len(caught.value.mistakes) == 1


@pytest.mark.parametrize("text", ["", "s", "5x", "-5s", "5 5", "1h30", "nan", "inf", "1e400", "5s!", "٥s"])
def test_what_is_no_time_is_refused(text: str, toml: Any) -> None:
    assert len(mistakes_of(toml(f"[http]\nmax_wait = '{text}'\n"))) == 1


@pytest.mark.parametrize("text", ["", "B", "5x", "-5", "1,5GiB", "nan", "2 GiB more", "1e400"])
def test_what_is_no_size_is_refused(text: str, toml: Any) -> None:
    assert len(mistakes_of(toml(f"[http]\nmax_upload_bytes = '{text}'\n"))) == 1


@pytest.mark.parametrize("value", ["true", "1.5", "{ a = 1 }", "[1]", "1979-05-27", "nan"])
def test_a_value_of_the_wrong_type_is_refused(value: str, toml: Any) -> None:
    for setting in ("port", "host", "max_upload_bytes"):
        assert len(mistakes_of(toml(f"[http]\n{setting} = {value}\n"))) == 1


def test_settings_that_are_wrong_together_are_refused(toml: Any) -> None:
    (told,) = mistakes_of(QUEUECORE_WORKER_HEARTBEAT_TTL="4s")
    assert "at least 2.5 times worker.heartbeat_interval" in told

    (told,) = mistakes_of(QUEUECORE_WORKER_STALL_TIMEOUT="6s")
    assert "longer than worker.heartbeat_ttl" in told

    table = f"[[auth.tokens]]\nname = 'a'\nowner = 'b'\nsha256 = '{'0' * 64}'\n"
    (told,) = mistakes_of(toml(table))
    assert "auth.required" in told
    assert "write `required = true`" in told

    required = "[auth]\nrequired = true\n"
    assert len(mistakes_of(toml(required + table + table.replace("0" * 64, "1" * 64)))) == 1
    assert len(mistakes_of(toml(required + table + table.replace("'a'", "'c'")))) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": "0" * 63}, "sha256"),
        ({"sha256": "G" * 64}, "sha256"),
        ({"role": "root"}, "role"),
        ({"name": "a b"}, "name"),
        ({"owner": ""}, "owner"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_token_that_is_not_right_is_refused(change: dict[str, str], told: str) -> None:
    with pytest.raises(config.ConfigError, match=told):
        config.load(environ={}, overrides={"auth.tokens": [TOKEN | change]})


def test_secrets_are_never_in_a_message(toml: Any) -> None:
    path = toml("redis_url = 'http://user:hunter2@host'\n[auth]\ntokens = 'hunter2'\n")

    told = mistakes_of(path, QUEUECORE_HTTP_SESSION_SECRET="hunter2")

    assert len(told) == 3
    assert "hunter2" not in "".join(told)


def test_a_file_that_is_missing_or_no_toml_is_one_mistake(tmp_path: Path, toml: Any) -> None:
    (missing,) = mistakes_of(tmp_path / "missing.toml")
    assert "cannot be read: No such file" in missing

    (broken,) = mistakes_of(toml("[http\nport = 1"))
    assert "is not a TOML file" in broken

    (section,) = mistakes_of(toml("http = 5"))
    assert "write [http]" in section


def test_a_reload_takes_what_is_live_and_names_what_waits(toml: Any) -> None:
    old = config.load(toml(""), environ={})
    path = toml("[http]\nport = 9\nmax_upload_bytes = '1MiB'\nmax_wait = 5\n[worker]\nslots = 9\n")

    settings, live, restart = config.reload(old, path, environ={})

    assert live == ("http.max_upload_bytes", "http.max_wait")
    assert restart == ("http.port", "worker.slots")
    assert (settings.http.max_upload_bytes, settings.http.max_wait) == (1 << 20, 5.0)
    assert (settings.http.port, settings.worker.slots) == (old.http.port, old.worker.slots)


def test_a_reload_closes_a_service_at_once_and_never_opens_it(toml: Any) -> None:
    table = f"[[auth.tokens]]\nname = 'a'\nowner = 'b'\nsha256 = '{'0' * 64}'\n"
    opened = config.load(environ={})

    closed = config.reload(opened, toml("[auth]\nrequired = true\n" + table), environ={})
    assert (closed.live, closed.restart) == (("auth.required", "auth.tokens"), ())
    assert closed.settings.auth.required

    emptied = config.reload(closed.settings, toml(""), environ={})
    assert (emptied.live, emptied.restart) == (("auth.tokens",), ("auth.required",))
    assert emptied.settings.auth == config.Auth(required=True, tokens=())


def test_a_reload_of_a_wrong_file_changes_nothing(toml: Any) -> None:
    old = config.load(environ={})

    with pytest.raises(config.ConfigError):
        config.reload(old, toml("[http]\nmax_wait = 'x'\n"), environ={})


def test_a_child_gets_the_settings_through_its_environment(toml: Any) -> None:
    path = toml("[log]\nlevel = 'error'\n")

    environ = config.to_environment({"http.port": 5, "data_dir": Path("/x")}, path, environ={"PORT": "6"})
    settings = config.load(environ=environ)

    assert (settings.http.port, settings.data_dir, settings.log.level) == (5, Path("/x"), "error")


def test_what_is_no_network_is_refused(toml: Any) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.load(toml('[http]\ntrusted_proxies = ["10.0.0.1", "10.0.0.0/33"]'), environ={})

    assert "http.trusted_proxies" in str(caught.value)
    assert "10.0.0.0/33" in str(caught.value)
