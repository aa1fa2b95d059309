"""Takes what the journal says is due and delivers it; erases what has been kept long enough.

Any number of relays may run: a delivery is one relay's own while its lease lasts, and due again
when that relay dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

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
from gateway.journal import Due, Journal, JournalAway, Transaction
from gateway.logs import configure_logs
from gateway.settings import Settings
from gateway.storage import RELAY, open_journal

BATCH = 500
"""Deliveries claimed at once, and publications in flight."""
IDLE = 0.05
"""Seconds between looks at an empty journal."""
LOOK_AGAIN = 2.0
"""Seconds between looks for a topology that is incomplete."""
HEARTBEAT = 3.0
"""Seconds between signs of life."""
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
        self._publisher: Publisher | None = None
        self._channel: AmqpChannel | None = None
        if self._url:
            self._publisher = Publisher(
                self._url, self._topology, in_flight=BATCH, answer_within=self._lease * 0.6
            )
            self._channel = AmqpChannel(journal, self._publisher, self._owner)

    @property
    def state(self) -> str:
        """What readiness shows of the broker: `up`, or what is wrong."""
        if self._publisher is None or self._channel is None:
            return "embedded"
        if self._publisher.state != "up":
            return self._publisher.state
        if self._incomplete or self._channel.unroutable:
            return "topology incomplete"
        if self._channel.silent:
            return f"no answer from {', '.join(sorted(self._channel.silent))}"
        refusing = ", ".join(sorted(self._publisher.refusing))
        return f"refused by {refusing}" if refusing else "up"

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; what is in flight then is settled first."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._heartbeat(stop))
            tasks.create_task(self._upkeep(stop))
            if self._publisher:
                tasks.create_task(self._deliver(stop))
        if self._publisher:
            await self._publisher.close()

    async def _deliver(self, stop: asyncio.Event) -> None:
        assert self._publisher is not None
        assert self._channel is not None
        look_at = 0.0
        busy: dict[str, asyncio.Task[None]] = {}
        while not stop.is_set():
            for agency in [agency for agency, task in busy.items() if task.done()]:
                busy.pop(
                    agency
                ).result()  # an error that nobody expected ends this relay, and is told
            try:
                if self._publisher.state == "away":
                    await self._connect(stop)
                    continue
                if self._incomplete and time.monotonic() > look_at:
                    await self._look_again()
                    look_at = time.monotonic() + LOOK_AGAIN
                batch = await asyncio.to_thread(
                    self._journal.deliveries.claim,
                    "amqp",
                    self._owner,
                    BATCH,
                    self._lease,
                    self._channel.skipped | busy.keys(),
                )
            except JournalAway as away:
                log.error("the journal is away", why=str(away))
                await _wait(stop, 1.0)
                continue
            for agency in {due.target for due in batch}:
                theirs = [due for due in batch if due.target == agency]
                busy[agency] = asyncio.create_task(self._deliver_to(theirs))
            await _wait(stop, 0 if batch else IDLE)
        await asyncio.gather(*busy.values())

    async def _deliver_to(self, batch: list[Due]) -> None:
        """Deliver one agency's batch; the others do not wait for it."""
        assert self._channel is not None
        try:
            await self._channel.deliver(batch)
        except JournalAway as away:
            log.error("the journal is away", why=str(away))

    async def _connect(self, stop: asyncio.Event) -> None:
        """Connect, with jittered backoff, for ever; told once when the broker goes, and comes."""
        assert self._publisher is not None
        assert self._url is not None

        def tell(attempt: RetryCallState) -> None:
            if attempt.attempt_number == 1 and attempt.outcome:
                log.error("RabbitMQ is away; alerts wait", why=str(attempt.outcome.exception()))

        with suppress(BrokerError):
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(BrokerError),
                wait=wait_random_exponential(multiplier=0.2, max=10),
                stop=stop_when_event_set(stop),  # type: ignore[arg-type]
                sleep=lambda seconds: _wait(stop, seconds),
                before_sleep=tell,
                reraise=True,
            ):
                with attempt:
                    await self._publisher.connect()
                    self._incomplete = await asyncio.to_thread(missing, self._url, self._topology)
            log.info("RabbitMQ is there", missing=self._incomplete)

    async def _look_again(self) -> None:
        """See whether the topology is complete by now; meanwhile the other agencies are served."""
        assert self._url is not None
        with suppress(BrokerError):
            self._incomplete = await asyncio.to_thread(missing, self._url, self._topology)
            if not self._incomplete:
                log.info("the topology is complete")

    async def _heartbeat(self, stop: asyncio.Event) -> None:
        """Leave a sign of life with the broker's state, at once when that changes."""
        told, at = "", 0.0
        while not stop.is_set():
            if self.state != told or time.monotonic() - at > HEARTBEAT:
                told, at = self.state, time.monotonic()
                with suppress(JournalAway):
                    await asyncio.wrap_future(self._journal.transact(partial(_beat, told)))
            await _wait(stop, 0.2)

    async def _upkeep(self, stop: asyncio.Event) -> None:
        """Erase bodies that were held or refused for 30 days."""
        while not stop.is_set():
            try:
                erased = await asyncio.to_thread(self._journal.deliveries.erase_expired)
                if erased.held or erased.messages or erased.refused:
                    log.info(
                        "erased",
                        held=erased.held,
                        messages=erased.messages,
                        refused=erased.refused,
                    )
            except JournalAway as away:
                log.error("the journal is away", why=str(away))
            await _wait(stop, UPKEEP)


def _beat(state: str, tx: Transaction) -> None:
    tx.beat(RELAY, state, datetime.now(UTC))


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def run_relay(settings: Settings, *, while_stdin_is_open: bool = False) -> None:
    """Run one relay until SIGTERM or SIGINT, or until standard input ends."""
    journal, _ = open_journal(settings)
    with journal:
        asyncio.run(_run(Relay(settings, journal), while_stdin_is_open))


async def _run(relay: Relay, while_stdin_is_open: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    if while_stdin_is_open:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        parent = asyncio.create_task(reader.read())
        parent.add_done_callback(lambda _: stop.set())
        await relay.run(stop)
        parent.cancel()
    else:
        await relay.run(stop)


if __name__ == "__main__":  # as `serve` starts it: without the command's other modules
    configure_logs()
    run_relay(Settings(), while_stdin_is_open=True)
