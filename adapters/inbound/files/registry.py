"""Files of many records, by what they are: chosen by media type and shape, never by a file's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.errors import Fault, NotUnderstood
from adapters.inbound.files import FileParser, arbor, assembly, ctf, tabular, wonde


@dataclass(frozen=True)
class FileFormat:
    """One format of files: what it is called, how it is known, and who reads it."""

    name: str
    """As its standard is called: on receipts, in logs and metrics."""
    recognises: Callable[[bytes, str], bool]
    """Whether bytes of this media type (`application/xml`, else what the sender said) are of it.
    Cheap: looks at the beginning. Never raises."""
    parse: FileParser


FILE_PARSERS: tuple[FileFormat, ...] = (
    FileFormat("Common Transfer File", ctf.recognises, ctf.parse),
    FileFormat("Arbor", arbor.recognises, arbor.PARSER),
    FileFormat("Assembly", assembly.recognises, assembly.PARSER),
    FileFormat("Wonde", wonde.recognises, wonde.PARSER),
    FileFormat("CSV or XLSX", tabular.recognises, tabular.PARSER),
)
"""In the order in which they are tried. A further format is one module and one row."""


def parser_for(body: bytes, media_type: str) -> tuple[str, FileParser]:
    """Choose the format of a file by its media type and shape.

    Raises:
        NotUnderstood: it is of none.
    """
    for known in FILE_PARSERS:
        if known.recognises(body, media_type):
            return known.name, known.parse
    names = ", ".join(known.name for known in FILE_PARSERS)
    detail = (
        f"is of no format that the gateway reads as a file of many records; it reads: {names}. A "
        "table has the header of a template in its first row"
        if body.strip()
        else "is empty"
    )
    raise NotUnderstood((Fault("", detail, "not-supported"),))
