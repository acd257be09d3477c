"""Routes for operators and for whoever restarts processes."""

from api.ops import health

__all__ = ["health"]
