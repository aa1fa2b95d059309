"""Files of many records in the journal: each entry is work to do until it has settled, once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, update

from gateway.journal.access import Reading, Writing, values_of
from gateway.journal.codec import Codec
from gateway.journal.tables import entry, message, record, upload

EntryState = Literal["waiting", "accepted", "repeated", "nothing", "refused", "forbidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it was taken, without its bytes."""

    id: str  # the gateway's own, a UUID
    organisation: str  # the source of its records
    credential_id: str | None
    format: str
    known_ref: str  # Codec.ref of the bytes with all that came with them
    bytes_hash: str
    received_at: datetime
    notes: bytes  # about the file as a whole, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a file, and what became of it."""

    number: int  # from 1, in the file's order
    state: EntryState
    message_id: str | None = None
    work: bytes | None = None  # until it has settled
    said: bytes  # its place, faults and notes, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Entry):
    """An entry with the receipt that was first given for its message."""

    receipt: bytes | None = None  # None where there is none, or it is no longer kept
    submitter: str | None = None  # the credential, where nobody else may see the receipt
    hidden: bool = False
    restricted: bool = False  # by now: nobody may see which service was told


class FileQueries(Reading):
    """What may be read of files."""

    def upload(self, upload_id: str) -> Upload | None:
        """Find a file by its id."""
        return self._upload(upload.c.id == upload_id)

    def known_upload(self, known_ref: str) -> Upload | None:
        """Find a file that came before with the same bytes and statement."""
        return self._upload(upload.c.known_ref == known_ref)

    def waiting_uploads(self) -> list[Upload]:
        """List the files of which records wait, oldest first, without their notes.

        What no key opens is met where that file's records are read, and holds up no other.
        """
        waiting = select(entry.c.upload_id).where(entry.c.state == "waiting").distinct()
        rows = self._connection.execute(
            select(upload).where(upload.c.id.in_(waiting)).order_by(upload.c.received_at)
        )
        return [Upload(**{**row._mapping, "notes": b""}) for row in rows]

    def files_backlog(self) -> tuple[int, datetime | None]:
        """Count the records of files that wait; also when the oldest of their files came."""
        count, oldest = self._connection.execute(
            select(func.count(), func.min(upload.c.received_at))
            .select_from(entry.join(upload))
            .where(entry.c.state == "waiting")
        ).one()
        return count, oldest

    def waiting_entries(self, upload_id: str, limit: int) -> list[Entry]:
        """List the next entries of a file that wait, with their work."""
        rows = self._connection.execute(
            select(entry)
            .where(entry.c.upload_id == upload_id, entry.c.state == "waiting")
            .order_by(entry.c.number)
            .limit(limit)
        )
        return [Entry(**_entry_of(row, self._codec)) for row in rows]

    def count_waiting(self, upload_id: str) -> int:
        """Count the entries of a file that wait."""
        found = self._connection.scalar(
            select(func.count()).where(entry.c.upload_id == upload_id, entry.c.state == "waiting")
        )
        return found or 0

    def entries(self, upload_id: str) -> list[Settled]:
        """List a file's entries, each with its receipt, in the file's order."""
        rows = self._connection.execute(
            select(
                entry,
                message.c.receipt,
                message.c.credential_id,
                message.c.submitter_only,
                record.c.ref,
                record.c.mark,
            )
            .select_from(entry.outerjoin(message).outerjoin(record))
            .where(entry.c.upload_id == upload_id)
            .order_by(entry.c.number)
        )
        return [
            Settled(
                **{**_entry_of(row, self._codec), "work": None},
                receipt=self._codec.open(row.receipt) if row.receipt else None,
                submitter=row.credential_id,
                hidden=bool(row.submitter_only),
                restricted=bool(row.ref) and row.mark == self._codec.mark(row.ref, restricted=True),
            )
            for row in rows
        ]

    def _upload(self, condition: Any) -> Upload | None:
        row = self._connection.execute(select(upload).where(condition)).one_or_none()
        return _upload_of(row, self._codec) if row else None


class FileWrites(Writing):
    """What may be written of files."""

    def add_upload(self, new: Upload, entries: Sequence[Entry]) -> None:
        """Record a file with all its entries."""
        seal = self._codec.seal
        self._add(upload, {**values_of(new, upload), "notes": seal(new.notes)})
        for one in entries:
            sealed = {"work": self._seal(one.work), "said": seal(one.said)}
            self._add(entry, {"upload_id": new.id, **values_of(one, entry), **sealed})

    def lock_entry(self, upload_id: str, number: int) -> bool:
        """Keep other gateways from an entry; False where it has settled already."""
        state = self._connection.scalar(
            select(entry.c.state)
            .where(entry.c.upload_id == upload_id, entry.c.number == number)
            .with_for_update()
        )
        return state == "waiting"

    def settle_entry(
        self,
        upload_id: str,
        number: int,
        state: EntryState,
        message_id: str | None = None,
        said: bytes | None = None,
    ) -> None:
        """Say what became of an entry; its work is dropped. `said` replaces what was said of it."""
        values: dict[str, Any] = {"state": state, "message_id": message_id, "work": None}
        if said is not None:
            values["said"] = self._codec.seal(said)
        self._connection.execute(
            update(entry)
            .where(entry.c.upload_id == upload_id, entry.c.number == number)
            .values(**values)
        )


def _upload_of(row: Any, codec: Codec) -> Upload:
    found = Upload(**row._mapping)
    return replace(found, notes=codec.open(found.notes))


def _entry_of(row: Any, codec: Codec) -> dict[str, Any]:
    values = row._mapping
    return {
        "number": values[entry.c.number],
        "state": values[entry.c.state],
        "message_id": values[entry.c.message_id],
        "work": codec.open(values[entry.c.work]) if values[entry.c.work] else None,
        "said": codec.open(values[entry.c.said]),
    }
