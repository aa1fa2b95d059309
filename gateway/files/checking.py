"""Checks a file: what `POST /messages/check` says of a message, of each record. Stores nothing."""

from __future__ import annotations

from datetime import datetime

from gateway.caller import Caller, NotAllowed
from gateway.files.reading import FileRead, Record
from gateway.files.telling import file_receipt, file_record
from gateway.receipts import CHECKED, Receipts
from schemas.file_receipt import FileFault, FileReceipt, FileRecord

MOST_CHECKED = 500
"""Records of a file that is checked over HTTP, and `LARGEST_CHECKED` its bytes. A record takes 2 to 3
milliseconds of one core, so that an answer comes within two seconds, and nobody who sends waits long
behind it."""
LARGEST_CHECKED = 4 * 2**20


def checked(read: FileRead, receipts: Receipts, caller: Caller | None, at: datetime) -> FileReceipt:
    """Answer a file as if each record were the first part of its own, and no two the same.

    caller: who would send it; None: what they may send is not looked at.
    """
    return file_receipt(
        tuple(_checked(record, receipts, caller) for record in read.records),
        receipts.telephone,
        id="-",
        state="checked",
        format=read.format,
        source=read.source,
        received_at=at,
        notes=(*read.notes, CHECKED),
    )


def _checked(record: Record, receipts: Receipts, caller: Caller | None) -> FileRecord:
    faults = tuple(FileFault(place=f.pointer, detail=f.detail, code=f.code) for f in record.faults)
    bare = FileRecord(place=record.place, status=record.outcome, faults=faults, notes=record.notes)
    if record.parsed is None:
        return bare
    try:
        if caller:
            receipts.rules.allow(caller, record.parsed.message)
    except NotAllowed as refused:
        fault = FileFault(place=record.place, detail=str(refused), code="forbidden")
        return bare.model_copy(update={"status": "forbidden", "faults": (fault,)})
    receipt = receipts.check(record.parsed)
    told = receipt.model_dump(by_alias=True)
    return file_record(
        record.place,
        record.outcome,
        told,
        restricted=bool(record.parsed.message.sharing.restricted),
        notes=(*record.notes, *(note for note in receipt.notes if note != CHECKED)),
        kind=receipt.kind,
        action=receipt.action,
        areas=receipt.areas,
    )
