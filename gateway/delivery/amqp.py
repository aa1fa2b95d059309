"""Delivers to one agency's queue, and backs off from that agency alone."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import structlog

from gateway.broker import MAX_BODY, Outcome, Publication, Publisher
from gateway.delivery.back_off import BackOff
from gateway.journal import Due, Journal

BACK_OFF_FIRST, BACK_OFF_MOST = 1.0, 60.0
"""Seconds: doubles from the first to the most while an agency refuses."""
ONE_BY_ONE_FOR = 15.0
"""Seconds within which, after a lost channel, the culprit is looked for one by one."""
SET_ASIDE = timedelta(minutes=10)
"""After which a publication that RabbitMQ cannot take at all is tried again."""

_SAID = {
    Outcome.UNROUTABLE: "no queue takes this agency's alerts; run `gateway topology apply`",
    Outcome.UNKNOWN: "this agency's queue gives no answer",
}

log = structlog.get_logger(__name__)


class AmqpChannel:
    """Publishes what is due to one agency, pipelined, and tells the journal the fate of each.

    Its publisher is its own: a queue that gives no answer blocks the channel that publishes to it,
    and in the end the connection, and then nobody else's.
    """

    def __init__(self, journal: Journal, publisher: Publisher, agency: str, owner: str) -> None:
        self.publisher = publisher
        self._deliveries = journal.deliveries
        self._agency = agency
        self._owner = owner
        self._fault: Outcome | None = None
        self._back_off = BackOff(BACK_OFF_FIRST, BACK_OFF_MOST)

    @property
    def state(self) -> str:
        """`up`, or what is wrong with the way to this agency."""
        if self.publisher.state != "up":
            return self.publisher.state
        return {
            None: "up",
            Outcome.UNROUTABLE: "topology incomplete",
            Outcome.REFUSED: f"refused by {self._agency}",
            Outcome.UNKNOWN: f"no answer from {self._agency}",
        }[self._fault]

    @property
    def rests(self) -> bool:
        """Whether the agency is left alone for the moment."""
        return self._back_off.rests

    async def deliver(self, batch: list[Due]) -> None:
        """Publish a batch and record what became of it. What is not confirmed stays due.

        Raises JournalAway: what was confirmed is then sent once more, under the same id.
        """
        lost = self.publisher.channels_lost
        if too_large := [due for due in batch if len(due.body) > MAX_BODY]:
            for due in too_large:
                log.error("alert set aside", alert=due.alert_id, why=f"{len(due.body)} bytes")
            await self._release(too_large, SET_ASIDE, "too-large")
        outcomes = await self._publish([due for due in batch if len(due.body) <= MAX_BODY])
        unknown = [due for due, outcome in outcomes if outcome is Outcome.UNKNOWN]
        await self._settle(o for o in outcomes if o[1] is not Outcome.UNKNOWN)
        if not unknown:
            return
        if self.publisher.state != "up":
            await self._release(unknown, timedelta(seconds=1), "unknown")
        elif self.publisher.channels_lost == lost:
            await self._settle((due, Outcome.UNKNOWN) for due in unknown)
        elif (self.publisher.last_fault or "").startswith(("403", "404")):
            # The exchange is missing or not ours to write to: no alert's fault, and mended by
            # `topology apply` or a permission.
            await self._settle((due, Outcome.UNROUTABLE) for due in unknown)
        else:
            await self._one_by_one(unknown)

    async def _publish(self, batch: list[Due]) -> list[tuple[Due, Outcome]]:
        fates = await asyncio.gather(*(self._publish_one(due) for due in batch))
        return list(zip(batch, fates, strict=True))

    async def _publish_one(self, due: Due) -> Outcome:
        return await self.publisher.publish(
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
            if time.monotonic() > end or self.publisher.state != "up":
                await self._release(batch[index:], timedelta(seconds=1), "unknown")
                return
            lost = self.publisher.channels_lost
            outcome = await self._publish_one(due)
            if self.publisher.channels_lost > lost:
                log.error("alert set aside", alert=due.alert_id, why=self.publisher.last_fault)
                after = SET_ASIDE if due.urgency == "routine" else timedelta(seconds=BACK_OFF_MOST)
                await self._release([due], after, "closes-channel")
            else:
                await self._settle([(due, outcome)])

    async def _settle(self, outcomes: Iterable[tuple[Due, Outcome]]) -> None:
        by_outcome: dict[Outcome, list[Due]] = defaultdict(list)
        for due, outcome in outcomes:
            by_outcome[outcome].append(due)
        if confirmed := by_outcome.pop(Outcome.CONFIRMED, None):
            await asyncio.to_thread(self._deliveries.delivered, [due.id for due in confirmed])
            self._fault = None
            self._back_off.well()
        for outcome, theirs in by_outcome.items():
            self._note(outcome)
            await self._release(theirs, self._back_off.longer(), outcome.value)

    def _note(self, fault: Outcome) -> None:
        """Tell once what is wrong; of a refusal the publisher tells."""
        if fault in _SAID and fault is not self._fault:
            log.error(_SAID[fault], agency=self._agency)
        self._fault = fault

    async def _release(self, batch: list[Due], after: timedelta, error: str) -> None:
        ids = [due.id for due in batch]
        at = datetime.now(UTC) + after
        await asyncio.to_thread(self._deliveries.release, ids, at, error, self._owner)
