"""The context variables that an attempt begins with: as loading the handlers left them, whoever sets them."""

from __future__ import annotations

import contextvars
import decimal
from collections.abc import Callable

# What the standard library calls the variable that holds a thread's decimal context.
_DECIMAL = "decimal_context"


def remember_variables() -> Callable[[], contextvars.Context]:
    """Return what gives each attempt the context variables of this moment, in a context of its own."""
    base = contextvars.copy_context()
    if not any(each.name == _DECIMAL for each in base):
        return base.copy
    # The one value that is there to be changed, as in `getcontext().prec = 3`: each attempt has its own.
    saved = decimal.getcontext().copy()

    def fresh() -> contextvars.Context:
        variables = base.copy()
        variables.run(decimal.setcontext, saved.copy())
        return variables

    return fresh
