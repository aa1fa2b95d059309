"""What relay and mailbox do with deliveries, the clean-up of old bodies, and the backlog."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, select, update

from gateway.journal.codec import Codec
from gateway.journal.engine import answering, in_transaction
from gateway.journal.errors import WrongKey
from gateway.journal.queries import columns
from gateway.journal.rows import (
    Backlog,
    Channel,
    DeliveryState,
    Due,
    Erased,
    Reply,
    Sent,
    Urgency,
)
from gateway.journal.tables import (
    alert,
    delivery,
    letter,
    message,
    record,
    refused,
    thread,
    version,
)

UNREADABLE = "unreadable"
"""The error code of a delivery whose body no key opens; it waits an hour between attempts."""

KNOWN_FOR = timedelta(days=60)
"""How long a letter is known. MESH keeps what nobody fetches for 5 days, and tracks for 30."""

ANSWERED_FOR = timedelta(days=30)
"""How long an answer that MESH does not take is kept: it may say what is held of a child."""

MOST_FAILURES = 4
"""After so many times a delivery that its channel could not make is left to people."""

_URGENT_FIRST: tuple[Urgency, ...] = ("urgent", "routine")


_DUE = (
    select(
        delivery.c.id,
        delivery.c.alert_id,
        alert.c.thread_id,
        delivery.c.target,
        record.c.kind,
        alert.c.type,
        delivery.c.urgency,
        alert.c.routing_key,
        (delivery.c.attempts + 1).label("attempts"),
        delivery.c.format,
        alert.c.body,
    )
    .select_from(delivery.join(alert).join(thread).join(record))
    .where(delivery.c.state == "due")
    # A row that another relay is claiming, or intake superseding, is left to them.
    .with_for_update(of=delivery, skip_locked=True)
)


class Deliveries:
    """Deliveries as several relays share them: each is one's own until its lease ends.

    Every method is a transaction of its own and raises JournalAway where the database fails.
    """

    def __init__(self, writing: Engine, reading: Engine, codec: Codec) -> None:
        """Bind to a journal's database."""
        self._writing = writing
        self._reading = reading
        self._codec = codec

    def claim(
        self,
        channel: Channel,
        owner: str,
        limit: int,
        lease_seconds: float,
        skip_targets: Collection[str] = (),
        now: datetime | None = None,
    ) -> list[Due]:
        """Take up to `limit` due deliveries: urgent first, each target its share, oldest first.

        They are counted as attempted already, so that "was it ever attempted" is never understated.
        Nobody else gets them for `lease_seconds`; then they are due again. Targets that the relay
        is backing off from are left out by `skip_targets`.
        """
        at = now or datetime.now(UTC)
        lease = {"lease_owner": owner, "next_at": at + timedelta(seconds=lease_seconds)}

        def take(connection: Connection) -> list[Row[Any]]:
            rows: list[Row[Any]] = []
            for urgency, targets in waiting.items():
                hungry = set(targets)
                while hungry and len(rows) < limit:
                    share = -(-(limit - len(rows)) // len(hungry))
                    for target in sorted(hungry):
                        most = min(share, limit - len(rows))
                        got = _take(connection, channel, urgency, target, most, at)
                        _mark_attempted(connection, got, at, lease)
                        rows += got
                        if len(got) < share:
                            hungry.remove(target)
            return rows

        with answering(), self._reading.begin() as connection:
            waiting = {
                urgency: _targets(connection, channel, urgency).difference(skip_targets)
                for urgency in _URGENT_FIRST
            }
        if not any(waiting.values()):
            return []
        return self._opened(in_transaction(self._writing, take), owner, at)

    def delivered(self, ids: Sequence[int], now: datetime | None = None) -> None:
        """Record that the broker confirmed these, also where one was superseded in flight."""
        at = now or datetime.now(UTC)
        self._update(ids, [delivery.c.state != "delivered"], state="delivered", delivered_at=at)

    def sent(self, delivery_id: int, reference: str, look_at: datetime) -> None:
        """Record that a channel took this, under its own id, also where it was superseded in flight.

        look_at: when to ask the channel what became of it.
        """
        self._update(
            [delivery_id],
            [delivery.c.state != "delivered"],
            state="sent",
            reference=reference,
            next_at=look_at,
            last_error=None,
            lease_owner=None,
        )

    def claim_sent(
        self,
        channel: Channel,
        owner: str,
        limit: int,
        lease_seconds: float,
        now: datetime | None = None,
    ) -> list[Sent]:
        """Take up to `limit` deliveries of which the channel may know more by now."""
        at = now or datetime.now(UTC)

        def take(connection: Connection) -> list[Sent]:
            rows = connection.execute(
                select(*columns(delivery, Sent))
                .where(
                    delivery.c.state == "sent",
                    delivery.c.channel == channel,
                    delivery.c.next_at <= at,
                )
                .order_by(delivery.c.next_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            connection.execute(
                update(delivery)
                .where(delivery.c.id.in_([row.id for row in rows]))
                .values(lease_owner=owner, next_at=at + timedelta(seconds=lease_seconds))
            )
            return [Sent(**row._mapping) for row in rows]

        return in_transaction(self._writing, take)

    def look_again(self, delivery_id: int, look_at: datetime) -> None:
        """Ask the channel again from `look_at`."""
        self._update([delivery_id], [delivery.c.state == "sent"], next_at=look_at, lease_owner=None)

    def collected(self, delivery_id: int, now: datetime | None = None) -> None:
        """Record that the receiver has taken it from the channel."""
        at = now or datetime.now(UTC)
        self._update(
            [delivery_id],
            [delivery.c.state == "sent"],
            state="delivered",
            delivered_at=at,
            acknowledged_at=at,
            lease_owner=None,
        )

    def retry_failed(
        self, channel: Channel, *, everything: bool = False, now: datetime | None = None
    ) -> int:
        """Make due again what failed a while ago, and not too often; or everything that failed."""
        at = now or datetime.now(UTC)
        ripe = (delivery.c.failures < MOST_FAILURES, delivery.c.next_at <= at)
        failed = (delivery.c.channel == channel, delivery.c.state == "failed")

        def retry(connection: Connection) -> int:
            return connection.execute(
                update(delivery)
                .where(*failed, *(() if everything else ripe))
                .values(state="due", next_at=at, lease_owner=None)
            ).rowcount

        return in_transaction(self._writing, retry)

    def claim_replies(
        self, owner: str, limit: int, lease_seconds: float, now: datetime | None = None
    ) -> list[Reply]:
        """Take up to `limit` answers to letters; nobody else gets them for `lease_seconds`.

        One that no key opens is put off for an hour, so that it holds up nothing else.
        """
        at = now or datetime.now(UTC)

        def take(connection: Connection) -> list[Row[Any]]:
            rows = connection.execute(
                select(*columns(letter, Reply))
                .where(letter.c.state == "due", letter.c.next_at <= at)
                .order_by(letter.c.next_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            connection.execute(
                update(letter)
                .where(letter.c.id.in_([row.id for row in rows]))
                .values(
                    attempts=letter.c.attempts + 1,
                    lease_owner=owner,
                    next_at=at + timedelta(seconds=lease_seconds),
                )
            )
            return list(rows)

        found = []
        for row in in_transaction(self._writing, take):
            try:
                reply = self._codec.open(row.reply)
            except WrongKey:
                self.reply_later(row.id, at + timedelta(hours=1), UNREADABLE)
            else:
                found.append(Reply(**{**row._mapping, "reply": reply}))
        return found

    def replied(self, letter_id: str, reference: str) -> None:
        """Record that an answer was taken by MESH; its content goes."""
        self._update_letter(letter_id, state="sent", reference=reference, reply=None)

    def reply_later(self, letter_id: str, next_at: datetime, error: str) -> None:
        """Try an answer again from `next_at`; `error` is a code."""
        self._update_letter(letter_id, next_at=next_at, last_error=error)

    def release(self, ids: Sequence[int], next_at: datetime, error: str, owner: str) -> None:
        """Give back what was not confirmed, to be tried again from `next_at`.

        error: a code, such as `nack` or `unroutable`. What another relay has claimed since, or
        intake has superseded, is left alone.
        """
        self._update(
            ids,
            [delivery.c.state == "due", delivery.c.lease_owner == owner],
            next_at=next_at,
            last_error=error,
            lease_owner=None,
        )

    def mailbox(self, target: str, limit: int, now: datetime | None = None) -> list[Due]:
        """Show a target its unacknowledged alerts, urgent and oldest first; an attempt each."""
        at = now or datetime.now(UTC)

        def look(connection: Connection) -> list[Row[Any]]:
            rows: list[Row[Any]] = []
            for urgency in _URGENT_FIRST:
                rows += _take(connection, "mailbox", urgency, target, limit - len(rows), at)
            _mark_attempted(connection, [row for row in rows if row.attempts == 1], at, {})
            return rows

        return self._opened(in_transaction(self._writing, look), None, at)

    def acknowledge(self, delivery_id: int, target: str, now: datetime | None = None) -> bool:
        """Take an alert out of its target's mailbox; False where this target has no such alert."""
        at = now or datetime.now(UTC)

        def acknowledge(connection: Connection) -> bool:
            own = (
                delivery.c.id == delivery_id,
                delivery.c.target == target,
                delivery.c.channel == "mailbox",
            )
            connection.execute(
                update(delivery)
                .where(*own, delivery.c.state != "delivered")
                .values(state="delivered", delivered_at=at, acknowledged_at=at)
            )
            return connection.scalar(select(delivery.c.id).where(*own)) is not None

        return in_transaction(self._writing, acknowledge)

    def erase_expired(self, now: datetime | None = None) -> Erased:
        """Erase held or refused bodies whose time has come; id, keyed hash and reason stay.

        Notes of who was denied go whole: anybody can cause them.

        For SQLite it also empties the write-ahead log, in which what was forgotten lives on.
        """
        at = now or datetime.now(UTC)

        def erase(connection: Connection) -> Erased:
            old = select(message.c.id).where(message.c.expires_at <= at)
            connection.execute(
                update(version).where(version.c.message_id.in_(old)).values(decision=None)
            )
            connection.execute(
                delete(refused).where(refused.c.expires_at <= at, refused.c.bytes_hash.is_(None))
            )
            connection.execute(delete(letter).where(letter.c.received_at <= at - KNOWN_FOR))
            connection.execute(
                update(letter)
                .where(letter.c.received_at <= at - ANSWERED_FOR, letter.c.reply.is_not(None))
                .values(state="failed", last_error="expired", reply=None)
            )
            bodies = {"bytes": None, "canonical": None, "receipt": None, "state": "erased"}
            counts = [
                connection.execute(
                    update(table).where(table.c.expires_at <= at).values(expires_at=None, **gone)
                ).rowcount
                for table, gone in (
                    (alert, {"body": None, "missing": None}),
                    (message, bodies),
                    (refused, {"bytes": None}),
                )
            ]
            return Erased(held=counts[0], messages=counts[1], refused=counts[2])

        erased = in_transaction(self._writing, erase)
        if self._writing.dialect.name == "sqlite":
            self._empty_write_ahead_log()
        return erased

    def backlog(self, state: DeliveryState = "due") -> list[Backlog]:
        """Count what is due, or in another state, by channel, target and urgency.

        The oldest's age comes as the instant at which it was recorded.
        """
        key = (delivery.c.channel, delivery.c.target, delivery.c.urgency)
        query = (
            select(
                *key, func.count().label("count"), func.min(delivery.c.created_at).label("oldest")
            )
            .where(delivery.c.state == state)
            .group_by(*key)
            .order_by(*key)
        )
        with answering(), self._reading.begin() as connection:
            return [Backlog(**row._mapping) for row in connection.execute(query)]

    def _opened(self, rows: list[Row[Any]], owner: str | None, now: datetime) -> list[Due]:
        """Open the bodies; one that no key opens is put off, so that it holds up nothing else."""
        found = []
        for row in rows:
            try:
                body = self._codec.open(row.body)
            except WrongKey:
                later = now + timedelta(hours=1)
                self._update(
                    [row.id],
                    [delivery.c.state == "due", delivery.c.lease_owner == owner],
                    next_at=later,
                    last_error=UNREADABLE,
                )
            else:
                found.append(Due(**{**row._mapping, "body": body}))
        return found

    def _update(self, ids: Sequence[int], conditions: list[Any], **values: Any) -> None:
        if ids:
            in_transaction(
                self._writing,
                lambda connection: connection.execute(
                    update(delivery).where(delivery.c.id.in_(ids), *conditions).values(**values)
                ),
            )

    def _update_letter(self, letter_id: str, **values: Any) -> None:
        in_transaction(
            self._writing,
            lambda connection: connection.execute(
                update(letter)
                .where(letter.c.id == letter_id, letter.c.state == "due")
                .values(lease_owner=None, **values)
            ),
        )

    def _empty_write_ahead_log(self) -> None:
        """Move SQLite's log into the file, so that old pages are gone from both."""
        raw = self._writing.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            raw.close()


def _targets(connection: Connection, channel: str, urgency: str) -> set[str]:
    """Name the targets for which anything is due: one index look-up each, however much waits."""
    lowest = select(func.min(delivery.c.target)).where(
        delivery.c.state == "due", delivery.c.channel == channel, delivery.c.urgency == urgency
    )
    names = select(lowest.scalar_subquery().label("target")).cte(recursive=True)
    after = lowest.where(delivery.c.target > names.c.target).scalar_subquery()
    names = names.union_all(select(after).where(names.c.target.is_not(None)))
    return {t for t in connection.scalars(select(names.c.target)) if t is not None}


def _take(
    connection: Connection, channel: str, urgency: str, target: str, limit: int, now: datetime
) -> list[Row[Any]]:
    """Lock one target's oldest deliveries that may be made now."""
    query = (
        _DUE.where(
            delivery.c.channel == channel,
            delivery.c.urgency == urgency,
            delivery.c.target == target,
            delivery.c.next_at <= now,
        )
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(limit)
    )
    return list(connection.execute(query))


def _mark_attempted(
    connection: Connection, rows: Sequence[Row[Any]], at: datetime, lease: dict[str, Any]
) -> None:
    connection.execute(
        update(delivery)
        .where(delivery.c.id.in_([row.id for row in rows]))
        .values(attempts=delivery.c.attempts + 1, attempted_at=at, **lease)
    )
