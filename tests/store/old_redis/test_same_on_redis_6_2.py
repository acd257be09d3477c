"""What holds on a new Redis holds on the oldest one that is supported: the same tests again."""

# ruff: noqa: F403
from tests.store.test_scripts_advance import *
from tests.store.test_scripts_enqueue import *
from tests.store.test_scripts_memory import *
from tests.store.test_scripts_recovery import *
from tests.store.test_scripts_requests import *
from tests.store.test_state_machine import *
