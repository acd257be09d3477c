"""Faults are caused beside real workers; the jobs are those of the worker's tests."""

from tests.worker.conftest import options, queue, registry, start_worker

__all__ = ["options", "queue", "registry", "start_worker"]
