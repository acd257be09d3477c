"""Kinds for the tests of the page: one with every sort of option, one that fails at first."""

from typing import Annotated, Literal

import msgspec

from queuecore import JobContext, Permanent, handler


@handler("test.options", title="Everything that can be chosen", runs="async", retries=0)
async def take_options(
    ctx: JobContext,
    amount: Annotated[int, msgspec.Meta(title="Amount", ge=1, le=10)],
    colour: Annotated[Literal["red", "green"], msgspec.Meta(title="Colour")] = "green",
    note: Annotated[str | None, msgspec.Meta(title="Note", description="Whatever comes to mind.")] = None,
    share: Annotated[float, msgspec.Meta(title="Share", gt=0)] = 0.5,
    loud: Annotated[bool, msgspec.Meta(title="Loud")] = False,
    words: Annotated[tuple[str, ...], msgspec.Meta(title="Words")] = (),
) -> str:
    """Say what was chosen."""
    return f"{amount} {colour} {note} {share} {loud} {'+'.join(words)}"


@handler("test.fail_once", title="Fail at first", runs="async", retries=0)
async def fail_once(ctx: JobContext) -> str:
    """Fail the first time and succeed when it is tried again."""
    if ctx.attempt == 1:
        raise Permanent("The moon is not full", "Wait for the full moon and try again.")
    return "done"
