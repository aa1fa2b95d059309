"""What the sender of a file of many records gets back: what became of each record."""

from __future__ import annotations

from typing import Literal

from schemas.base import Instant, Model, Text, Word
from schemas.receipt import Held, Telephone

RecordStatus = Literal[
    "waiting", "accepted", "repeated", "nothing", "refused", "forbidden", "understood"
]
"""`repeated`: it stood already, and nothing was done anew. `nothing`: nothing follows from the
record; its notes say why. `refused`: its faults say what is wrong. `forbidden`: the sender may not.
`understood`: of a check; sent, it would be taken."""


class FileFault(Model):
    """One fault of a record."""

    place: Text
    """Where in the file (XPath, or row and column), or in the statement that came with it."""
    detail: Text
    code: Word


class FileAlert(Model):
    """Who is told, as it was decided when the record was taken."""

    agency: Word
    title: Word | None = None
    basis: Word | None = None
    change: Literal["created", "updated", "withdrawn"]


class FileRecord(Model):
    """One record of the file."""

    place: Text
    """Where it stands: `pupil 3`. Never who it is about."""
    status: RecordStatus
    message: Word | None = None
    """The id of its message: `GET /messages/{id}` gives its receipt as it stands."""
    kind: Word | None = None
    """Of a check, with `action` and `areas`: as what it would be understood."""
    action: Word | None = None
    areas: tuple[Word, ...] = ()
    alerts: tuple[FileAlert, ...] = ()
    held: tuple[Held, ...] = ()
    faults: tuple[FileFault, ...] = ()
    notes: tuple[Text, ...] = ()


class FileCounts(Model):
    """How many records came to what."""

    waiting: int = 0
    accepted: int = 0
    repeated: int = 0
    nothing: int = 0
    refused: int = 0
    forbidden: int = 0
    understood: int = 0


class FileReceipt(Model):
    """The answer to a file, and to `GET /files/{id}` as far as it has come by then."""

    id: Word
    """`-` of a check."""
    state: Literal["working", "done", "checked"]
    """`working`: all is on disk, and what waits is done without the sender. `checked`: nothing was
    stored."""
    format: Word
    source: Word
    """Key of the organisation that the file is from."""
    received_at: Instant
    counts: FileCounts
    telephone: Telephone | None = None
    """Where a record or the statement seems to be about significant harm: call now."""
    notes: tuple[Text, ...] = ()
    records: tuple[FileRecord, ...] = ()
