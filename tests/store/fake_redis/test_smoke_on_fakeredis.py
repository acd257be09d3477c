"""A runner's whole conversation works on fakeredis too; the rest is in the slow tests beside."""

# ruff: noqa: F403
from tests.store.test_scripts_advance import *
