"""The engine of `file.clean`: a table file in, a cleaned file, rejected rows and a report out.

Knows neither the queue nor the storage: `clean_file` takes a path, a directory to write in and a
callback for progress.
"""

from handlers.cleaning.engine import CleanedFile, clean_file
from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import CleaningOptions
from handlers.cleaning.progress import StepProgress

__all__ = ["CleanedFile", "CleaningError", "CleaningOptions", "StepProgress", "clean_file"]
