"""Configuration: the only reader of the environment.

`load()` gives the typed `Settings`, or a `ConfigError` that lists every mistake at once.
"""

from config.credentials import hash_token, make_token, session_secret
from config.loading import (
    ConfigError,
    Mistake,
    Reloaded,
    get_value,
    load,
    reload,
    to_environment,
    use_file,
)
from config.settings import Auth, Bounds, Http, Jobs, Log, Role, Settings, Token, Worker

__all__ = [
    "Auth",
    "Bounds",
    "ConfigError",
    "Http",
    "Jobs",
    "Log",
    "Mistake",
    "Reloaded",
    "Role",
    "Settings",
    "Token",
    "Worker",
    "get_value",
    "hash_token",
    "load",
    "make_token",
    "reload",
    "session_secret",
    "to_environment",
    "use_file",
]
