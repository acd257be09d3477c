"""Ids of jobs: made at random by whoever enqueues; the space that the job lies in can be read off them."""

from __future__ import annotations

import os
import re
from binascii import b2a_base64
from typing import Final

from .errors import InvalidOption, JobNotFound

# 22 characters of 6 random bits each, at least 128 in all: knowing the id is the right to see the job.
TOKEN_LENGTH: Final = 22
JOB_ID: Final = re.compile(r"([a-z][a-z0-9_]{0,31})\.([A-Za-z0-9_-]{22})", re.ASCII)
# Of queues and of spaces.
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
DEFAULT_SPACE: Final = "main"

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def new_job_id(space: str = DEFAULT_SPACE) -> str:
    """A new id: the space's name and 128 random bits, so that a job is found by its id alone."""
    return f"{space}.{new_token()}"


def new_token() -> str:
    """A random token: TOKEN_LENGTH characters of base64url."""
    return b2a_base64(os.urandom(17))[:TOKEN_LENGTH].translate(_URL_SAFE).decode("ascii")


def new_tokens(n: int) -> list[str]:
    """As many tokens, made together at a tenth of the price."""
    # 17 bytes make 22 characters and a bit; any 22 of a long random text will do.
    text = b2a_base64(os.urandom(n * 17), newline=False).translate(_URL_SAFE).decode("ascii")
    return [text[at : at + TOKEN_LENGTH] for at in range(0, n * TOKEN_LENGTH, TOKEN_LENGTH)]


def split_job_id(job_id: str) -> tuple[str, str]:
    """Space and token of an id.

    Raises:
        JobNotFound: the text has not the form of an id, so no job can have it.
        InvalidOption: it is no text.
    """
    try:
        match = JOB_ID.fullmatch(job_id)
    except TypeError:
        raise InvalidOption("job_id", job_id, "the id of a job, a text") from None
    if match is None:
        raise JobNotFound(job_id[:80])
    return match[1], match[2]


def check_job_id(job_id: str) -> None:
    """Raise InvalidOption where the text has not the form of an id."""
    if not isinstance(job_id, str) or JOB_ID.fullmatch(job_id) is None:
        raise InvalidOption("id", job_id, "an id that new_job_id() made")


def check_name(given: str, *, name: str) -> None:
    """Raise InvalidOption where the text is no name of a queue or space.

    Args:
        name: what the option is called.
    """
    if not isinstance(given, str) or NAME.fullmatch(given) is None:
        raise InvalidOption(
            name,
            given,
            "lower case letters, digits and underscores, at most 32 characters, a letter first",
        )
