"""What may be written to the journal: small methods, all within one transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import case, delete, func, select, update

from gateway.journal.access import values_of
from gateway.journal.credentials import CredentialWrites
from gateway.journal.files import FileWrites
from gateway.journal.letters import LetterWrites
from gateway.journal.queries import Queries
from gateway.journal.rows import (
    Alert,
    Channel,
    Message,
    Record,
    Returned,
    Thread,
    Uptake,
    Version,
    Way,
)
from gateway.journal.tables import (
    alert,
    alert_read,
    counted,
    delivery,
    letter,
    message,
    pulse,
    record,
    refused,
    thread,
    version,
)

KEPT_WHILE_HELD = timedelta(days=30)
"""How long bodies that were held or refused are kept."""


class Transaction(FileWrites, CredentialWrites, LetterWrites, Queries):
    """Reads and writes within one transaction, as `Writing` says."""

    def lock_day(self, day_ref: str) -> list[Record]:
        """Keep other gateways from this child's day and organisation; list its records.

        For a review: to be called before `lock_record`, with `day_ref` as the order of `transact`.
        """
        self._advisory_lock(day_ref)
        return self.records_of_day(day_ref)

    def join(self, record_ref: str, other_ref: str) -> None:
        """Know a review's record by another key too: with its type, or without."""
        self._connection.execute(
            update(record).where(record.c.ref == record_ref).values(joined_ref=other_ref)
        )

    def lock_record(self, ref: str, kind: str, day_ref: str | None = None) -> int:
        """Make the record if new, keep other gateways from it, and give its version (0: new)."""
        found: int = self._connection.execute(
            self._insert(record)
            .values(ref=ref, kind=kind, day_ref=day_ref, version=0)
            .on_conflict_do_update(index_elements=["ref"], set_={"kind": kind})  # it locks the row
            .returning(record.c.version)
        ).scalar_one()
        return found

    def threads(self, record_ref: str) -> list[Thread]:
        """List a record's threads, and keep the relay from claiming what is still due of them.

        So `attempted` stays true until the commit, and nothing goes out that is being withdrawn.
        """
        self._connection.execute(
            select(delivery.c.id)
            .select_from(delivery.join(alert).join(thread))
            # Concatenated, the state is no key: SQLite would go through all that is due to anybody.
            .where(thread.c.record_ref == record_ref, delivery.c.state.concat("") == "due")
            .order_by(delivery.c.id)
            .with_for_update(of=delivery)
        )
        return super().threads(record_ref)

    def add_message(
        self,
        new: Message,
        *,
        body: bytes | None,
        canonical: bytes | None,
        receipt: bytes | None = None,
    ) -> None:
        """Record a message; of a counted one no body may be given."""
        bodies = {"bytes": body, "canonical": canonical, "receipt": receipt}
        if new.state != "recorded" and any(content is not None for content in bodies.values()):
            raise ValueError(f"message {new.id} is {new.state}: its body must not be kept")
        sealed = {name: self._seal(content) for name, content in bodies.items()}
        self._add(message, values_of(new, message) | sealed)

    def set_expiry(self, record_ref: str, expires_at: datetime | None) -> None:
        """Say when a record's bodies go since all that followed is held; None: they stay.

        A body that goes earlier already is not kept longer.
        """
        self._connection.execute(
            update(message)
            .where(message.c.record_ref == record_ref, message.c.state == "recorded")
            .values(
                expires_at=func.coalesce(message.c.expires_at, expires_at) if expires_at else None
            )
        )

    def forget(self, record_ref: str) -> None:
        """Drop a record's bodies and decisions; keyed hashes, parts, order and action stay.

        What was decided stays, and the alerts themselves, where anything went out.
        """
        self._connection.execute(
            update(message)
            .where(message.c.record_ref == record_ref, message.c.state == "recorded")
            .values(state="counted", bytes=None, canonical=None, receipt=None, expires_at=None)
        )
        went_out = select(alert.c.id).join(delivery).where(delivery.c.attempts > 0)
        self._connection.execute(
            update(version)
            .where(
                version.c.record_ref == record_ref,
                ~went_out.where(alert.c.message_id == version.c.message_id).exists(),
            )
            .values(decision=None)
        )
        own = select(thread.c.id).where(thread.c.record_ref == record_ref)
        self._connection.execute(
            update(alert)
            .where(
                alert.c.thread_id.in_(own),
                alert.c.superseded_at.is_not(None),
                ~select(delivery.c.id)
                .where(delivery.c.alert_id == alert.c.id, delivery.c.attempts > 0)
                .exists(),
            )
            .values(body=None, missing=None)
        )

    def add_version(
        self,
        record_ref: str,
        number: int,
        *,
        message_id: str,
        child_ref: str | None,
        decided_at: datetime,
        decision: bytes | None,
        mark: str | None = None,
    ) -> None:
        """Record a record's next version; `child_ref` None where the record is only counted."""
        new = Version(
            record_ref=record_ref,
            number=number,
            message_id=message_id,
            decided_at=decided_at,
            decision=self._seal(decision),
        )
        self._add(version, values_of(new, version))
        self._connection.execute(
            update(record)
            .where(record.c.ref == record_ref)
            .values(version=number, child_ref=child_ref, updated_at=decided_at, mark=mark)
        )

    def add_thread(self, record_ref: str, route: str, service: str, agency: str) -> Thread:
        """Begin a thread under a new opaque id."""
        new = Thread(
            id=str(uuid4()), record_ref=record_ref, route=route, service=service, agency=agency
        )
        self._add(thread, values_of(new, thread))
        return new

    def supersede_due(self, thread_id: str, now: datetime) -> None:
        """Stop what is due, in flight or held of a thread's earlier alerts, before adding the next.

        One in flight may still arrive; `delivered` then records that it did.
        """
        earlier = select(alert.c.id).where(alert.c.thread_id == thread_id)
        self._connection.execute(
            update(delivery)
            .where(delivery.c.alert_id.in_(earlier), delivery.c.state.in_(("due", "failed")))
            .values(state="superseded")
        )
        self._connection.execute(
            update(alert)
            .where(alert.c.thread_id == thread_id, alert.c.superseded_at.is_(None))
            .values(superseded_at=now)
        )

    def supersede_holds(self, record_ref: str, now: datetime) -> None:
        """End a record's holds: each version decides anew what is held."""
        own = select(thread.c.id).where(thread.c.record_ref == record_ref)
        self._connection.execute(
            update(alert)
            .where(
                alert.c.thread_id.in_(own),
                alert.c.hold_reason.is_not(None),
                alert.c.superseded_at.is_(None),
            )
            .values(superseded_at=now)
        )

    def add_alert(
        self,
        new: Alert,
        *,
        body: bytes | None,
        deliveries: Iterable[Way | tuple[Channel, str]] = (),
        missing: bytes | None = None,
    ) -> None:
        """Record an alert with its deliveries, or a hold with what is missing.

        A hold's bodies are kept for 30 days at most. Raises ValueError for an alert that goes to
        nobody and for a hold that goes to somebody.
        """
        targets = list(deliveries)
        held = new.hold_reason is not None
        if held == bool(targets) or held != (new.sequence is None):
            raise ValueError(
                f"{new.id}: an alert has a sequence and deliveries, a hold has neither"
            )
        values = values_of(new, alert) | {"body": self._seal(body), "missing": self._seal(missing)}
        if held:
            values["expires_at"] = new.decided_at + KEPT_WHILE_HELD
        self._add(alert, values)
        due = {
            "alert_id": new.id,
            "urgency": new.urgency,
            "state": "due",
            "created_at": new.decided_at,
            "next_at": new.decided_at,
            "attempts": 0,
        }
        for way in targets:
            self._add(delivery, due | Way(*way)._asdict())

    def note_read(self, alert_id: str, organisation: str, credential_id: str, at: datetime) -> None:
        """Note who was shown an alert, and when."""
        who = {"organisation": organisation, "credential_id": credential_id}
        self._add(alert_read, {"alert_id": alert_id, "at": at} | who)

    def count(self, record_ref: str, facts: Uptake | None) -> None:
        """Count a record's review once, by its facts as they now are; None: it no longer counts."""
        self._connection.execute(delete(counted).where(counted.c.record_ref == record_ref))
        if facts is not None:
            self._add(counted, {"record_ref": record_ref} | values_of(facts, counted))

    def keep_refused(
        self, organisation: str, received_at: datetime, status: int, why: str, body: bytes
    ) -> None:
        """Keep what an authenticated source sent and was refused with 400 or 422, for 30 days."""
        kept = {"bytes_hash": self._codec.ref("bytes", body), "bytes": self._seal(body)}
        self._refuse(organisation, received_at, status, why, len(body), kept)

    def note_denied(
        self,
        organisation: str | None,
        received_at: datetime,
        status: int,
        why: str,
        size: int,
        file: bytes | None = None,
    ) -> None:
        """Note who (if known), when, why and what size, for 401, 403 and 413: never the bytes.

        file: what was sent as a file of many records and refused with 400 or 422: its hash is noted.
        """
        kept = {} if file is None else {"bytes_hash": self._codec.ref("bytes", file)}
        self._refuse(organisation, received_at, status, why, size, kept)

    def give_back(self, reference: str, code: str, again_at: datetime) -> Returned | None:
        """Record that a channel could not deliver what it took; None where that is not known here.

        What a newer version has superseded is not tried again, nor is an answer of ours.
        """
        overtaken = select(alert.c.id).where(alert.c.superseded_at.is_not(None))
        self._connection.execute(
            update(letter)
            .where(letter.c.reference == reference)
            .values(state="failed", last_error=code)
        )
        row = self._connection.execute(
            update(delivery)
            .where(delivery.c.reference == reference, delivery.c.state == "sent")
            .values(
                state=case((delivery.c.alert_id.in_(overtaken), "superseded"), else_="failed"),
                failures=delivery.c.failures + 1,
                last_error=code,
                next_at=again_at,
            )
            .returning(delivery.c.alert_id, delivery.c.target, delivery.c.failures)
        ).one_or_none()
        return Returned(**row._mapping) if row else None

    def beat(self, name: str, state: str, now: datetime) -> None:
        """Leave a sign of life of a process, for others' readiness to see."""
        values = {"at": now, "state": state}
        self._connection.execute(
            self._insert(pulse)
            .values(name=name, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )

    def _refuse(
        self,
        organisation: str | None,
        received_at: datetime,
        status: int,
        why: str,
        size: int,
        kept: dict[str, Any],
    ) -> None:
        noted = {
            "id": str(uuid4()),
            "organisation": organisation,
            "received_at": received_at,
            "status": status,
            "why": why,
            "size": size,
            "expires_at": received_at + KEPT_WHILE_HELD,
        }
        self._add(refused, noted | kept)
