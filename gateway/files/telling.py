"""What the sender of a file is told of its records, of what was taken as of what was only checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.receipts import LATE
from schemas.file_receipt import FileAlert, FileCounts, FileReceipt, FileRecord, RecordStatus
from schemas.receipt import Held, Telephone

HARM = frozenset({"safeguarding-elsewhere", "harm-incomplete"})
IN_A_FILE = {
    LATE: "What was sent later than this file was made says otherwise: this changed nothing. If this "
    "is the newer, export it again and send the new file."
}
"""What a receipt asks of who writes messages, in the words of who sends a file."""
DO_IN_A_FILE = {
    "condition-missing": "Add what is missing to the file, or state it with the file; send it again."
}
"""By the reason of a hold."""
UNMAPPED = "It holds a code that is not known here; it travels word for word. Is it right?"


def file_record(
    place: str,
    status: RecordStatus,
    receipt: Mapping[str, Any],
    *,
    restricted: bool,
    notes: Iterable[str],
    **more: Any,
) -> FileRecord:
    """Put together what is told of a record.

    receipt: of its message, as JSON; empty where there is none, or it is not for this sender's eyes.
    restricted: whether no service may be named.
    """
    names = set(FileAlert.model_fields) - ({"title"} if restricted else set())
    unnamed = {"service": None} if restricted else {}
    asked = () if restricted else [one["detail"] for one in receipt.get("questions", ())]
    told = [*notes, *(IN_A_FILE.get(detail, detail) for detail in asked)]
    if receipt.get("unmapped"):
        told.append(UNMAPPED)
    return FileRecord(
        place=place,
        status=status,
        alerts=tuple(
            FileAlert(**{name: alert.get(name) for name in names})
            for alert in receipt.get("alerts", ())
        ),
        held=tuple(
            Held.model_validate(
                hold | {"do": DO_IN_A_FILE.get(hold["reason"], hold.get("do"))} | unnamed
            )
            for hold in receipt.get("held", ())
        ),
        notes=tuple(dict.fromkeys(told)),
        **more,
    )


def file_receipt(
    records: tuple[FileRecord, ...], telephone: Telephone, **about: Any
) -> FileReceipt:
    """Put together the answer to a file: its records and their counts, and whom to call."""
    harm = any(fault.code in HARM for record in records for fault in record.faults)
    return FileReceipt(
        **about,
        counts=FileCounts.model_validate(Counter(record.status for record in records)),
        telephone=telephone if harm else None,
        records=records,
    )
