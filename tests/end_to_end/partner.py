"""A partner's consumer, as a partner would write it: plain pika, a small prefetch, an ack for each."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from tests.end_to_end.running import eventually

QUEUES = ("education", "health", "social-care")
LOST = (AMQPError, AMQPConnectorException, OSError)


@dataclass(frozen=True)
class Arrived:
    """One message as it came from a queue."""

    queue: str
    routing_key: str
    properties: pika.BasicProperties
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body's CloudEvent."""
        event: dict[str, Any] = orjson.loads(self.body)
        return event


class Partner:
    """Reads the agencies' queues in the background, and connects again when the broker was away."""

    def __init__(self, url: str, prefix: str, queues: Iterable[str] = QUEUES) -> None:
        self._url, self._prefix, self._queues = url, prefix, tuple(queues)
        self._ends = threading.Event()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self.arrived: list[Arrived] = []

    def __enter__(self) -> Partner:
        self._reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._reading.join(10)

    @property
    def ids(self) -> set[str]:
        """The ids of the alerts that came, each once."""
        return {arrived.properties.message_id for arrived in list(self.arrived)}

    def got(self, ids: Collection[str], seconds: float = 10.0) -> list[Arrived]:
        """Wait until these alerts have come, and return them, in the order of their coming."""
        missing: set[str] = set(ids)
        try:
            eventually(lambda: not missing.difference(self.ids), seconds)
        except TimeoutError:
            missing -= self.ids
            raise AssertionError(f"{len(missing)} of {len(ids)} alerts never came") from None
        return [a for a in list(self.arrived) if a.properties.message_id in ids]

    def about(self, thread: str) -> list[Arrived]:
        """What has come so far of one thread."""
        return [a for a in list(self.arrived) if a.event["subject"] == thread]

    def _read(self) -> None:
        while not self._ends.is_set():
            with suppress(*LOST):
                self._read_until_lost()
            self._ends.wait(0.1)

    def _read_until_lost(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=20)
            for queue in self._queues:
                channel.basic_consume(self._prefix + queue, self._take, consumer_tag=queue)
            while not self._ends.is_set():
                connection.process_data_events(time_limit=0.1)

    def _take(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.arrived.append(Arrived(method.consumer_tag, method.routing_key, properties, body))
        channel.basic_ack(method.delivery_tag)
