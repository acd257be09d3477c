"""Forms with files (multipart/form-data, RFC 7578), read as they come in.

File parts go straight to their receiver; everything else is small and bounded.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http import FIELD_TOO_LARGE, FILE_NAME_NOT_ALLOWED, FORM_UNREADABLE, UPLOAD_INCOMPLETE, Problem
from storage import Receiver

LONGEST_CONTENT_TYPE = 1_000  # characters, of a form's
MAX_FIELD_BYTES = 64 << 10
MAX_FIELDS_BYTES = 512 << 10  # all fields of a form that are no files
MAX_PARTS = 200


class FilePart(msgspec.Struct, frozen=True):
    """A file of a form: the name that was given, None where there was none, and what took it."""

    field: str
    name: str | None
    receiver: Receiver


class Form(msgspec.Struct, frozen=True):
    """What a form had in it, in its order."""

    fields: list[tuple[str, str]]
    files: list[FilePart]


class _Event(msgspec.Struct, frozen=True):
    what: Literal["begin", "data", "end"]
    data: bytes = b""


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a multipart form; None where the content type is another one.

    Raises:
        Problem: it is a form without a boundary, or longer than any.
    """
    if len(content_type) > LONGEST_CONTENT_TYPE:
        raise Problem(FORM_UNREADABLE, "The Content-Type is too long.")
    media_type, parameters = parse_options_header(content_type)
    if media_type != b"multipart/form-data":
        return None
    boundary = parameters.get(b"boundary", b"")
    if not boundary:
        raise Problem(FORM_UNREADABLE, "The Content-Type names no boundary.")
    return boundary


async def read_form(
    stream: AsyncIterator[bytes],
    boundary: bytes,
    *,
    open_file: Callable[[str, str | None, Form], Awaitable[Receiver]],
    took: Callable[[Receiver], None],
    hold: Callable[[int], None],
) -> Form:
    """Read a form to its end.

    Args:
        stream: the body.
        boundary: from the Content-Type.
        open_file: called at the beginning of each file with the name of its field, the name of the file and
            the form so far; gives what takes the file. It may refuse.
        took: called after each piece that a receiver took; it may refuse.
        hold: called with the bytes that are about to be kept in memory; it may refuse.

    Raises:
        Problem: the form cannot be read, its fields are too large, or the body was cut.
    """
    form = Form([], [])
    reader = _Reader(boundary)
    field: str | None = None
    text = bytearray()
    kept = 0
    receiver: Receiver | None = None
    async for chunk in stream:
        for event in reader.feed(chunk):
            match event.what:
                case "begin":
                    field, name, is_file = _describe(event.data)
                    text.clear()
                    receiver = None
                    if is_file:
                        receiver = await open_file(field, name, form)
                        form.files.append(FilePart(field, name, receiver))
                case "data" if receiver is not None:
                    await receiver.write(event.data)
                    took(receiver)
                case "data":
                    hold(len(event.data))
                    text += event.data
                    kept += len(event.data)
                    if len(text) > MAX_FIELD_BYTES:
                        raise Problem(FIELD_TOO_LARGE, f"{field} has more than {MAX_FIELD_BYTES} bytes.")
                    if kept > MAX_FIELDS_BYTES:
                        raise Problem(
                            FIELD_TOO_LARGE, f"All fields together have more than {MAX_FIELDS_BYTES} bytes."
                        )
                case "end" if receiver is None and field is not None:
                    form.fields.append((field, _decode(bytes(text), f"The value of {field}")))
                case "end" if receiver is not None:
                    # A form may have many files, and must not hold all of them open.
                    await receiver.close()
                    receiver = None
    if not reader.ended:
        raise Problem(UPLOAD_INCOMPLETE, "The form has no closing boundary.")
    return form


class _Reader:
    """Turns the parser's callbacks into a list of events a chunk: a callback cannot `await` a write."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        self._events: list[_Event] = []
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._parts = 0
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise Problem(FORM_UNREADABLE, "The boundary is too long.") from error

    def feed(self, chunk: bytes) -> list[_Event]:
        self._events = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Problem(FORM_UNREADABLE) from error
        return self._events

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Problem(FIELD_TOO_LARGE, f"The form has more than {MAX_PARTS} parts.")
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        self._events.append(_Event("begin", self._disposition))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(_Event("data", data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(_Event("end"))

    def _on_end(self) -> None:
        self.ended = True


def _describe(disposition: bytes) -> tuple[str, str | None, bool]:
    """Return the name of a part's field, of its file, and whether it is a file."""
    _, parameters = parse_options_header(disposition)
    if b"name" not in parameters:
        raise Problem(FORM_UNREADABLE, "A part has no name.")
    field = _decode(parameters[b"name"], "The name of a part")
    name = parameters.get(b"filename")
    is_file = name is not None or field == "file"
    if not name:
        return field, None, is_file
    try:
        return field, name.decode(), is_file
    except UnicodeDecodeError as error:
        raise Problem(FILE_NAME_NOT_ALLOWED, "The name is refused because it is not UTF-8.") from error


def _decode(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Problem(FORM_UNREADABLE, f"{what} is not UTF-8.") from error
