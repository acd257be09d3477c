"""Routes of the pages; beside the code the pages themselves, without a build step."""

from api.web import pages

__all__ = ["pages"]
