"""The interface described for programs: OpenAPI, tested against the application."""

from api.document import openapi

__all__ = ["openapi"]
