"""Publishes alerts to RabbitMQ and tells the fate of each: pika's callbacks as awaitables."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal

import structlog
from pika import BasicProperties, DeliveryMode
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByClient
from pika.spec import Basic

from gateway.broker.connection import BrokerAway, away, parameters
from gateway.broker.topology import Topology

MAX_BODY = 4 * 1024 * 1024
"""Bytes. RabbitMQ 4 closes the channel over 16 MiB, with everything that is in flight on it."""
REFUSALS_BEFORE_REOPENING = 20
"""On 3.10 a channel that was opened in an election is told no for ever; a fresh one is not."""

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """What became of a publication. Only CONFIRMED is a delivery; all others leave it due."""

    CONFIRMED = "confirmed"
    """The agency's queue has it on disk."""
    UNROUTABLE = "unroutable"
    """No queue is bound for its routing key: `gateway topology apply` mends that."""
    REFUSED = "refused"
    """The queue is full, or is electing a leader: back off for this agency, 1 s doubling to 60 s,
    before sending to it again."""
    UNKNOWN = "unknown"
    """Connection or channel was lost, or no answer came: perhaps it is there. Send it again under
    the same id, and receivers drop the repeat."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One alert on its way to one queue. ValueError for what would close the channel on others."""

    alert_id: str
    agency: str
    routing_key: str
    """`<agency>.<kind>.<area, several or none>.<routine|urgent>`"""
    body: bytes
    """A CloudEvent in structured mode: `application/cloudevents+json`."""
    type: str
    """The event's type, such as `referral.created.v1`."""
    time: datetime
    """When the alert was decided, UTC."""

    def __post_init__(self) -> None:
        for name in ("alert_id", "routing_key", "type"):
            if not 0 < len(getattr(self, name).encode()) < 256:
                raise ValueError(f"alert {self.alert_id:.40}: {name} must have 1 to 255 bytes")
        if len(self.body) > MAX_BODY:
            raise ValueError(
                f"alert {self.alert_id}: {len(self.body)} bytes, at most {MAX_BODY} may be sent"
            )


class Publisher:
    """Sends through one connection and one channel at a time, many publications in flight at once.

    pika does not reconnect: when `state` is `away`, call `connect` again, with a jittered backoff.
    A channel that is lost or keeps refusing is replaced by itself, at most once a second.

    One publication that RabbitMQ cannot take at all closes the channel, and all that was in flight
    is UNKNOWN. Where `channels_lost` grew during a batch, send its UNKNOWN ones again one by one:
    the one at which it grows again is the culprit, and `last_fault` is what RabbitMQ says of it.
    """

    def __init__(
        self, url: str, topology: Topology, *, in_flight: int = 500, answer_within: float = 60
    ) -> None:
        """`url`: one address, or several with commas. `answer_within`: seconds, then UNKNOWN."""
        self.channels_lost = 0
        self.last_fault: str | None = None
        self._url = url
        self._exchange = topology.alerts.name
        self._slots = asyncio.Semaphore(in_flight)
        self._answer_within = answer_within
        self._connection: Any = None
        self._blocked = False
        self._channel: _Channel | None = None
        self._changing = asyncio.Lock()
        self._opened_at = float("-inf")
        self._refusals: Counter[str] = Counter()

    @property
    def state(self) -> Literal["up", "blocked", "away"]:
        """`blocked`: RabbitMQ is low on memory or disk and takes nothing; after 60 s it is away."""
        if self._connection is None or not self._connection.is_open:
            return "away"
        return "blocked" if self._blocked else "up"

    @property
    def refusing(self) -> frozenset[str]:
        """The agencies whose queue refused last."""
        return frozenset(self._refusals)

    async def connect(self) -> None:
        """Connect to the first node that answers, unless connected. Raises BrokerAway."""
        async with self._changing:
            if self.state != "away":
                return
            loop = asyncio.get_running_loop()
            done: asyncio.Future[Any] = loop.create_future()
            workflow = AsyncioConnection.create_connection(
                parameters(self._url, "gateway relay"),
                on_done=lambda result: _settle(done, result),
                custom_ioloop=loop,
            )
            try:
                connection = await done
            except asyncio.CancelledError:
                with suppress(AMQPConnectorException):  # it may have ended at this very moment
                    workflow.abort()
                raise
            if isinstance(connection, BaseException):
                raise away(self._url, connection)
            self._connection, self._blocked = connection, False
            connection.add_on_close_callback(self._on_connection_closed)
            connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked(True))
            connection.add_on_connection_unblocked_callback(lambda *_: self._on_blocked(False))
            await self._open_channel()

    async def close(self) -> None:
        """Close the connection; what is still in flight is UNKNOWN."""
        if self.state == "away":
            return
        closed = asyncio.Event()
        self._connection.add_on_close_callback(lambda *_: closed.set())
        self._connection.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), 5)

    async def publish(self, publication: Publication) -> Outcome:
        """Send and wait for RabbitMQ's word. Waits before sending while too many are in flight."""
        async with self._slots:
            try:
                channel = self._channel
                if channel is None or not channel.is_open:
                    channel = await self._replace(channel)
                sent = channel.send(self._exchange, publication, self._answer_within)
            except (BrokerAway, AMQPError):
                return Outcome.UNKNOWN
            outcome = await sent
        agency = publication.agency
        if outcome is Outcome.CONFIRMED and self._refusals.pop(agency, 0):
            log.info("agency takes alerts again", agency=agency)
        elif outcome is Outcome.REFUSED:
            self._refusals[agency] += 1
            if self._refusals[agency] == 1:
                log.warning("agency refuses alerts", agency=agency)
            if self._refusals[agency] % REFUSALS_BEFORE_REOPENING == 0:
                with suppress(BrokerAway):
                    await self._replace(channel)
        return outcome

    async def reopen(self) -> None:
        """Send through a fresh channel from now on; the old one still settles what it has.

        At most once a second: a call that comes sooner waits. Raises BrokerAway.
        """
        await self._replace(self._channel)

    async def _replace(self, old: _Channel | None) -> _Channel:
        if self.state == "away":
            raise BrokerAway("the connection to RabbitMQ was lost")
        async with self._changing:
            if self._channel is not None and self._channel is not old:
                return self._channel  # somebody else was here first
            await asyncio.sleep(self._opened_at + 1 - asyncio.get_running_loop().time())
            fresh = await self._open_channel()
            if old is not None:
                old.retire()
            return fresh

    async def _open_channel(self) -> _Channel:
        try:
            channel = _Channel(self._connection, self._on_channel_lost)
            await asyncio.wait_for(channel.ready, 5)
        except (AMQPError, TimeoutError) as error:
            raise away(self._url, error) from error
        self._channel, self._opened_at = channel, asyncio.get_running_loop().time()
        return channel

    def _on_channel_lost(self, fault: str) -> None:
        self.channels_lost += 1
        self.last_fault = fault
        log.error("RabbitMQ closed the channel", fault=fault)

    def _on_connection_closed(self, _: Any, reason: Exception) -> None:
        if not isinstance(reason, ConnectionClosedByClient):
            log.warning(
                "connection to RabbitMQ closed", reason=str(reason) or type(reason).__name__
            )

    def _on_blocked(self, blocked: bool) -> None:
        self._blocked = blocked
        log.warning("RabbitMQ takes nothing" if blocked else "RabbitMQ takes alerts again")


class _Channel:
    """A channel in confirm mode: numbers what it sends from 1, and settles a future for each.

    What begins with `_on` is called by pika, where an exception would kill the connection.
    """

    def __init__(self, connection: Any, on_lost: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._on_lost = on_lost
        self._last_tag = 0
        self._lowest_tag = 1
        self._by_tag: dict[int, asyncio.Future[Outcome]] = {}
        self._by_message: dict[tuple[str, str], asyncio.Future[Outcome]] = {}
        self._retired = False
        self._amqp = connection.channel(on_open_callback=self._on_open)
        self._amqp.add_on_close_callback(self._on_close)
        self._amqp.add_on_return_callback(self._on_return)

    @property
    def is_open(self) -> bool:
        return bool(self._amqp.is_open)

    def send(
        self, exchange: str, publication: Publication, answer_within: float
    ) -> asyncio.Future[Outcome]:
        """Raises AMQPError where the channel is closed: then nothing was sent."""
        self._amqp.basic_publish(
            exchange,
            publication.routing_key,
            publication.body,
            BasicProperties(
                content_type="application/cloudevents+json",
                delivery_mode=DeliveryMode.Persistent.value,
                message_id=publication.alert_id,
                timestamp=int(publication.time.timestamp()),
                type=publication.type,
            ),
            mandatory=True,
        )
        sent: asyncio.Future[Outcome] = self._loop.create_future()
        self._last_tag += 1
        self._by_tag[self._last_tag] = sent
        key = (publication.alert_id, publication.routing_key)
        self._by_message[key] = sent
        no_answer = self._loop.call_later(answer_within, _settle, sent, Outcome.UNKNOWN)

        def settled(_: object) -> None:
            no_answer.cancel()
            if self._by_message.get(key) is sent:
                del self._by_message[key]

        sent.add_done_callback(settled)
        return sent

    def retire(self) -> None:
        """Close as soon as everything that was sent is settled."""
        self._retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and not self._by_tag and self.is_open:
            self._amqp.close()

    def _on_open(self, _: Any) -> None:
        self._amqp.confirm_delivery(self._on_confirm, lambda _: _settle(self.ready, None))

    def _on_confirm(self, frame: Any) -> None:
        outcome = Outcome.CONFIRMED if isinstance(frame.method, Basic.Ack) else Outcome.REFUSED
        tag = frame.method.delivery_tag
        first = self._lowest_tag if frame.method.multiple else tag
        for settled in range(first, tag + 1):
            if sent := self._by_tag.pop(settled, None):
                _settle(sent, outcome)
        if frame.method.multiple:
            self._lowest_tag = tag + 1
        self._close_if_done()

    def _on_return(self, _: Any, method: Any, properties: Any, body: bytes) -> None:
        # A return carries no tag and comes before its ack, which then finds the future settled.
        if sent := self._by_message.get((properties.message_id, method.routing_key)):
            _settle(sent, Outcome.UNROUTABLE)

    def _on_close(self, _: Any, reason: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(reason)
        for sent in self._by_tag.values():
            _settle(sent, Outcome.UNKNOWN)
        self._by_tag.clear()
        if isinstance(reason, ChannelClosedByBroker):
            self._on_lost(f"{reason.reply_code} {reason.reply_text}")


def _settle(future: asyncio.Future[Any], result: object) -> None:
    """The first word counts."""
    if not future.done():
        future.set_result(result)
