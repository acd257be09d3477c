"""The engine of `file.clean`: a table file in; a cleaned file, the rejected rows and a report out.

It knows neither the queue nor the storage: `clean_file` takes a path, a directory to write in and a callback
for progress. `engine` runs it; the rooms beside it read and write `text` and `workbook`s, hold the `rules`,
know what `values` mean and keep the `report`. Other packages use the names below and nothing further inside.
"""

from handlers.cleaning.engine import CleanedFile, clean_file
from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import (
    DELIMITERS,
    CleaningOptions,
    DateOrder,
    DecimalSign,
    EncodingName,
    EscapeChoice,
    HeaderChoice,
    OutputFormat,
    QuoteChoice,
)
from handlers.cleaning.report import CleaningReport, StepProgress

__all__ = [
    "DELIMITERS",
    "CleanedFile",
    "CleaningError",
    "CleaningOptions",
    "CleaningReport",
    "DateOrder",
    "DecimalSign",
    "EncodingName",
    "EscapeChoice",
    "HeaderChoice",
    "OutputFormat",
    "QuoteChoice",
    "StepProgress",
    "clean_file",
]
