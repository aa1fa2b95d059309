"""Takes files: records each with all its entries, and settles these one by one as messages.

A worker of the serving process does what waits, whoever recorded it: after a crash the rest is done
at the next start, and each entry once, since its message and its state are one transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
import structlog

from adapters.errors import Fault
from adapters.inbound import Parsed
from gateway.caller import Caller, NotAllowed, Rights
from gateway.files.reading import FileRead, read_file
from gateway.files.statement import Statement
from gateway.files.telling import file_receipt, file_record
from gateway.intake import Answer, Intake, Repeated
from gateway.journal import (
    Entry,
    EntryState,
    JournalAway,
    Queries,
    Settled,
    Transaction,
    Upload,
    WrongKey,
)
from gateway.metrics import Metrics
from gateway.travelling import Incoming
from schemas.file_receipt import FileFault, FileReceipt, FileRecord
from schemas.message import MESSAGE, UNCLOCKED
from schemas.receipt import Question
from schemas.rules import LONDON

TOGETHER = 32
"""Entries of one file that are settled before the next file has its turn."""
LOOK_AGAIN = 5.0
"""Seconds after which the worker looks for what another gateway left, or the MESH mailbox brought."""
TRY_AGAIN = 2.0
"""Seconds after which it tries again where the journal is away."""
BROKEN = "Something broke here, and it was not taken. The gateway's operator finds it in the log."

log = structlog.get_logger(__name__)


class Filing:
    """Takes files and settles their entries."""

    def __init__(self, intake: Intake, metrics: Metrics | None = None) -> None:
        """Settle nothing before `start`. Without metrics what settles is not counted."""
        self._intake, self._metrics = intake, metrics
        self._journal, self._codec = intake.journal, intake.journal.codec
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="files", daemon=True)

    def start(self) -> None:
        """Begin to settle what waits."""
        self._thread.start()

    def close(self) -> None:
        """Finish the entries in hand; what waits is done at the next start."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def receive(
        self,
        body: bytes,
        media_type: str,
        statement: Statement,
        caller: Caller,
        received: datetime,
        also: Callable[[Transaction, str], object] = lambda tx, upload_id: None,
    ) -> tuple[Upload, bool]:
        """Record a file with all its entries; tell whether the same came today already.

        On another day the same file is read anew, since what lay in the future may stand by then;
        what is unchanged is recognised record by record.

        also: what is recorded with the file's id in the same transaction.

        Raises:
            Refused: the file as a whole cannot be read.
            NotAllowed: it is from a school for which the caller may not speak.
            JournalError: it could not be written; nothing was accepted.
        """
        read = read_file(
            body,
            media_type,
            statement,
            sent=received,
            tables=self._intake.rules.tables,
            directory=self._intake.rules.directory,
            sender=caller.organisation,
            speaks_for=caller.rights.speaks_for,
        )
        day = received.astimezone(LONDON).date().isoformat()
        came_with = (caller.credential, read.source, statement.content, day)
        upload = Upload(
            id=str(uuid4()),
            organisation=read.source,
            credential_id=caller.credential,
            format=read.format,
            known_ref=self._codec.ref("upload", body, *came_with),
            bytes_hash=self._codec.ref("bytes", body),
            received_at=received,
            notes=orjson.dumps(read.notes),
        )
        entries = self._entries(upload.id, read, caller)

        def record(tx: Transaction) -> tuple[Upload, bool]:
            known = tx.known_upload(upload.known_ref)
            if not known:
                tx.add_upload(upload, entries)
            also(tx, (known or upload).id)
            return known or upload, bool(known)

        done = self._journal.transact(record).result()
        self._wake.set()
        return done

    def waiting(self, upload_id: str) -> int:
        """Count what of a file has not settled yet."""
        return self._journal.read(lambda tx: tx.count_waiting(upload_id))

    def follow(self, upload_id: str, caller: Caller) -> FileReceipt | None:
        """Return what became of a file, or None where it is not this caller's to see."""

        def look(tx: Queries) -> tuple[Upload, list[Settled]] | None:
            found = tx.upload(upload_id)
            theirs = {caller.organisation, *caller.rights.speaks_for}
            if found is None or found.organisation not in theirs:
                return None
            return found, tx.entries(upload_id)

        found = self._journal.read(look)
        return self._receipt(*found, caller.credential) if found else None

    def follow_own(self, upload_id: str, credential: str) -> FileReceipt:
        """Return what became of a file to the credential that sent it.

        Raises KeyError for a file that the journal does not know.
        """

        def look(tx: Queries) -> tuple[Upload, list[Settled]]:
            found = tx.upload(upload_id)
            if found is None:
                raise KeyError(upload_id)
            return found, tx.entries(upload_id)

        return self._receipt(*self._journal.read(look), credential)

    def _entries(self, upload_id: str, read: FileRead, caller: Caller) -> list[Entry]:
        entries = []
        for number, record in enumerate(read.records, start=1):
            state: EntryState = "waiting" if record.outcome == "understood" else record.outcome
            faults, work = record.faults, None
            if record.parsed:
                try:
                    self._intake.rules.allow(caller, record.parsed.message)
                    work = self._as_work(upload_id, number, record.parsed)
                except NotAllowed as refused:
                    state, faults = "forbidden", (Fault(record.place, str(refused), "forbidden"),)
            said = _said(record.place, faults, record.notes)
            entries.append(Entry(number=number, state=state, work=work, said=said))
        return entries

    def _as_work(self, upload_id: str, number: int, parsed: Parsed) -> bytes:
        """Give a record's message an id of its own, and return it as it is kept until it settles.

        That it says what was said before is known by what stands, not by an id.
        """
        own_id = self._codec.ref("entry", upload_id, str(number))
        message = parsed.message.model_copy(update={"id": own_id})
        notes = [note.detail for note in parsed.notes]
        return orjson.dumps({"message": message.document(), "notes": notes})

    # The worker

    def _work(self) -> None:
        """Settle what waits, a few of each file in turn, until told to end."""
        while not self._closing:
            self._wake.clear()
            try:
                uploads = self._journal.read(lambda tx: tx.waiting_uploads())
                moved = [self._settle_some(upload) for upload in uploads]
                pause = 0.0 if any(moved) else LOOK_AGAIN
            except JournalAway:
                pause = TRY_AGAIN
            if pause and not self._closing:
                self._wake.wait(pause)

    def _settle_some(self, upload: Upload) -> bool:
        """Settle the next entries of a file; False where none is left, or it has to wait."""
        if self._closing:
            return False
        try:
            return self._settle_next(upload)
        except JournalAway:
            raise
        except Exception as error:  # noqa: BLE001 - one bad file holds up no other
            why = str(error) if isinstance(error, WrongKey) else type(error).__name__
            log.error("a file waits, and cannot be read", file=upload.id, why=why)
            return False

    def _settle_next(self, upload: Upload) -> bool:
        """Settle the next entries of a file; False where none waits."""
        waiting = self._journal.read(lambda tx: tx.waiting_entries(upload.id, TOGETHER))
        for entry, settling in [(entry, self._settle(upload, entry)) for entry in waiting]:
            try:
                answer = settling.result()
            except JournalAway:
                raise
            except Repeated as repeated:
                self._refuse(upload, entry, str(repeated), "duplicate")
            except Exception as error:  # noqa: BLE001 - one bad record harms no other
                log.error(
                    "a record broke",
                    file=upload.id,
                    number=entry.number,
                    error=type(error).__name__,
                )
                self._refuse(upload, entry, BROKEN, "broken")
            else:
                if answer and self._metrics:
                    self._metrics.took(answer.receipt, repeated=answer.repeated)
        return bool(waiting)

    def _settle(self, upload: Upload, entry: Entry) -> Future[Answer | None]:
        """Take one entry as a message; None where another gateway has settled it."""
        try:
            work = orjson.loads(entry.work or b"{}")
            message = MESSAGE.validate_json(orjson.dumps(work["message"]), context=UNCLOCKED)
            notes = tuple(Question(detail=note) for note in work["notes"])
            parsed = Parsed(message=message, event=message.kind, notes=notes, restates=True)
            caller = Caller(
                upload.organisation, Rights(frozenset(), frozenset()), upload.credential_id or ""
            )
            incoming = Incoming.of(
                self._codec,
                parsed,
                parsed.canonical,
                "application/json",
                caller,
                upload.received_at,
            )
        except Exception as error:  # noqa: BLE001 - one bad record harms no other
            failed: Future[Answer | None] = Future()
            failed.set_exception(error)
            return failed

        def settle(tx: Transaction) -> Answer | None:
            if not tx.lock_entry(upload.id, entry.number):
                return None
            answer = self._intake.settle(tx, incoming)
            state: EntryState = "repeated" if answer.repeated else "accepted"
            tx.settle_entry(upload.id, entry.number, state, answer.receipt.id)
            return answer

        return self._journal.transact(settle, order=incoming.order)

    def _refuse(self, upload: Upload, entry: Entry, detail: str, code: str) -> None:
        said = orjson.loads(entry.said)
        fault = Fault(said["place"], detail, code)

        def refuse(tx: Transaction) -> None:
            if tx.lock_entry(upload.id, entry.number):
                again = _said(said["place"], (fault,), said["notes"])
                tx.settle_entry(upload.id, entry.number, "refused", said=again)

        self._journal.transact(refuse).result()

    # What the sender is told

    def _receipt(self, upload: Upload, entries: list[Settled], credential: str) -> FileReceipt:
        records = tuple(_record(entry, credential) for entry in entries)
        return file_receipt(
            records,
            self._intake.receipts.telephone,
            id=upload.id,
            state="working" if any(one.status == "waiting" for one in records) else "done",
            format=upload.format,
            source=upload.organisation,
            received_at=upload.received_at,
            notes=tuple(orjson.loads(upload.notes)),
        )


def _said(place: str, faults: tuple[Fault, ...], notes: Any) -> bytes:
    told = [{"place": f.pointer, "detail": f.detail, "code": f.code} for f in faults]
    return orjson.dumps({"place": place, "faults": told, "notes": list(notes)})


def _record(entry: Settled, credential: str) -> FileRecord:
    said = orjson.loads(entry.said)
    hidden = entry.hidden and entry.submitter != credential
    receipt = {} if hidden or entry.receipt is None else orjson.loads(entry.receipt)
    return file_record(
        said["place"],
        entry.state,
        receipt,
        restricted=entry.restricted,
        message=entry.message_id,
        faults=tuple(FileFault(**fault) for fault in said["faults"]),
        notes=said["notes"],
    )
