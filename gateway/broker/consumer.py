"""Receives alerts from a queue: leaving an alert's `with` acknowledges it, an exception leaves it.

with consume(url, topology, "education") as alerts:
    for alert in alerts:
        with alert:
            store(alert.body)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from pika.exceptions import AMQPError

from gateway.broker.connection import BrokerAway, blocking, masked
from gateway.broker.topology import Topology


class Received:
    """An alert that this consumer holds until its `with` ends; RabbitMQ waits 30 minutes."""

    def __init__(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.message_id: str = properties.message_id
        """The alert's id: an alert may come twice, and never with another id."""
        self.routing_key: str = method.routing_key
        self.type: str = properties.type
        self.body = body
        self.redelivered: bool = method.redelivered
        """It was handed out before, and not acknowledged."""
        self._channel = channel
        self._tag = method.delivery_tag
        self._settled = False

    def __enter__(self) -> Received:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._settled:
            return
        if kind is None:
            self._channel.basic_ack(self._tag)
        else:
            # `reject` and not `nack`: from 4.3 on only this counts against the delivery limit.
            # Where the connection is lost, RabbitMQ takes the alert back by itself.
            with suppress(AMQPError):
                self._channel.basic_reject(self._tag, requeue=True)

    def reject(self) -> None:
        """Put it aside, to the dead letters: for an alert that this consumer can never take."""
        self._channel.basic_reject(self._tag, requeue=False)
        self._settled = True


@contextmanager
def consume(
    url: str,
    topology: Topology,
    queue: str,
    *,
    prefetch: int = 1,
    idle: float | None = None,
    count: int | None = None,
) -> Iterator[Iterator[Received]]:
    """The alerts of `queue` (`education`, `education.dead`, ...), as long as there is no end.

    Ends after `idle` seconds without an alert, or after `count` alerts. An alert that is left goes
    back to the head of the queue and comes again, until the delivery limit makes it a dead letter;
    so does whatever else was prefetched: keep `prefetch` small. A caller that takes more than two
    minutes over one alert may lose the connection. Raises BrokerAway (what was not acknowledged
    comes again), BrokerRefused, TopologyFault.
    """
    name = topology.queue(queue).name
    with blocking(url, f"gateway consume {queue}", heartbeat=120) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=prefetch)
        yield _alerts(url, channel, name, idle, count)


def _alerts(
    url: str, channel: Any, queue: str, idle: float | None, count: int | None
) -> Iterator[Received]:
    deliveries = channel.consume(queue, inactivity_timeout=idle)
    for number, (method, properties, body) in enumerate(deliveries, start=1):
        if method is None:  # idle
            return
        if number == count:
            channel.cancel()  # before the last is acknowledged, or the next would be handed out
        yield Received(channel, method, properties, body)
        if number == count:
            return
    raise BrokerAway(f"RabbitMQ at {masked(url)} ended the queue {queue}: it was deleted or moved")
