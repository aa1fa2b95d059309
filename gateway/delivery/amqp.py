"""Delivers to the agencies' queues, and backs off from each agency on its own."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from gateway.broker import MAX_BODY, Outcome, Publication, Publisher
from gateway.journal import Due, Journal

BACK_OFF_FIRST, BACK_OFF_MOST = 1.0, 60.0
"""Seconds: doubles from the first to the most while an agency refuses."""
ONE_BY_ONE_FOR = 15.0
"""Seconds within which, after a lost channel, the culprit is looked for one by one."""
SET_ASIDE = timedelta(minutes=10)
"""After which a publication that RabbitMQ cannot take at all is tried again."""

log = structlog.get_logger(__name__)


@dataclass
class _BackOff:
    seconds: float = 0.0
    until: float = 0.0


class AmqpChannel:
    """Publishes what is due, pipelined, and tells the journal the fate of each."""

    def __init__(self, journal: Journal, publisher: Publisher, owner: str) -> None:
        self._deliveries = journal.deliveries
        self._publisher = publisher
        self._owner = owner
        self._backing_off: dict[str, _BackOff] = defaultdict(_BackOff)
        self._searching = asyncio.Lock()
        self.unroutable: frozenset[str] = frozenset()
        """Agencies whose queue is missing or not bound, as of the last batch."""
        self.silent: set[str] = set()
        """Agencies whose queue gave no answer last."""

    @property
    def skipped(self) -> set[str]:
        """The agencies that are left alone for the moment."""
        now = time.monotonic()
        return {agency for agency, back in self._backing_off.items() if back.until > now}

    async def deliver(self, batch: list[Due]) -> None:
        """Publish a batch and record what became of it. What is not confirmed stays due.

        Raises JournalAway: what was confirmed is then sent once more, under the same id.
        """
        lost = self._publisher.channels_lost
        if too_large := [due for due in batch if len(due.body) > MAX_BODY]:
            for due in too_large:
                log.error("alert set aside", alert=due.alert_id, why=f"{len(due.body)} bytes")
            await self._release(too_large, SET_ASIDE, "too-large")
        outcomes = await self._publish([due for due in batch if len(due.body) <= MAX_BODY])
        unknown = [due for due, outcome in outcomes if outcome is Outcome.UNKNOWN]
        await self._settle(o for o in outcomes if o[1] is not Outcome.UNKNOWN)
        if unknown and self._publisher.channels_lost > lost and self._publisher.state == "up":
            if (self._publisher.last_fault or "").startswith(("403", "404")):
                # The exchange is missing or not ours to write to: no alert's fault, and mended by
                # `topology apply` or a permission.
                await self._settle((due, Outcome.UNROUTABLE) for due in unknown)
            else:
                async with self._searching:
                    await self._one_by_one(unknown)
        elif unknown and self._publisher.state == "up":
            for agency in {due.target for due in unknown}:  # the queue gave no answer at all
                self._note_silent(agency)
                theirs = [due for due in unknown if due.target == agency]
                await self._release(theirs, self._back_off(agency), "no-answer")
        elif unknown:
            await self._release(unknown, timedelta(seconds=1), "unknown")

    async def _publish(self, batch: list[Due]) -> list[tuple[Due, Outcome]]:
        fates = await asyncio.gather(*(self._publish_one(due) for due in batch))
        return list(zip(batch, fates, strict=True))

    async def _publish_one(self, due: Due) -> Outcome:
        return await self._publisher.publish(
            Publication(
                alert_id=due.alert_id,
                agency=due.target,
                routing_key=due.routing_key,
                body=due.body,
                type=f"{due.kind}.{due.type}.v1",
                time=datetime.now(UTC),
            )
        )

    async def _one_by_one(self, batch: list[Due]) -> None:
        """Find the publication that closes the channel, so that it does not take the others along."""
        end = time.monotonic() + ONE_BY_ONE_FOR
        for index, due in enumerate(batch):
            if time.monotonic() > end or self._publisher.state != "up":
                await self._release(batch[index:], timedelta(seconds=1), "unknown")
                return
            lost = self._publisher.channels_lost
            outcome = await self._publish_one(due)
            if self._publisher.channels_lost > lost:
                log.error("alert set aside", alert=due.alert_id, why=self._publisher.last_fault)
                after = SET_ASIDE if due.urgency == "routine" else timedelta(seconds=BACK_OFF_MOST)
                await self._release([due], after, "closes-channel")
            else:
                await self._settle([(due, outcome)])

    async def _settle(self, outcomes: Iterable[tuple[Due, Outcome]]) -> None:
        by_outcome: dict[Outcome, list[Due]] = defaultdict(list)
        for due, outcome in outcomes:
            by_outcome[outcome].append(due)
        confirmed = by_outcome[Outcome.CONFIRMED]
        if confirmed:
            await asyncio.to_thread(self._deliveries.delivered, [due.id for due in confirmed])
        for due in confirmed:
            self._backing_off.pop(due.target, None)
            self.silent.discard(due.target)
        for outcome in (Outcome.REFUSED, Outcome.UNROUTABLE, Outcome.UNKNOWN):
            for agency in {due.target for due in by_outcome[outcome]}:
                theirs = [due for due in by_outcome[outcome] if due.target == agency]
                await self._release(theirs, self._back_off(agency), outcome.value)
        self._note_unroutable(
            {due.target for due in by_outcome[Outcome.UNROUTABLE]}, {d.target for d in confirmed}
        )

    def _note_silent(self, agency: str) -> None:
        if agency not in self.silent:
            log.error("this agency's queue gives no answer", agency=agency)
        self.silent.add(agency)

    def _back_off(self, agency: str) -> timedelta:
        """Leave one agency alone for longer and longer."""
        back = self._backing_off[agency]
        back.seconds = min(BACK_OFF_MOST, back.seconds * 2 or BACK_OFF_FIRST)
        back.until = time.monotonic() + back.seconds
        return timedelta(seconds=back.seconds)

    def _note_unroutable(self, unroutable: set[str], confirmed: set[str]) -> None:
        now = (self.unroutable | unroutable) - confirmed
        for agency in now - self.unroutable:
            log.error(
                "no queue takes this agency's alerts; run `gateway topology apply`", agency=agency
            )
        self.unroutable = frozenset(now)

    async def _release(self, batch: list[Due], after: timedelta, error: str) -> None:
        ids = [due.id for due in batch]
        at = datetime.now(UTC) + after
        await asyncio.to_thread(self._deliveries.release, ids, at, error, self._owner)
