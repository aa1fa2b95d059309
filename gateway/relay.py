"""Takes what the journal says is due and delivers it; erases what has been kept long enough.

Any number of relays may run: a delivery is one relay's own while its lease lasts, and due again
when that relay dies.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_when_event_set,
    wait_random_exponential,
)

from gateway.broker import BrokerError, Publisher, Topology, missing
from gateway.delivery.amqp import AmqpChannel
from gateway.journal import Journal, JournalAway
from gateway.logs import configure_logs
from gateway.running import heartbeat, run_until_told, wait
from gateway.settings import Settings
from gateway.storage import RELAY, open_journal
from schemas.words import AGENCIES, Agency

if TYPE_CHECKING:
    from gateway.delivery.mesh import MeshChannel

BATCH = 500
"""Deliveries claimed at once, and publications in flight."""
IDLE = 0.05
"""Seconds between looks at a journal in which nothing is due."""
LOOK_AGAIN = 2.0
"""Seconds between looks for a topology that is incomplete."""
UPKEEP = 600.0
"""Seconds between looks for bodies that have been kept long enough."""

log = structlog.get_logger(__name__)


class Relay:
    """One relay: connects, claims, delivers, for ever."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._journal = journal
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._lease = settings.lease_seconds
        self._url = settings.amqp_url.get_secret_value() if settings.amqp_url else None
        self._topology = Topology(settings.amqp_prefix)
        self._incomplete: list[str] = []
        self._lanes = (
            {agency: self._lane(agency, self._url) for agency in AGENCIES} if self._url else {}
        )
        self._awake = {agency: asyncio.Event() for agency in self._lanes}
        self._mesh = self._mesh_lane(settings) if settings.mesh_url else None

    def _lane(self, agency: str, url: str) -> AmqpChannel:
        publisher = Publisher(url, self._topology, in_flight=BATCH, answer_within=self._lease * 0.6)
        return AmqpChannel(self._journal, publisher, agency, self._owner)

    def _mesh_lane(self, settings: Settings) -> MeshChannel:
        # Only here: a relay without MESH starts without its client, and without the directory.
        from gateway.delivery.mesh import MeshChannel
        from gateway.directory import Directory

        directory = Directory.load(settings.directory)
        return MeshChannel(self._journal, settings, directory, self._owner)

    @property
    def state(self) -> str:
        """What readiness shows of the broker: `up`, or what is wrong."""
        if not self._lanes:
            return "embedded"
        states = {lane.state for lane in self._lanes.values()} - {"up"}
        if self._incomplete:
            states.add("topology incomplete")
        worst = [state for state in ("away", "blocked", "topology incomplete") if state in states]
        return worst[0] if worst else ", ".join(sorted(states)) or "up"

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; what is in flight then is settled first."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(heartbeat(self._journal, RELAY, lambda: self.state, stop))
            tasks.create_task(self._upkeep(stop))
            tasks.create_task(self._watch(stop))
            if self._lanes:
                tasks.create_task(self._look(stop))
            for agency, lane in self._lanes.items():
                tasks.create_task(self._deliver(stop, agency, lane))
            if self._mesh:
                tasks.create_task(self._mesh.run(stop))
        await asyncio.gather(*(lane.publisher.close() for lane in self._lanes.values()))

    async def _look(self, stop: asyncio.Event) -> None:
        """Look for all agencies at once: wake those with something due, or with a lost connection."""
        while not stop.is_set():
            try:
                waiting = await asyncio.to_thread(
                    self._journal.deliveries.waiting, "amqp", self._lanes
                )
                for agency, lane in self._lanes.items():
                    if agency in waiting or lane.publisher.state == "away":
                        self._awake[agency].set()
                await wait(stop, IDLE)
            except JournalAway as away:
                log.error("the journal is away", why=str(away))
                await wait(stop, 1.0)
        for awake in self._awake.values():
            awake.set()

    async def _deliver(self, stop: asyncio.Event, agency: Agency, lane: AmqpChannel) -> None:
        """Deliver to one agency, for ever; the others do not wait for it."""
        others = set(AGENCIES) - {agency}
        claim = partial(
            self._journal.deliveries.claim, "amqp", self._owner, BATCH, self._lease, others
        )
        while not stop.is_set():
            try:
                if lane.publisher.state == "away":
                    await self._connect(stop, lane.publisher)
                elif lane.rests:
                    await wait(stop, IDLE)
                else:
                    self._awake[agency].clear()  # before the claim: the end may be told meanwhile
                    if batch := await asyncio.to_thread(claim):
                        await lane.deliver(batch)
                    else:
                        await self._awake[agency].wait()
            except JournalAway as away:
                log.error("the journal is away", why=str(away))
                await wait(stop, 1.0)

    async def _watch(self, stop: asyncio.Event) -> None:
        """Look again at a topology that is incomplete; meanwhile the other agencies are served."""
        while not stop.is_set():
            await wait(stop, LOOK_AGAIN)
            if self._incomplete:
                await self._look_again()

    async def _connect(self, stop: asyncio.Event, publisher: Publisher) -> None:
        """Connect, with jittered backoff, for ever; told once when the broker goes, and comes."""
        assert self._url is not None

        def tell(attempt: RetryCallState) -> None:
            if attempt.attempt_number == 1 and attempt.outcome:
                log.error("RabbitMQ is away; alerts wait", why=str(attempt.outcome.exception()))

        with suppress(BrokerError):
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(BrokerError),
                wait=wait_random_exponential(multiplier=0.2, max=10),
                stop=stop_when_event_set(stop),  # type: ignore[arg-type]
                sleep=lambda seconds: wait(stop, seconds),
                before_sleep=tell,
                reraise=True,
            ):
                with attempt:
                    await publisher.connect()
                    self._incomplete = await asyncio.to_thread(missing, self._url, self._topology)
            log.info("RabbitMQ is there", missing=self._incomplete)

    async def _look_again(self) -> None:
        """See whether the topology is complete by now; meanwhile the other agencies are served."""
        assert self._url is not None
        with suppress(BrokerError):
            self._incomplete = await asyncio.to_thread(missing, self._url, self._topology)
            if not self._incomplete:
                log.info("the topology is complete")

    async def _upkeep(self, stop: asyncio.Event) -> None:
        """Erase bodies that were held or refused for 30 days."""
        while not stop.is_set():
            try:
                erased = await asyncio.to_thread(self._journal.erase_expired)
                if erased.held or erased.messages or erased.refused:
                    log.info(
                        "erased",
                        held=erased.held,
                        messages=erased.messages,
                        refused=erased.refused,
                    )
            except JournalAway as away:
                log.error("the journal is away", why=str(away))
            await wait(stop, UPKEEP)


def run_relay(settings: Settings, *, while_stdin_is_open: bool = False) -> None:
    """Run one relay until SIGTERM or SIGINT, or until standard input ends."""
    with open_journal(settings) as journal:
        running = run_until_told(
            Relay(settings, journal).run, while_stdin_is_open=while_stdin_is_open
        )
        asyncio.run(running)


if __name__ == "__main__":  # as `serve` starts it: without the command's other modules
    configure_logs()
    run_relay(Settings(), while_stdin_is_open=True)
