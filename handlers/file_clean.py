"""The kind `file.clean`: a messy CSV or XLSX file in, a clean one out. The engine is in `cleaning/`."""

from typing import Annotated

import msgspec
from msgspec import Meta

import storage
from handlers.cleaning import (
    DELIMITERS,
    CleaningError,
    CleaningOptions,
    CleaningReport,
    DateOrder,
    DecimalSign,
    EncodingName,
    EscapeChoice,
    HeaderChoice,
    OutputFormat,
    QuoteChoice,
    StepProgress,
    clean_file,
)
from queuecore import JobContext, Permanent, Step, handler
from storage import Artifact, FileRef

FILE_TYPES = [".csv", ".tsv", ".txt", ".xlsx"]


class Cleaned(msgspec.Struct, frozen=True):
    """The result of a cleaning.

    Attributes:
        artifacts: the cleaned file, then rejected.csv if rows were set aside, then report.json.
        report: what was done.
        warnings: what the sender should know.
    """

    artifacts: tuple[Artifact, ...]
    report: CleaningReport
    warnings: tuple[str, ...] = ()


@handler("file.clean", runs="process", timeout=3600.0, retries=2)
def clean(
    ctx: JobContext,
    file: Annotated[
        FileRef,
        Meta(
            title="File",
            description="A table as CSV, TSV or another delimited text, or an Excel workbook (XLSX).",
            extra={"file_types": FILE_TYPES},
        ),
    ],
    *,
    output: Annotated[
        OutputFormat,
        QuoteChoice,
        Meta(
            title="Format of the result",
            description="The format of the file itself, or another one. CSV and TSV are written as UTF-8.",
        ),
    ] = "same",
    drop_duplicates: Annotated[
        bool,
        Meta(
            title="Remove duplicate rows",
            description="Rows that equal an earlier row in every column are left out.",
        ),
    ] = False,
    drop_empty_columns: Annotated[
        bool,
        Meta(
            title="Remove empty columns",
            description="Columns without any value are left out, also where they have a name.",
        ),
    ] = True,
    normalize_numbers: Annotated[
        bool,
        Meta(
            title="Bring numbers to one form",
            description="1,234.50 and 1.234,50 become 1234.50, where all cells of a column are numbers. "
            "Leading zeros and long ids stay.",
        ),
    ] = True,
    normalize_dates: Annotated[
        bool,
        Meta(
            title="Bring dates to one form",
            description="31/12/2026 becomes 2026-12-31, where all cells of a column are dates.",
        ),
    ] = True,
    empty_missing: Annotated[
        bool,
        Meta(
            title="Empty marks of missing values",
            description="N/A, NULL, NaN and dashes go where all else in a column is numbers or dates.",
        ),
    ] = True,
    decimal: Annotated[
        DecimalSign,
        Meta(
            title="Decimal sign",
            description="Only for columns where 1,234 could be 1234 or 1.234. “auto” leaves them alone.",
        ),
    ] = "auto",
    date_order: Annotated[
        DateOrder,
        Meta(
            title="Date order",
            description="Only for columns where every date could be read either way, such as 1/2/2026. "
            "“auto” leaves them alone.",
        ),
    ] = "auto",
    escape_formulas: Annotated[
        bool,
        Meta(
            title="Make formulas safe",
            description="Cells that a spreadsheet would run, such as =1+1, get an apostrophe in front.",
        ),
    ] = True,
    first_row_is_header: Annotated[
        HeaderChoice,
        Meta(
            title="First row is the header",
            description="“auto” looks: a first row that is data like the rest stays, "
            "and the columns are numbered.",
        ),
    ] = "auto",
    encoding: Annotated[
        EncodingName,
        EscapeChoice,
        Meta(
            title="Encoding of a text file",
            description="“auto” finds it. Choose one if letters come out wrong.",
        ),
    ] = "auto",
    delimiter: Annotated[
        str,
        Meta(
            title="Delimiter of a text file",
            description="“auto” finds it. Else comma, semicolon, tab, pipe, space, colon, hash, fixed width, "
            "none, or the characters themselves.",
            max_length=40,
            examples=["auto", *DELIMITERS],
        ),
    ] = "auto",
    quote: Annotated[
        QuoteChoice,
        Meta(
            title="Quotes of a text file",
            description="What stands around cells that hold a delimiter. “auto” finds it.",
        ),
    ] = "auto",
    escape: Annotated[
        EscapeChoice,
        Meta(
            title="Quotes inside quotes",
            description="How a quote is written in a cell in quotes: twice, or after a backslash.",
        ),
    ] = "auto",
    sheet: Annotated[
        str,
        Meta(
            title="Sheet of a workbook",
            description="Its name, or its number from 1. Empty: the first visible sheet that is not empty.",
            max_length=100,
        ),
    ] = "",
    excel_bom: Annotated[
        bool,
        Meta(
            title="Mark CSV as UTF-8 for Excel",
            description="Starts the file with a byte order mark, so that Excel shows all letters right.",
        ),
    ] = False,
) -> Cleaned:
    """Clean a table.

    Trims cells, gives every column a name of its own, removes empty rows and columns, brings numbers and
    dates to one form where a whole column agrees, and makes formulas safe. Rows that do not fit are kept
    in a file of their own with the reason. Cleaning a cleaned file changes nothing.
    """
    options = CleaningOptions(
        output=output,
        encoding=encoding,
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        sheet=sheet,
        first_row_is_header=first_row_is_header,
        drop_duplicates=drop_duplicates,
        drop_empty_columns=drop_empty_columns,
        normalize_numbers=normalize_numbers,
        normalize_dates=normalize_dates,
        empty_missing=empty_missing,
        decimal=decimal,
        date_order=date_order,
        escape_formulas=escape_formulas,
        excel_bom=excel_bom,
    )

    def report(progress: StepProgress) -> None:
        ctx.progress(
            progress.done,
            progress.total,
            unit=progress.unit,
            step=Step(progress.step, progress.index, progress.count),
            fraction=progress.fraction,
        )

    files = storage.current()
    with files.attempt(ctx.job_id, ctx.attempt) as attempt:
        try:
            cleaned = clean_file(
                files.path(file),
                attempt.scratch,
                name=file.name,
                options=options,
                report=report,
                create=lambda path: attempt.create(path.name),
            )
        except CleaningError as error:
            raise Permanent(error.title, error.detail, type=error.type) from error
        artifacts = [attempt.publish(cleaned.path.name, name=cleaned.name)]
        if cleaned.rejected is not None:
            artifacts.append(attempt.publish(cleaned.rejected.name))
        artifacts.append(attempt.publish(cleaned.report_path.name))
    return Cleaned(tuple(artifacts), cleaned.report, cleaned.warnings)
