"""What may be read from the journal, as frozen rows with opened bodies."""

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, Table, func, select

from gateway.journal.codec import Codec
from gateway.journal.files import FileQueries
from gateway.journal.rows import (
    Alert,
    AlertState,
    Credential,
    Delivery,
    FileLetter,
    Message,
    Outcome,
    Receipt,
    Record,
    Standing,
    Thread,
    Uptake,
    Version,
    Way,
)
from gateway.journal.tables import (
    alert,
    alert_read,
    counted,
    credential,
    delivery,
    entry,
    letter,
    message,
    pulse,
    record,
    thread,
    version,
)

R = TypeVar("R")

HARM = "harm"
"""The basis of which only the front door may know."""


def _columns(table: Table, row_type: Any) -> tuple[Column[Any], ...]:
    return tuple(table.c[f.name] for f in fields(row_type) if f.name in table.c)


columns: Callable[[Table, Any], tuple[Column[Any], ...]] = cache(_columns)
"""Pick the columns of a table that a row type names."""


def values_of(row: Any, table: Table) -> dict[str, Any]:
    """Give a frozen row's values for the columns that it names."""
    return {c.name: getattr(row, c.name) for c in columns(table, type(row))}


def from_row(row_type: type[R], row: Any, table: Table) -> R:
    """Make a frozen row from a result that may hold other tables' columns beside."""
    values = row._mapping
    return row_type(**{c.name: values[c] for c in columns(table, row_type)})


_MESSAGES = select(*columns(message, Message))
_OUTCOMES = select(
    *columns(alert, Alert),
    alert.c.superseded_at,
    alert.c.missing,
    thread.c.route,
    thread.c.service,
    thread.c.agency,
    *columns(delivery, Delivery),
).select_from(alert.join(thread).outerjoin(delivery))


class Queries(FileQueries):
    """Reads within one transaction."""

    def __init__(self, connection: Connection, codec: Codec) -> None:
        """Bind to a transaction that the journal has begun."""
        self._connection = connection
        self._codec = codec

    def messages(self, idempotency: str) -> list[Message]:
        """Find what was sent under this source, event and id: one per sequence, latest last."""
        rows = self._connection.execute(
            _MESSAGES.where(message.c.idempotency == idempotency).order_by(message.c.sequence)
        )
        return [from_row(Message, row, message) for row in rows]

    def parts(self, record_ref: str) -> list[tuple[Message, bytes | None]]:
        """List the last message of each part (organisation and event) with its canonical form.

        They come in the order of the fold: (sent time, sequence, hash of the sender's id). The form
        is None where the message was counted or erased.
        """
        rows = self._connection.execute(_MESSAGES.where(message.c.record_ref == record_ref))
        # Sorted here, since a database's collation may change with its operating system.
        order = sorted(
            (from_row(Message, row, message) for row in rows),
            key=lambda m: (m.sent_at, m.sequence, m.idempotency),
        )
        last = {(m.organisation, m.event): m for m in order}.values()
        forms = {
            row.id: row.canonical
            for row in self._connection.execute(
                select(message.c.id, message.c.canonical).where(
                    message.c.id.in_([m.id for m in last])
                )
            )
        }
        return [(m, self._open(forms[m.id])) for m in order if m in last]

    def body(self, message_id: str) -> bytes | None:
        """Give the bytes that a source sent; None where unknown or no longer kept."""
        return self._open(
            self._connection.scalar(select(message.c.bytes).where(message.c.id == message_id))
        )

    def receipt(self, message_id: str) -> Receipt | None:
        """Give a message, its receipt and what became of each alert and hold; None if unknown."""
        row = self._connection.execute(
            select(*columns(message, Message), message.c.receipt).where(message.c.id == message_id)
        ).one_or_none()
        if row is None:
            return None
        return Receipt(
            message=from_row(Message, row, message),
            receipt=self._open(row.receipt),
            outcomes=tuple(self._outcomes(alert.c.message_id == message_id)),
        )

    def record(self, record_ref: str) -> Record | None:
        """Find a record; None where no message spoke of it."""
        return next(iter(self._records(record.c.ref == record_ref)), None)

    def records_of_day(self, day_ref: str) -> list[Record]:
        """List the records that share a review's child, day and organisation."""
        return self._records(record.c.day_ref == day_ref)

    def records_of_child(self, child_ref: str) -> list[Record]:
        """List the records whose last decided version names this child."""
        return self._records(record.c.child_ref == child_ref)

    def versions(self, record_ref: str) -> list[Version]:
        """List a record's versions with what was decided on each, first to last."""
        rows = self._connection.execute(
            select(version).where(version.c.record_ref == record_ref).order_by(version.c.number)
        )
        return [
            replace(from_row(Version, row, version), decision=self._open(row.decision))
            for row in rows
        ]

    def threads(self, record_ref: str) -> list[Thread]:
        """List a record's threads with what each receiver knows."""
        rows = self._connection.execute(
            select(*columns(thread, Thread))
            .where(thread.c.record_ref == record_ref)
            .order_by(thread.c.route, thread.c.service)
        ).all()
        outcomes = self._outcomes(thread.c.record_ref == record_ref)
        return [_thread(from_row(Thread, row, thread), outcomes) for row in rows]

    def standing(self, alert_id: str) -> Standing | None:
        """Give the last version of the thread that this alert is of, whichever of its ids was asked.

        None where nothing is known by this id, the id is a hold's, no delivery of the thread was
        attempted yet (what is withdrawn then is withdrawn in silence), or nothing stands any more:
        the last version was stopped, or its body is gone.
        """
        asked = select(alert.c.thread_id).where(
            alert.c.id == alert_id, alert.c.sequence.is_not(None)
        )
        rows = self._connection.execute(
            select(alert.c.id, alert.c.basis, alert.c.superseded_at, alert.c.body, thread.c.service)
            .select_from(alert.join(thread))
            .where(alert.c.thread_id.in_(asked), alert.c.sequence.is_not(None))
            .order_by(alert.c.sequence.desc())
        ).all()
        attempted = select(delivery.c.id).where(
            delivery.c.alert_id.in_([row.id for row in rows]), delivery.c.attempts > 0
        )
        if not rows or rows[0].superseded_at is not None or rows[0].body is None:
            return None
        if self._connection.scalar(attempted.limit(1)) is None:
            return None
        last = rows[0]
        return Standing(
            alert_id=last.id,
            service=last.service,
            harm=any(row.basis == HARM for row in rows),
            body=self._codec.open(last.body),
        )

    def reads(self, alert_id: str) -> list[tuple[str, str, datetime]]:
        """List who has read an alert: organisation, credential's id, when."""
        rows = self._connection.execute(
            select(alert_read).where(alert_read.c.alert_id == alert_id).order_by(alert_read.c.id)
        )
        return [(row.organisation, row.credential_id, row.at) for row in rows]

    def credential(self, key: str) -> Credential | None:
        """Find who bears this key; None where nobody does or it was revoked."""
        found = self._credentials(
            select(credential).where(
                credential.c.key_hash == self._codec.ref("credential", key),
                credential.c.revoked_at.is_(None),
            )
        )
        return found[0] if found else None

    def credentials(self) -> list[Credential]:
        """List all credentials, revoked ones too."""
        return self._credentials(
            select(credential).order_by(credential.c.organisation, credential.c.created_at)
        )

    def uptake(self) -> dict[Uptake, int]:
        """Count reviews by their facts. Small numbers are not suppressed yet: not for printing."""
        facts = columns(counted, Uptake)
        rows = self._connection.execute(select(*facts, func.count().label("n")).group_by(*facts))
        return {from_row(Uptake, row, counted): row.n for row in rows}

    def pulses(self) -> dict[str, tuple[datetime, str]]:
        """Give the last sign of life of each process: when, and the state that it reported."""
        return {row.name: (row.at, row.state) for row in self._connection.execute(select(pulse))}

    def knows_letter(self, letter_id: str) -> bool:
        """Tell whether this letter was taken before."""
        return (
            self._connection.scalar(select(letter.c.id).where(letter.c.id == letter_id)) is not None
        )

    def letters_done(self) -> list[FileLetter]:
        """List the letters whose file is done and that are not answered yet."""
        waiting = select(entry.c.upload_id).where(entry.c.state == "waiting")
        rows = self._connection.execute(
            select(letter).where(letter.c.state == "working", letter.c.reference.not_in(waiting))
        )
        return [FileLetter(id=r.id, mailbox=r.mailbox, upload_id=r.reference) for r in rows]

    def letter_reply(self, letter_id: str) -> bytes:
        """Return what is known of an answer that is not sent yet; empty where none is due."""
        query = select(letter.c.reply).where(letter.c.id == letter_id)
        return self._open(self._connection.scalar(query)) or b""

    def _open(self, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else self._codec.open(sealed)

    def _records(self, condition: Any) -> list[Record]:
        query = select(record).where(condition).order_by(record.c.ref)
        return [from_row(Record, row, record) for row in self._connection.execute(query)]

    def _credentials(self, query: Select[Any]) -> list[Credential]:
        found = [from_row(Credential, row, credential) for row in self._connection.execute(query)]
        return [
            replace(bearer, kinds=tuple(bearer.kinds), speaks_for=tuple(bearer.speaks_for))
            for bearer in found
        ]

    def _outcomes(self, condition: Any) -> list[Outcome]:
        """Join alerts and holds with their deliveries."""
        rows = self._connection.execute(
            _OUTCOMES.where(condition).order_by(
                alert.c.record_version, thread.c.route, alert.c.id, delivery.c.id
            )
        )
        found = []
        for _, group in groupby(rows, key=lambda row: row._mapping[alert.c.id]):
            lines = list(group)
            first = lines[0]
            deliveries = tuple(
                from_row(Delivery, line, delivery)
                for line in lines
                if line._mapping[delivery.c.id] is not None
            )
            found.append(
                Outcome(
                    alert=from_row(Alert, first, alert),
                    route=first.route,
                    service=first.service,
                    agency=first.agency,
                    state=_state(deliveries, first.superseded_at is not None),
                    missing=self._open(first.missing),
                    deliveries=deliveries,
                )
            )
        return found


def _state(deliveries: tuple[Delivery, ...], superseded: bool) -> AlertState:
    """Say how far an alert has come to its agency; what goes beside that has states of its own."""
    states = {d.state for d in deliveries if d.channel in ("amqp", "mailbox")}
    if not deliveries:
        return "superseded" if superseded else "held"
    return "due" if "due" in states else "done" if "delivered" in states else "superseded"


def _thread(bare: Thread, outcomes: Iterable[Outcome]) -> Thread:
    own = [o for o in outcomes if o.alert.thread_id == bare.id]
    alerts = sorted((o for o in own if o.alert.sequence), key=lambda o: o.alert.sequence or 0)
    attempted = [o for o in alerts if any(d.attempts for d in o.deliveries)]
    last = alerts[-1] if alerts else None
    # A withdrawal that was only attempted may not have arrived: what it withdraws is still told.
    withdrawals = [o for o in alerts if o.alert.type == "withdrawn" and o.state == "done"]
    gone = max((o.alert.sequence or 0 for o in withdrawals), default=0)
    return replace(
        bare,
        sequence=last.alert.sequence or 0 if last else 0,
        type=last.alert.type if last else None,
        view_hash=last.alert.view_hash if last else None,
        state=last.state if last else None,
        attempted=bool(attempted),
        told=any(o.alert.type != "withdrawn" and (o.alert.sequence or 0) > gone for o in attempted),
        ways=frozenset(
            Way(d.channel, d.target, d.format) for o in alerts for d in o.deliveries if d.attempts
        ),
        held=next((o.alert.hold_reason for o in own if o.state == "held"), None),
    )
