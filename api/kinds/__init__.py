"""What can be asked for: kinds of job, their options and files."""

from api.kinds.kinds import Kind, KindList, Kinds
from api.kinds.options import check_arguments, read_options

__all__ = ["Kind", "KindList", "Kinds", "check_arguments", "read_options"]
