"""What relay and mailbox do with deliveries, the clean-up of old bodies, and the backlog."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Engine,
    Row,
    Select,
    bindparam,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)

from gateway.journal.access import columns
from gateway.journal.codec import Codec
from gateway.journal.engine import answering, in_transaction
from gateway.journal.errors import WrongKey
from gateway.journal.leases import UNREADABLE, UNREADABLE_FOR, lease
from gateway.journal.rows import (
    Backlog,
    Channel,
    DeliveryState,
    Due,
    Sent,
    Urgency,
)
from gateway.journal.tables import (
    Instant,
    alert,
    delivery,
    record,
    thread,
)

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

    def waiting(
        self, channel: Channel, targets: Collection[str], now: datetime | None = None
    ) -> set[str]:
        """Tell for which of the targets anything is due: an index look-up each, nothing written."""
        asked = _waiting(channel, tuple(targets))
        with answering(), self._reading.begin() as connection:
            return set(connection.scalars(asked, {"now": now or datetime.now(UTC)}))

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
        taken = {
            "attempts": delivery.c.attempts + 1,
            "attempted_at": at,
            "lease_owner": owner,
            "next_at": at + timedelta(seconds=lease_seconds),
        }

        def take(connection: Connection) -> list[Row[Any]]:
            rows: list[Row[Any]] = []
            for urgency, targets in waiting.items():
                hungry = set(targets)
                while hungry and len(rows) < limit:
                    share = -(-(limit - len(rows)) // len(hungry))
                    for target in sorted(hungry):
                        most = min(share, limit - len(rows))
                        due = _due(channel, urgency, target, most, at)
                        got = lease(connection, due, delivery, **taken)
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
        took = (
            select(*columns(delivery, Sent))
            .where(
                delivery.c.state == "sent",
                delivery.c.channel == channel,
                delivery.c.next_at <= at,
            )
            .order_by(delivery.c.next_at)
            .limit(limit)
        )

        def take(connection: Connection) -> list[Sent]:
            until = at + timedelta(seconds=lease_seconds)
            rows = lease(connection, took, delivery, lease_owner=owner, next_at=until)
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
                due = _due("mailbox", urgency, target, limit - len(rows), at)
                rows += connection.execute(due.with_for_update(of=delivery, skip_locked=True))
            first = [row.id for row in rows if row.attempts == 1]
            connection.execute(
                update(delivery).where(delivery.c.id.in_(first)).values(attempts=1, attempted_at=at)
            )
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
                later = now + UNREADABLE_FOR
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


@cache
def _waiting(channel: Channel, targets: tuple[str, ...]) -> CompoundSelect[Any]:
    """Name those of the targets that have something due `now`."""
    now = bindparam("now", type_=Instant)
    return union_all(
        *(
            select(literal(target)).where(
                or_(
                    *(
                        _due(channel, urgency, target, 1, now)
                        .with_only_columns(delivery.c.id)
                        .exists()
                        for urgency in _URGENT_FIRST
                    )
                )
            )
            for target in targets
        )
    )


def _targets(connection: Connection, channel: str, urgency: str) -> set[str]:
    """Name the targets for which anything is due: one index look-up each, however much waits."""
    lowest = select(func.min(delivery.c.target)).where(
        delivery.c.state == "due", delivery.c.channel == channel, delivery.c.urgency == urgency
    )
    names = select(lowest.scalar_subquery().label("target")).cte(recursive=True)
    after = lowest.where(delivery.c.target > names.c.target).scalar_subquery()
    names = names.union_all(select(after).where(names.c.target.is_not(None)))
    return {t for t in connection.scalars(select(names.c.target)) if t is not None}


def _due(
    channel: str, urgency: str, target: str, limit: int, now: datetime | BindParameter[datetime]
) -> Select[Any]:
    """One target's oldest deliveries that may be made now."""
    return (
        _DUE.where(
            delivery.c.channel == channel,
            delivery.c.urgency == urgency,
            delivery.c.target == target,
            delivery.c.next_at <= now,
        )
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(limit)
    )
