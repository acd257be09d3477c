"""The context variables that an attempt begins with: as loading the handlers left them, whoever sets them."""

from __future__ import annotations

import contextvars
import decimal

# What the standard library calls the variable that holds a thread's decimal context.
_DECIMAL = "decimal_context"


class Variables:
    """Remembers the context variables of whoever makes it."""

    def __init__(self) -> None:
        self._base = contextvars.copy_context()
        # The one value that is there to be changed, as in `getcontext().prec = 3`: each attempt has its own.
        self._decimal = next(
            (decimal.getcontext().copy() for each in self._base if each.name == _DECIMAL), None
        )

    def fresh(self) -> contextvars.Context:
        """Return them for one attempt."""
        variables = self._base.copy()
        if self._decimal is not None:
            variables.run(decimal.setcontext, self._decimal.copy())
        return variables
