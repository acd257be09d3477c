"""Keys: which jobs belong together, as a text with names in braces or a function of a job's arguments."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any, Final

from .errors import InvalidOption

LONGEST_KEY: Final = 200  # characters
# What a key may name besides the arguments of the job.
OF_THE_JOB: Final = frozenset({"kind", "owner", "queue"})

Key = str | Callable[[Any], str]
Wrong = Callable[[str], InvalidOption]  # makes the error of a reason


def check_key(key: object, *, noun: str, wrong: Wrong) -> None:
    """Raise what `wrong` makes if this can be the key of no `noun`, such as "a limit"."""
    if not (callable(key) or (isinstance(key, str) and key)):
        raise wrong(f"{noun}'s key is a text or a function that returns one, not {key!r:.80}")
    if isinstance(key, str):
        _names_in(key, noun=noun, wrong=wrong)


def shown_key(key: Key) -> str:
    """What to call a key in a sentence."""
    return repr(key)[:80] if isinstance(key, str) else "with a key by function"


def check_names(kind: str, key: Key, arguments: frozenset[str], *, noun: str, wrong: Wrong) -> None:
    """Raise what `wrong` makes if the key names what jobs of this kind do not have."""
    if not isinstance(key, str):
        return
    for name in _names_in(key, noun=noun, wrong=wrong):
        if name in arguments and name in OF_THE_JOB:
            raise wrong(
                f"kind {kind}: the {noun.split()[-1]} {shown_key(key)}: {name!r} is an argument and also the "
                f"job's own {name}; name the argument otherwise, or give a function"
            )
        if name not in arguments and name not in OF_THE_JOB:
            known = ", ".join(sorted(arguments | OF_THE_JOB))
            raise wrong(
                f"kind {kind}: the {noun.split()[-1]} {shown_key(key)} names {name!r}; there are {known}"
            )


def bind_key(key: Key, arguments: Any, job: Mapping[str, str], *, noun: str, wrong: Wrong) -> str:
    """Return the text of a key for one job.

    Args:
        arguments: the job's, as its handler gets them, a struct.
        job: the texts for OF_THE_JOB.

    Raises: what `wrong` makes, if the text is empty, too long or none, or the function raised.
    """
    if isinstance(key, str):
        values = {
            name: job[name] if name in OF_THE_JOB else getattr(arguments, name)
            for name in _names_in(key, noun=noun, wrong=wrong)
        }
        bound = key.format_map(values)
    else:
        try:
            bound = key(arguments)
        except Exception as error:
            raise wrong(f"the function that makes {noun}'s key raised {error!r:.200}") from error
    if not isinstance(bound, str) or not 0 < len(bound) <= LONGEST_KEY or not bound.isprintable():
        raise wrong(
            f"the {noun.split()[-1]} {shown_key(key)} got the key {bound!r:.80}; "
            f"a key is 1 to {LONGEST_KEY} printable characters"
        )
    return bound


def _names_in(key: str, *, noun: str, wrong: Wrong) -> list[str]:
    """The names in braces. Raises what `wrong` makes for what is more than a name."""
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(key)]
    except ValueError as error:
        raise wrong(f"the key {key!r:.80} of {noun}: {error}") from error
    names = []
    for name, spec, conversion in fields:
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise wrong(
                f"the key {key!r:.80} of {noun}: in braces stand only names, such as {{owner}}; "
                "for more give a function of the arguments"
            )
        names.append(name)
    return names
