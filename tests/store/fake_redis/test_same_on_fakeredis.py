"""What holds on Redis holds on fakeredis, the last resort of `make run`: the same tests again.

What fakeredis has not: a memory limit, persistence, `INFO commandstats`. So the tests of those are not here.
"""

# ruff: noqa: F403
import pytest

from tests.store.test_scripts_enqueue import *
from tests.store.test_scripts_recovery import *
from tests.store.test_scripts_requests import *

pytestmark = pytest.mark.slow
