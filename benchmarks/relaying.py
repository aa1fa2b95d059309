"""The relay beside raw pipelined confirms: the same alerts, the same broker, the same queue type."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

from benchmarks.intake import row
from gateway import broker
from gateway.journal import Alert, Codec, Journal, Message, Transaction, migrate
from gateway.relay import Relay
from gateway.settings import Settings

ALERTS, ROUNDS, BODY = 3000, 5, b"x" * 2048


def measure(amqp_url: str) -> Iterator[str]:
    """Yield one line: alerts a second by the relay, by raw publishing, and the ratio."""
    topology = broker.Topology(f"bench-{uuid4().hex[:8]}.")
    broker.apply(amqp_url, topology)
    try:
        pairs = [
            (asyncio.run(_relay(amqp_url, topology)), asyncio.run(_raw(amqp_url, topology)))
            for _ in range(ROUNDS)
        ]
    finally:
        broker.remove(amqp_url, topology)
    yield row("relay / raw pipelined confirms", pairs)


async def _relay(url: str, topology: broker.Topology) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'relay.db'}"
        migrate(database)
        settings = Settings(database_url=database, amqp_url=url, amqp_prefix=topology.prefix)  # type: ignore[arg-type]
        with Journal(database, Codec(bytes(32))) as journal:
            journal.transact(_fill).result()
            stop = asyncio.Event()
            begin = time.perf_counter()
            relaying = asyncio.create_task(Relay(settings, journal).run(stop))
            while await asyncio.to_thread(journal.deliveries.backlog):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            taken = time.perf_counter() - begin
            stop.set()
            await relaying
    return ALERTS / taken


def _fill(tx: Transaction) -> None:
    """Record alerts that are due, as intake would."""
    now = datetime.now(UTC)
    tx.lock_record("record", "referral")
    tx.add_message(
        Message(
            id="message", organisation="ods:RXA", kind="referral", event="referral",
            idempotency="id", action="new", record_ref="record", sent_at=now, received_at=now,
            bytes_hash="b", canonical_hash="c", media_type="application/json", credential_id=None,
        ),
        body=None,
        canonical=None,
    )  # fmt: skip
    thread = tx.add_thread("record", "A", "service", "education")
    for number in range(ALERTS):
        tx.add_alert(
            Alert(
                id=str(uuid4()), thread_id=thread.id, sequence=number + 1, record_version=1,
                message_id="message", type="created", basis="agreed", urgency="routine",
                routing_key="education.referral.none.routine", view_hash=None, decided_at=now,
            ),
            body=BODY,
            deliveries=[("amqp", "education")],
        )  # fmt: skip


async def _raw(url: str, topology: broker.Topology) -> float:
    """Publish with confirms, 500 in flight, and nothing else."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[AsyncioConnection] = loop.create_future()
    AsyncioConnection(
        pika.URLParameters(url), on_open_callback=opened.set_result, custom_ioloop=loop
    )
    connection = await opened
    ready: asyncio.Future[object] = loop.create_future()
    channel = connection.channel(on_open_callback=ready.set_result)
    await ready
    slots, settled, done = asyncio.Semaphore(500), 0, asyncio.Event()

    def on_confirm(frame: object) -> None:
        nonlocal settled
        tag = frame.method.delivery_tag  # type: ignore[attr-defined]
        for _ in range(settled, tag):
            slots.release()
        settled = max(settled, tag)
        if settled == ALERTS:
            done.set()

    channel.confirm_delivery(on_confirm)
    properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid4()))
    begin = time.perf_counter()
    for _ in range(ALERTS):
        await slots.acquire()
        channel.basic_publish(
            topology.alerts.name,
            "education.referral.none.routine",
            BODY,
            properties,
            mandatory=True,
        )
    await done.wait()
    taken = time.perf_counter() - begin
    connection.close()
    return ALERTS / taken
