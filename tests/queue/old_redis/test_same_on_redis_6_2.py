"""What holds on a new Redis holds on the oldest one that is supported: the same tests again."""

# ruff: noqa: F403
from tests.queue.test_scripts_advance import *
from tests.queue.test_scripts_enqueue import *
from tests.queue.test_scripts_memory import *
from tests.queue.test_scripts_recovery import *
from tests.queue.test_scripts_requests import *
from tests.queue.test_state_machine import *
