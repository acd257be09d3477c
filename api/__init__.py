"""The HTTP service: uploads, jobs, results, health and the page."""

from api.app import create_app

__all__ = ["create_app"]
