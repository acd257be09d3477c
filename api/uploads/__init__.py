"""Routes of uploads, and the journal that makes jobs of files again when Redis has lost them."""

from api.uploads import journal, receiving
from api.uploads.journal import keep_in_step

__all__ = ["journal", "keep_in_step", "receiving"]
