"""A file with its statement as `multipart/form-data` (RFC 7578), read from memory alone."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser

from adapters.errors import Fault, NotUnderstood
from gateway.files.statement import Statement, read_statement

MULTIPART = "multipart/form-data"
MOST_PARTS = 10


class NotMultipart(Exception):
    """The body is not what its Content-Type says."""


def file_and_statement(body: bytes, content_type: str) -> tuple[bytes, str, Statement | None]:
    """Return the part `file` with its media type, and what the part `statement` states, if there is one.

    Raises:
        NotMultipart: it is not what its Content-Type says.
        NotUnderstood: it has other parts, or the statement is wrong.
    """
    parts = parts_of(body, content_type)
    unknown = parts.keys() - {"file", "statement"}
    if unknown or "file" not in parts:
        detail = "has parts other than `file` and `statement`" if unknown else "has no part `file`"
        raise NotUnderstood((Fault("", detail, "value"),))
    stated = read_statement(parts["statement"][0]) if "statement" in parts else None
    return *parts["file"], stated


def parts_of(body: bytes, content_type: str) -> dict[str, tuple[bytes, str]]:
    """Return each part's content and media type, by its name. Of a name given twice the last counts.

    Raises:
        NotMultipart: it has no boundary, no end, or a part without a name.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = _parameter(header, "boundary", "content-type")
    if not boundary:
        raise NotMultipart("Content-Type has no boundary.")
    mark = b"\r\n--" + boundary.encode("utf-8", "replace")
    pieces = (b"\r\n" + body).split(mark, MOST_PARTS + 1)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise NotMultipart(
            f"The body does not end with its boundary, has over {MOST_PARTS} parts, or its lines do not "
            "end with CR LF."
        )
    found = {}
    for piece in pieces[1:-1]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head.lstrip(b" \t\r\n") + b"\r\n\r\n", headersonly=True)
        name = _parameter(headers, "name", "content-disposition")
        if not blank or name is None:
            raise NotMultipart("A part has no name; write Content-Disposition: form-data; name=…")
        found[name] = (content, headers.get_content_type())
    return found


def _parameter(headers: Message, name: str, header: str) -> str | None:
    """Return a parameter; None where it is not there, or in pieces (RFC 2231), which no client sends."""
    try:
        found = headers.get_param(name, header=header)
    except TypeError:  # pieces that do not fit together
        return None
    return found.rstrip() if isinstance(found, str) else None
