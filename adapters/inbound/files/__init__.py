"""Files of many records: each record becomes one canonical document, or says why it does not.

A file's adapter only reads: it yields canonical JSON documents and where their values stand in the
file. What every message is held against (the canonical model, the rules between fields) and what
comes with the upload is put to all of them in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from adapters.errors import Fault, NotUnderstood
from schemas.codes import CodeTables
from schemas.rules import LONDON

MOST_RECORDS = 10_000
"""More than any school has pupils."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What comes with a file, because the file does not hold it."""

    source: str
    """Key of the organisation that sends, such as `urn:111222`."""
    sent: datetime
    """When it was sent, where the file does not say when it was made. UTC."""
    statement: Mapping[str, Any] = field(default_factory=dict)
    """Canonical JSON that stands for every record of the file, such as `sharing` or `professional`."""
    by_record: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The same for single records, by UPN or by the record's own identifier; laid over `statement`."""
    authority: str | None = None
    """DfE number of the area's authority, to which files are addressed."""
    most: int = MOST_RECORDS
    """Records that are read; a file of more is refused as a whole."""

    @property
    def today(self) -> date:
        """The day of sending, where the schools are: what begins later lies in the future."""
        return self.sent.astimezone(LONDON).date()


FILE = "file"
"""The place of an entry that is no record: its notes are about the file as a whole."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One record of a file."""

    place: str
    """Where it stands, for people: `pupil 3`, `row 14`."""
    document: dict[str, Any] | None = None
    """The canonical message as JSON, without the upload's statement. None: nothing follows from it."""
    places: Mapping[str, str] = field(default_factory=dict)
    """JSON Pointer into `document` to the place in the file: XPath, or row and column."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """The same of what `document` lacks, where the file has a place for it."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the record, each with its place in the file."""
    notes: tuple[str, ...] = ()
    """What the sender should know; without a document, why nothing follows."""
    upn: str | None = None
    """As written, right or wrong: for the sender's own screen. It is never answered over HTTP."""
    sender: str | None = None
    """LAESTAB of the school that the file says it is from, on an entry of `FILE` before any record.
    `896LLLL` is the authority itself."""


def too_many(most: int) -> NotUnderstood:
    """Refuse a file of more records than are read."""
    detail = f"holds more than {most} records; send it in parts"
    return NotUnderstood((Fault("", detail, "too-large"),))


FileParser = Callable[[bytes, Upload, CodeTables], Iterator[Entry]]
"""Raises `adapters.errors.Refused` where the file as a whole cannot be read."""
