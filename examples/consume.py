"""Takes an agency's alerts into a store of its own: python consume.py QUEUE

Settings: AMQP_URL (user and password of that agency), STORE (default alerts.db). Needs pika.
The store is SQLite here; put your own in its place and keep the order: store, then acknowledge.
"""

import json
import os
import sqlite3
import sys
import time
from typing import Any

import pika
from pika.exceptions import AMQPConnectionError

WAIT = 5
"""Seconds before trying again what is away: RabbitMQ, or the store."""


def main(queue: str) -> None:
    """Read for ever; RabbitMQ being away is no reason to end."""
    store = sqlite3.connect(os.environ.get("STORE", "alerts.db"))
    store.executescript(
        """
        CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS thread
            (subject TEXT PRIMARY KEY, sequence TEXT, change TEXT, data TEXT);
        """
    )
    while True:
        try:
            read(queue, store)
        except (AMQPConnectionError, OSError) as error:
            print(f"RabbitMQ is away ({type(error).__name__}); again", flush=True)
            time.sleep(WAIT)


def read(queue: str, store: sqlite3.Connection) -> None:
    """Take one alert after the other until the connection is lost."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    # One at a time: if an alert kills this program, only that one counts as failed.
    channel.basic_qos(prefetch_count=1)
    for method, _, body in channel.consume(queue):
        try:
            event = understood(body)
        except (ValueError, KeyError, TypeError) as fault:
            # It will never be understood: to the dead letters, where a person looks at it.
            channel.basic_reject(method.delivery_tag, requeue=False)
            print(f"put aside: {type(fault).__name__}", flush=True)
            continue
        while (done := take(store, event)) is None:
            # Our own store is away: keep the alert and wait. Giving it back would spend its
            # deliveries within milliseconds.
            connection.sleep(WAIT)
        channel.basic_ack(method.delivery_tag)  # only now, since it is stored
        print(f"{done}: {event['type']} {event['subject']} {event['sequence']}", flush=True)


def understood(body: bytes) -> dict[str, Any]:
    """Return the event; fields that we do not know are no fault, another version is."""
    event: dict[str, Any] = json.loads(body)
    if event["specversion"] != "1.0" or not event["type"].endswith(".v1"):
        raise ValueError("another version")
    for name in ("id", "subject", "sequence"):
        if not isinstance(event[name], str):
            raise TypeError(name)
    event["data"]["change"], event["data"]["service"]["id"]
    return event


def take(store: sqlite3.Connection, event: dict[str, Any]) -> str | None:
    """Store an event and say what it was: `new`, `repeat` or `older`; None: not stored.

    The whole state comes each time, so the highest sequence of a subject simply replaces what was
    there. `withdrawn` comes without fields: with it, what we were told is gone.
    """
    try:
        with store:  # one transaction
            if not store.execute("INSERT OR IGNORE INTO seen VALUES (?)", [event["id"]]).rowcount:
                return "repeat"
            data = event["data"]
            newer = store.execute(
                """
                INSERT INTO thread VALUES (?, ?, ?, ?)
                ON CONFLICT (subject) DO UPDATE
                SET sequence = excluded.sequence, change = excluded.change, data = excluded.data
                WHERE excluded.sequence > thread.sequence
                """,
                [event["subject"], event["sequence"], data["change"], json.dumps(data)],
            ).rowcount
            return "new" if newer else "older"
    except sqlite3.OperationalError:
        return None


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit()
