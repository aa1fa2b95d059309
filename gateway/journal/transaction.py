"""What may be written to the journal: small methods, all within one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Table, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.journal.codec import Codec
from gateway.journal.files import FileWrites
from gateway.journal.queries import Queries, columns, from_row, values_of
from gateway.journal.rows import (
    Alert,
    Channel,
    Credential,
    Letter,
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
    credential,
    delivery,
    letter,
    message,
    metadata,
    pulse,
    record,
    refused,
    thread,
    version,
)

KEPT_WHILE_HELD = timedelta(days=30)
"""How long bodies that were held or refused are kept."""


_ORDER = metadata.sorted_tables


class Transaction(FileWrites, Queries):
    """Reads and writes within one transaction; nothing counts before the journal has committed.

    New rows wait until the next other statement, or the end, and then go by table: a message with
    its alerts and deliveries costs a statement a table.
    """

    def __init__(self, connection: Connection, codec: Codec) -> None:
        """Bind to a transaction that the journal has begun."""
        self._waiting: dict[Table, list[dict[str, Any]]] = {}
        super().__init__(connection, codec)

    @property
    def _connection(self) -> Connection:
        self.flush()
        return self._bound

    @_connection.setter
    def _connection(self, connection: Connection) -> None:
        self._bound = connection

    def flush(self) -> None:
        """Write the new rows that wait, a table before those that refer to it."""
        waiting, self._waiting = self._waiting, {}
        for table in sorted(waiting, key=_ORDER.index):
            self._bound.execute(table.insert(), waiting[table])

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
            latest = new.decided_at + KEPT_WHILE_HELD
            values["expires_at"] = min(new.expires_at or latest, latest)
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
        self._add(
            alert_read,
            {
                "alert_id": alert_id,
                "organisation": organisation,
                "credential_id": credential_id,
                "at": at,
            },
        )

    def count(self, record_ref: str, facts: Uptake | None) -> None:
        """Count a record's review once, by its facts as they now are; None: it no longer counts."""
        self._connection.execute(delete(counted).where(counted.c.record_ref == record_ref))
        if facts is not None:
            self._add(counted, {"record_ref": record_ref} | values_of(facts, counted))

    def keep_refused(
        self, organisation: str, received_at: datetime, status: int, why: str, body: bytes
    ) -> str:
        """Keep what an authenticated source sent and was refused with 400 or 422, for 30 days."""
        return self._refuse(
            organisation=organisation,
            received_at=received_at,
            status=status,
            size=len(body),
            why=why,
            bytes_hash=self._codec.ref("bytes", body),
            bytes=self._seal(body),
            expires_at=received_at + KEPT_WHILE_HELD,
        )

    def note_denied(
        self, organisation: str | None, received_at: datetime, status: int, why: str, size: int
    ) -> str:
        """Note who (if known), when, why and what size, for 401, 403 and 413: never the bytes."""
        return self._refuse(
            organisation=organisation,
            received_at=received_at,
            status=status,
            size=size,
            why=why,
            expires_at=received_at + KEPT_WHILE_HELD,
        )

    def add_credential(
        self,
        key: str,
        organisation: str,
        kinds: Sequence[str],
        created_at: datetime,
        speaks_for: Sequence[str] = (),
    ) -> Credential:
        """Register a key, of which only the hash is stored."""
        new = Credential(
            id=str(uuid4()),
            organisation=organisation,
            kinds=tuple(kinds),
            speaks_for=tuple(speaks_for),
            created_at=created_at,
            revoked_at=None,
        )
        key_hash = self._codec.ref("credential", key)
        self._add(credential, {"key_hash": key_hash} | values_of(new, credential))
        return new

    def know_mailbox(
        self, mailbox: str, organisation: str, kinds: Sequence[str], now: datetime
    ) -> Credential:
        """Give a mailbox that MESH vouches for the credential `mesh:<mailbox>`, which no key opens."""
        credential_id = f"mesh:{mailbox}"
        values = {"organisation": organisation, "kinds": list(kinds)}
        row = self._connection.execute(
            self._insert(credential)
            .values(
                id=credential_id,
                key_hash=self._codec.ref("mailbox", mailbox),
                speaks_for=[],
                created_at=now,
                **values,
            )
            .on_conflict_do_update(index_elements=["id"], set_=values)
            .returning(*columns(credential, Credential))
        ).one()
        found = from_row(Credential, row, credential)
        return replace(found, kinds=tuple(found.kinds), speaks_for=tuple(found.speaks_for))

    def add_letter(self, new: Letter, reply: bytes | None = None, file: str | None = None) -> bool:
        """Record what became of a letter, with the answer that is due; False where it is known.

        file: the id of the file that it brought: the answer is due once that is done, and `reply`
            is what of it is known already.
        """
        state = {
            "state": ("working" if file else "due") if reply else "done",
            "reference": file,
            "next_at": new.received_at,
            "attempts": 0,
        }
        added = self._connection.execute(
            self._insert(letter)
            .values(values_of(new, letter) | state | {"reply": self._seal(reply)})
            .on_conflict_do_nothing()
            .returning(letter.c.id)
        )
        return added.one_or_none() is not None

    def answer_letter(self, letter_id: str, reply: bytes, at: datetime) -> None:
        """Let the answer to a letter that brought a file be sent."""
        self._connection.execute(
            update(letter)
            .where(letter.c.id == letter_id, letter.c.state == "working")
            .values(state="due", reference=None, next_at=at, reply=self._seal(reply))
        )

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

    def revoke(self, credential_id: str, now: datetime) -> bool:
        """Let a key no longer open anything; False where there is no such credential in force."""
        changed = self._connection.execute(
            update(credential)
            .where(credential.c.id == credential_id, credential.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return changed.rowcount == 1

    def beat(self, name: str, state: str, now: datetime) -> None:
        """Leave a sign of life of a process, for others' readiness to see."""
        values = {"at": now, "state": state}
        self._connection.execute(
            self._insert(pulse)
            .values(name=name, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )

    def _refuse(self, **values: Any) -> str:
        refused_id = str(uuid4())
        self._add(refused, {"id": refused_id} | values)
        return refused_id

    def _add(self, table: Table, values: dict[str, Any]) -> None:
        self._waiting.setdefault(table, []).append(values)

    def _seal(self, content: bytes | None) -> bytes | None:
        return None if content is None else self._codec.seal(content)

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        if self._connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def _advisory_lock(self, name: str) -> None:
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(
                select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0)))
            )
