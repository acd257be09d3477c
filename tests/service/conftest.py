"""What the tests of the whole service share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.service.service import SHORT_HEARTBEAT, Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests of a module that do it no lasting harm."""
    with Service(tmp_path_factory.mktemp("service"), settings=SHORT_HEARTBEAT) as service:
        yield service


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a service for one test, with settings of its own."""
    with ExitStack() as stack:

        def start(**options: Any) -> Service:
            return stack.enter_context(Service(tmp_path / "service", **options))

        (tmp_path / "service").mkdir()
        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the logs of a shared service with the test that failed, not with the last of the module."""
    report = yield
    service = getattr(item, "funcargs", {}).get("service")
    if report.failed and isinstance(service, Service):
        report.sections.append(("logs of the service", service.logs()))
    return report
