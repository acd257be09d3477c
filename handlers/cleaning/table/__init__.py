"""A table on its way through the cleaning, as rooms hand it to each other: batches of rows, column by column.

Reading gives `Batch`es, from a `Source` that can be read several times; writing takes `Written` rows.
"""

from handlers.cleaning.table.batches import Batch, Description, Native, Reject, Source, Written

__all__ = ["Batch", "Description", "Native", "Reject", "Source", "Written"]
